"""A spam run: sends a campaign to one server, as a botnet would. It forges senders, and never retries.

Prints JSON lines: ``{"sent": N}`` as it goes on, ``{"paused": N}`` where it was told to pause and waits for a line on
standard input, and at the end ``{"sent": N, "seconds": S, "outcomes": {kind: {outcome:
N}}}``; outcomes are ``accepted``, ``refused`` (5xx), ``deferred`` (4xx) and ``lost`` (no reply).
"""

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from smtpfront.lab.campaign import Spam, campaign
from smtpfront.lab.peer import Client, Reply

AT_ONCE = 40
_MESSAGES_A_CONNECTION = 5
_REPORT_SECONDS = 0.2


class SpamRun:
    """One run. ``sent`` and ``outcomes`` may be read at any time."""

    def __init__(self, host: str, port: int, mails: Iterator[Spam]) -> None:
        """Take the server and what it is to be sent."""
        self.sent = 0
        self.outcomes: dict[str, Counter[str]] = {}
        self._host = host
        self._port = port
        self._mails = mails

    async def send(self, at_once: int = AT_ONCE) -> None:
        """Send everything, over ``at_once`` connections at a time."""
        await self.send_some(None, at_once)

    async def send_some(self, messages: int | None, at_once: int = AT_ONCE) -> None:
        """Send so many of what is left, all where None; returns when the last of them has its reply."""
        mails = itertools.islice(self._mails, messages)
        async with asyncio.TaskGroup() as group:
            for number in range(at_once):
                group.create_task(self._bot(number, mails))

    async def _bot(self, number: int, mails: Iterator[Spam]) -> None:
        """Send over one connection after the other, until nothing is left."""
        client: Client | None = None
        left = 0
        for mail in mails:
            if client is None or not client.usable or not left:
                if client is not None:
                    await client.close()
                client = await Client.connect(self._host, self._port, f"bot{number}.example.org")
                left = _MESSAGES_A_CONNECTION
            left -= 1
            reply = Reply(0) if client is None else await client.deliver(mail.sender, mail.recipient, mail.content)
            self.outcomes.setdefault(mail.kind, Counter())[outcome_of(reply)] += 1
            self.sent += 1
        if client is not None:
            await client.close()


def outcome_of(reply: Reply) -> str:
    """Give the word for a reply."""
    return {2: "accepted", 4: "deferred", 5: "refused"}.get(reply.code // 100, "lost")


async def _report(run: SpamRun) -> None:
    """Print how far it is."""
    while True:
        await asyncio.sleep(_REPORT_SECONDS)
        print(json.dumps({"sent": run.sent}), flush=True)  # noqa: T201 - how it is read


async def _run(options: argparse.Namespace) -> None:
    """Send the campaign and print what came of it."""
    host, _, port = options.to.rpartition(":")
    run = SpamRun(host, int(port), campaign(options.messages, options.unknown, options.seed))
    began = time.monotonic()
    reporting = asyncio.create_task(_report(run))
    for mark in options.pause_at:
        await run.send_some(int(options.messages * mark) - run.sent, options.at_once)
        print(json.dumps({"sent": run.sent, "paused": run.sent}), flush=True)  # noqa: T201 - how it is read
        await asyncio.to_thread(sys.stdin.readline)
    await run.send(options.at_once)
    reporting.cancel()
    seconds = time.monotonic() - began
    print(json.dumps({"sent": run.sent, "seconds": seconds, "outcomes": run.outcomes}), flush=True)  # noqa: T201 - as above


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m smtpfront.lab.spamrun", description="Send a spam run.")
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="the server that gets it")
    parser.add_argument("--messages", type=int, default=20_000, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--unknown", type=float, default=0.4, metavar="SHARE", help="of unknown users, 0 to 1")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same messages")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, metavar="N", help="connections (default: %(default)s)")
    parser.add_argument(
        "--pause-at", type=float, action="append", default=[], metavar="SHARE", help="pause there, in rising order"
    )
    asyncio.run(_run(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
