"""A storm of false bounces to one victim, with a few genuine ones among them: what a forged spam run leaves behind.

It stands for the mail servers of the world that accept first and bounce later. Which kinds there are says ``bounces``.
Prints JSON lines as the spam run does.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from smtpfront.lab.bounces import Original, bounces
from smtpfront.lab.spamrun import AT_ONCE, SpamRun


async def _run(options: argparse.Namespace) -> None:
    """Send the storm and print what came of it."""
    host, _, port = options.to.rpartition(":")
    originals = msgspec.json.decode(options.originals.read_bytes(), type=list[Original]) if options.originals else []
    run = SpamRun(host, int(port), bounces(options.false, originals, options.victim, options.seed))
    began = time.monotonic()
    await run.send(options.at_once)
    said = {"sent": run.sent, "seconds": time.monotonic() - began, "outcomes": run.outcomes}
    print(json.dumps(said), flush=True)  # noqa: T201 - how it is read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m smtpfront.lab.storm", description="Send a storm of bounces.")
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="the server that gets it")
    parser.add_argument("--victim", required=True, metavar="ADDRESS", help="whose address was forged")
    parser.add_argument("--false", type=int, default=720, metavar="N", help="false bounces (default: %(default)s)")
    parser.add_argument("--originals", type=Path, metavar="FILE", help="JSON: the mail whose bounces are genuine")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same bounces")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, metavar="N", help="connections (default: %(default)s)")
    asyncio.run(_run(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
