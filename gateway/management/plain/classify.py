"""``classify FILE.eml...``: what kind of automatic mail each file is, and why. No store is needed."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.backscatter.kinds import classify


def main(arguments: Sequence[str]) -> int:
    """Run the command; gives the exit status, 1 where a file could not be read; the others are told all the same."""
    options = _parser().parse_args(arguments)
    status = 0
    for name in options.files:
        try:
            raw = Path(name).read_bytes()
        except OSError as error:
            sys.stderr.write(f"classify: {name}: {error.strerror}\n")
            status = 1
            continue
        found = classify(raw, sender=options.sender)
        if options.json:
            told = {"file": name, "kind": found.kind.value, "evidence": list(found.evidence)}
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(f"{name}: {found.kind.value}\n" + "".join(f"  {fact}\n" for fact in found.evidence))
    return status


def _parser() -> argparse.ArgumentParser:
    """Declare the arguments."""
    parser = argparse.ArgumentParser(description="Say what kind of automatic mail a message is, and why.")
    parser.add_argument("files", nargs="+", metavar="FILE.eml", help="a message as it came, one a file")
    parser.add_argument(
        "--sender",
        metavar="ADDRESS",
        help="the envelope sender, '' for the null sender (default: the header Return-Path)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a file")
    return parser
