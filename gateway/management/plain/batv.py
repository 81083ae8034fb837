"""``batv sign ADDRESS``, ``batv check ADDRESS``: tags of sender addresses. With ``--key`` no store is needed."""

import argparse
import datetime
import json
import sys
import time
from collections.abc import Sequence

from gateway import config as node_config
from gateway.backscatter import batv
from gateway.outbound import keys
from gateway.policy.codec import PolicyError

_SECONDS_A_DAY = 86400
_NO_KEY = "no key signs yet; make one in the console and publish, or give one with --key"


def main(arguments: Sequence[str]) -> int:
    """Run the command; gives the exit status. A check that finds a forgery has not failed."""
    options = _parser().parse_args(arguments)
    try:
        known = (batv.Key(options.key_number, options.key.encode()),) if options.key is not None else _published()
        told = (_sign if options.what == "sign" else _check)(options.address, known, options.at)
    except (ValueError, OSError, PolicyError, node_config.ConfigError) as error:
        sys.stderr.write(f"batv: {error}\n")
        return 1
    sys.stdout.write((json.dumps(told, ensure_ascii=False) if options.json else _words(told)) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    """Declare the arguments."""
    parser = argparse.ArgumentParser(description="Sign a sender address, or check a tag (BATV).")
    parser.add_argument(
        "what", choices=("sign", "check"), help="give the address with a tag, or say what its tag is worth"
    )
    parser.add_argument("address", metavar="ADDRESS", help="local@domain; what is signed is exactly what is given")
    parser.add_argument("--key", metavar="SECRET", help="this key, instead of those of the published policy")
    parser.add_argument("--key-number", type=int, default=0, choices=range(10), metavar="K", help="0 to 9 (default: 0)")
    parser.add_argument("--at", type=_day, metavar="ISO-TIME", help="as of this time, in UTC where it names no zone")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _day(text: str) -> int:
    """Give the day since 1970, in UTC, of a time in ISO 8601."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-11-21 or 2026-11-21T10:00:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp() // _SECONDS_A_DAY)


def _published() -> tuple[batv.Key, ...]:
    """Give the keys of the policy that is in force. Raises ConfigError, PolicyError, OSError."""
    return keys.published(node_config.load())


def _sign(address: str, known: Sequence[batv.Key], at: int | None) -> dict[str, str]:
    """Sign. Raises ValueError."""
    today = int(time.time() // _SECONDS_A_DAY) if at is None else at
    key = batv.signing_key(known, today)
    if key is None:
        raise ValueError(_NO_KEY)
    return {"address": address, "signed": batv.sign(address, key, today)}


def _check(address: str, known: Sequence[batv.Key], at: int | None) -> dict[str, str]:
    """Check."""
    today = int(time.time() // _SECONDS_A_DAY) if at is None else at
    checked = batv.check(address, known, today)
    return {"address": address, "original": checked.original, "result": checked.result.value}


def _words(told: dict[str, str]) -> str:
    """Give the answer as a person reads it."""
    return told["signed"] if "signed" in told else f"{told['result']}: {told['original']}"
