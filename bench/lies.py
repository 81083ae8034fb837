"""Mails that lie about their parts, and ordinary mail from outside: what the whole pipeline does with each.

    python -m bench.lies [--json] [--list] [--family NAME] [--ordinary | --lies] [--save FOLDER]

Each goes the way of ``explain``, with the default policy, a real clamd that knows the test file of EICAR, and DNS that
gives no answer. At most 2 of 100 lies may be delivered or tagged, and at most 2 of 1000 ordinary mails may be held.
What got through, or was held, is listed with the reason.
"""

import argparse
import contextlib
import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from unittest import mock

import msgspec

from bench import rig
from gateway import config as node_config
from gateway.checks import catalog as checks
from gateway.explain import Question, content_of, explain
from gateway.mail.decisions import Action
from gateway.policy.matching import Policy
from gateway.services.inspector import Inspector
from smtpfront.lab.nameserver import Records
from tests.lies import catalog, outside
from tests.lies.building import COMBINED, CONTENT, CONTROL, HARMLESS, NAME, SIGNS
from tests.nameserving import serving

LIES_BOUND = 0.02
ORDINARY_BOUND = 0.002
LYING = (CONTENT, NAME, SIGNS, COMBINED)
OPEN = {Action.DELIVER, Action.TAG}


# The sender's host and domain are in order; of all others nobody can say anything.
_ZONE: dict[str, Records] = {
    "1.2.0.192.in-addr.arpa": {"PTR": ["client.other.test."]},
    "client.other.test": {"A": ["192.0.2.1"]},
    "other.test": {"A": ["192.0.2.1"], "MX": ["10 client.other.test."], "TXT": ['"v=spf1 a -all"']},
    "_dmarc.other.test": {},
}


def zone(name: str) -> Records | str:
    """Give what the name server knows of a name."""
    return _ZONE.get(name, "servfail")


class Mail(msgspec.Struct, frozen=True):
    """One mail to try: its name, the group that it is counted in, its octets."""

    name: str
    group: str
    raw: bytes


class Tried(msgspec.Struct, frozen=True):
    """What the pipeline did with one, why, and what our checks of its parts said."""

    name: str
    group: str
    action: Action
    symbol: str
    because: str
    seconds: float

    @property
    def held(self) -> bool:
        """Whether it did not reach the recipient as it was."""
        return self.action not in OPEN


class Pipeline:
    """The way of ``explain``, with a policy of defaults."""

    def __init__(self, home: Path, clamd: str, nameserver: str) -> None:
        """Take an empty folder, the socket of a clamd and the address of a name server."""
        self._config = node_config.load(
            {
                "BACKSTOP_NODE__HOME": str(home),
                "BACKSTOP_NODE__NAME": "mx.example.test",
                "BACKSTOP_CLAMD__SOCKET": clamd,
                "BACKSTOP_CLAMD__SECONDS": "60",
                "BACKSTOP_DNS__SERVERS": f'["{nameserver}"]',
            }
        )
        self._policy = Policy(rig.snapshot(9))

    def tries(self, mail: Mail, *, sender: str = "them@other.test") -> Tried:
        """Run one mail through."""
        began = time.perf_counter()
        question = Question(sender, ("alice@example.test",), "192.0.2.1", "client.other.test")
        trace = explain(self._config, self._policy, question, content_of(mail.raw))
        decision = trace.recipients[0].decision
        if decision is None:
            raise RuntimeError(f"{mail.name}: nothing was decided")
        spent = time.perf_counter() - began
        symbol = f"{decision.check}:{decision.symbol}"
        return Tried(mail.name, mail.group, decision.action, symbol, decision.because, spent)


def lying() -> Iterator[Mail]:
    """Give the lies and the control groups."""
    for each in (*catalog.lies(), *catalog.plain(), *catalog.harmless()):
        yield Mail(each.name, each.family, each.raw)


def ordinary() -> Iterator[Mail]:
    """Give ordinary mail from outside."""
    for source, name, raw in outside.mails():
        yield Mail(f"{hashlib.sha256(raw).hexdigest()[:16]} {name}", source, raw)


