"""``judge FILE.eml... --recipient B``: whether an automatic message answers mail that we sent, and why.

It reads policy, keys and ledger of the node, and changes nothing: a proof is looked at here, not used up.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gateway import config as node_config
from gateway.backscatter import judge
from gateway.backscatter.words import Judged, SecretGoneError
from gateway.checks.judging import tools_of
from gateway.policy import codec
from gateway.policy.codec import PolicyError
from gateway.policy.feed import FILE
from gateway.services import secrets
from gateway.services.ledger import LedgerError, peek

_READ = 1_048_576  # octets of a message that are looked at, as at the end of DATA


def main(arguments: Sequence[str]) -> int:
    """Run the command; gives the exit status. A forgery that is found is no failure."""
    options = _parser().parse_args(arguments)
    try:
        tools = _tools(node_config.load())
    except (OSError, ValueError, PolicyError, LedgerError, node_config.ConfigError) as error:
        sys.stderr.write(f"judge: {error}\n")
        return 1
    failed = False
    for file in options.files:
        try:
            with Path(file).open("rb") as opened:
                raw = opened.read(_READ)
        except OSError as error:
            sys.stderr.write(f"judge: {file}: {error.strerror}\n")
            failed = True
            continue
        try:
            judged = judge.judge(raw, options.recipient, sender=_sender(options.sender), tools=tools, now=time.time())
        except SecretGoneError as error:
            sys.stderr.write(f"judge: {file}: {error}\n")
            failed = True
            continue
        sys.stdout.write((_object(file, judged) if options.json else _words(file, judged)) + "\n")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    """Declare the arguments."""
    parser = argparse.ArgumentParser(description="Say whether an automatic message answers mail that we sent, and why.")
    parser.add_argument("files", nargs="+", metavar="FILE.eml", help="a message as it came")
    parser.add_argument("--recipient", required=True, metavar="B", help="the envelope recipient, tag and all")
    parser.add_argument("--sender", metavar="A", help="the envelope sender; empty, or <>, for the null sender")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    return parser


def _tools(config: node_config.Config) -> judge.Tools:
    """Give what the node judges with; nothing where no gateway ran. Raises PolicyError, LedgerError, OSError."""
    if not (config.policy_folder / FILE).exists():
        return judge.Tools()
    snapshot = codec.load(config.policy_folder / FILE)
    ledger = peek(config.home, config.secrets_folder)
    return tools_of(snapshot, config.name, ledger, lambda name: secrets.read(config.secrets_folder, name))


def _sender(text: str | None) -> str | None:
    """Give the envelope sender as the judge knows it: empty for the null sender, None where nothing is said."""
    return None if text is None else text.strip("<>")


def _object(file: str, judged: Judged) -> str:
    """Give the answer for programs."""
    told = {
        "file": file,
        "kind": judged.kind.value,
        "verdict": judged.verdict.value,
        "because": judged.because,
        "evidence": [{"name": each.name, "force": each.force.value, "detail": each.detail} for each in judged.evidence],
    }
    return json.dumps(told, ensure_ascii=False)


def _words(file: str, judged: Judged) -> str:
    """Give the answer for people."""
    lines = [f"{file}: {judged.verdict}, because {judged.because} (kind: {judged.kind})"]
    return "\n".join([*lines, *(f"  {each.force:8} {each.name}: {each.detail}" for each in judged.evidence)])