def run(mails: Iterable[Mail]) -> list[Tried]:
    """Try them all."""
    inspector = Inspector()
    with (
        rig.folder() as home,
        rig.clamd(home) as scanner,
        serving(zone) as nameserver,
        contextlib.closing(inspector),
        mock.patch.object(checks, "Inspector", return_value=inspector),  # or each mail would start a helper of its own
    ):
        pipeline = Pipeline(home / "node", scanner, nameserver.address)
        return [pipeline.tries(each) for each in mails]


def share_open(tried: list[Tried]) -> float:
    """Give the share of mails that reached the recipient as they were."""
    return sum(not each.held for each in tried) / len(tried)


def told(tried: list[Tried], group: str) -> str:
    """Give one line on a group."""
    of_group = [each for each in tried if each.group == group]
    actions = Counter(str(each.action) for each in of_group)
    counts = ", ".join(f"{count} {action}" for action, count in sorted(actions.items()))
    through = sum(not each.held for each in of_group)
    slowest = max(of_group, key=lambda each: each.seconds)
    return (
        f"{group:18} {len(of_group):5}  not held {through:4} ({through / len(of_group):6.1%})  {counts}; "
        f"slowest {slowest.seconds:.2f} s ({slowest.name})"
    )


def main() -> int:
    """Print the tables, and fail where a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object a mail")
    parser.add_argument("--list", action="store_true", help="only name the constructions, with what they say")
    parser.add_argument("--family", help="only this family, or this construction")
    parser.add_argument("--ordinary", action="store_true", help="only ordinary mail")
    parser.add_argument("--lies", action="store_true", help="only lies and control groups")
    parser.add_argument("--save", type=Path, help="write the mails into a folder instead")
    options = parser.parse_args()
    if options.list:
        sys.stdout.writelines(f"{each.family:18} {each.name}: {each.says}\n" for each in catalog.lies())
        return 0
    mails = [*([] if options.ordinary else lying()), *([] if options.lies else ordinary())]
    if options.family:
        mails = [each for each in mails if options.family in {each.group, each.name}]
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
        for each in mails:
            (options.save / f"{each.name.replace('/', '_').replace(' ', '_')}.eml").write_bytes(each.raw)
        return 0
    tried = run(mails)
    if options.json:
        sys.stdout.writelines(json.dumps(msgspec.to_builtins(each)) + "\n" for each in tried)
    return _judged(tried, quiet=options.json)


def _judged(tried: list[Tried], *, quiet: bool) -> int:
    """Say what broke a bound; gives the exit status."""
    out = sys.stderr if quiet else sys.stdout
    groups = dict.fromkeys(each.group for each in tried)
    out.writelines(told(tried, group) + "\n" for group in groups)
    lies = [each for each in tried if each.group in LYING]
    through = [each for each in lies if not each.held]
    through += [each for each in tried if each.group == CONTROL and not each.held]
    others = [each for each in tried if each.group not in {*LYING, CONTROL, HARMLESS}]
    held = [each for each in others if each.held]
    wrong = held + [each for each in tried if each.group == HARMLESS and each.held]
    out.writelines(f"through  {each.group:18} {each.name}: {each.action}, {each.because[:200]}\n" for each in through)
    out.writelines(f"held     {each.group:18} {each.name}: {each.action}, {each.because[:200]}\n" for each in wrong)
    ok = not any(each.group == CONTROL for each in through)
    for families in ((CONTENT, NAME), (SIGNS,), (COMBINED,)):
        if of_them := [each for each in lies if each.group in families]:
            share = share_open(of_them)
            ok = ok and share <= LIES_BOUND
            what = " and ".join(families)
            out.write(f"{what}: {share:.2%} of {len(of_them)} delivered or tagged (bound {LIES_BOUND:.1%})\n")
    if others:
        share = 1 - share_open(others)
        ok = ok and share <= ORDINARY_BOUND
        symbols = Counter(each.symbol for each in held)
        out.write(f"ordinary: {share:.2%} of {len(others)} held (bound {ORDINARY_BOUND:.1%}) {dict(symbols)}\n")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
