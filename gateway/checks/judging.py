"""What the three checks of bounces share: one judgement a message and recipient, made when the first of them asks.

It hands the judge what the policy names: keys, secrets, our domains. Mail that leaves is not judged.
"""

import abc
import asyncio
import datetime
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from gateway.backscatter import judge
from gateway.backscatter.ledger import Ledger
from gateway.backscatter.words import Evidence, Force, Judged, Verdict
from gateway.checks.base import Check, Seen, View, skipped
from gateway.mail.address import AddressError, parse_mailbox
from gateway.mail.findings import Finding, Outcome
from gateway.mail.stages import Stage
from gateway.outbound import keys
from gateway.policy.recipients import ALWAYS_DELIVERABLE
from gateway.policy.snapshot import Snapshot

ReadSecret = Callable[[str], str | None]
Judgements = Mapping[str, Judged]

# What checks of earlier stages found, by the name that it has as evidence.
_BESIDES = {"null_sender_lists": "backscatter_list", "null_sender_rate": "null_sender_rate"}
_READ = 1_048_576  # octets of a message that the judge gets to see
_AT_ONCE = 64 * 1024  # octets up to which a message is judged in the loop; what is larger goes to a thread
_TOOLS_SECONDS = 60.0  # so long the secrets that were read are used


class Judging:
    """The judge, with what it needs. One a process."""

    def __init__(self, ledger: Ledger, read_secret: ReadSecret, *, now: Callable[[], float] = time.time) -> None:
        """Bundle ledger and secrets; ``now`` is the clock."""
        self._ledger = ledger
        self._read_secret = read_secret
        self._now = now
        self._tools: tuple[Snapshot, str, float, judge.Tools] | None = None

    def of(self, view: View) -> Judgements | asyncio.Future[Judgements]:
        """Judge the message for its recipients, or give what was judged already; a large one in a thread.

        Raises OSError where a secret can't be read.
        """
        known = view.shared.get("judge")
        if known is None:
            content = view.content
            small = content is not None and content.memory is not None and content.size <= _AT_ONCE
            if small and len(view.recipients) <= 1:
                known = self._judge(view)
            else:
                known = asyncio.ensure_future(asyncio.to_thread(self._judge, view))
            view.shared["judge"] = known
        return known  # type: ignore[return-value] # nobody else sets it

    def _judge(self, view: View) -> Judgements:
        """Judge the message for each of its recipients."""
        raw = view.content.read(_READ) if view.content is not None else b""
        reading = judge.read(raw, "" if view.sender is None else str(view.sender), view.headers)
        if not reading.is_automatic:
            return {}
        tools, now = self.tools(view.policy.snapshot, view.node), self._now()
        return {
            each: judge.judge_for(reading, each, tools=tools, now=now, extra=_besides(view, each))
            for each in view.recipients
        }

    def tools(self, snapshot: Snapshot, node: str) -> judge.Tools:
        """Give what the judge works with under a policy. Raises OSError where a secret can't be read."""
        known = self._tools
        clock = time.monotonic()
        if known is not None and known[0] is snapshot and known[1] == node and clock - known[2] < _TOOLS_SECONDS:
            return known[3]
        made = tools_of(snapshot, node, self._ledger, self._read_secret)
        self._tools = (snapshot, node, clock, made)
        return made


class JudgedCheck(Check):
    """Base of the checks that say something of the judge's verdict."""

    stages: ClassVar[tuple[Stage, ...]] = (Stage.DATA,)
    seconds = 20.0

    def __init__(self, judging: Judging) -> None:
        """Share the judge with the other checks."""
        self._judging = judging

    @classmethod
    def reads(cls, view: View) -> object:
        """Give what proves a bounce; nothing where the judge was not asked."""
        of_data = (one for one in view.earlier if one.check == cls.name and one.stage is Stage.DATA)
        if any(one.outcome is Outcome.SKIPPED for one in of_data):
            return None
        marking = view.policy.snapshot.marking
        ours = view.policy.snapshot.domains.get(view.match.domain_key) if view.match is not None else None
        return marking.keys, marking.seal, ours and (ours.marks_since, ours.dkim)

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Say what the verdict means to this check."""
        if view.content is None or view.listener != "inbound":
            return skipped("mail that leaves is not judged" if view.content is not None else "no content")
        judged = self._judging.of(view)
        if isinstance(judged, asyncio.Future):
            return self._look_later(view, judged)
        return self.say(view, judged) if judged else skipped("it is no automatic mail")

    async def _look_later(self, view: View, judged: asyncio.Future[Judgements]) -> Seen:
        """Wait for the judge, whom the other checks wait for too."""
        found = await asyncio.shield(judged)
        return self.say(view, found) if found else skipped("it is no automatic mail")

    @abc.abstractmethod
    def say(self, view: View, judged: Judgements) -> Seen:
        """Say what the verdicts on an automatic message mean."""


def _besides(view: View, recipient: str) -> list[Evidence]:
    """Give what earlier stages found about mail from the null sender: evidence, but none that turns a verdict."""
    return [
        Evidence(name, Force.AGAINST, finding.detail)
        for each in view.earlier
        if (name := _BESIDES.get(each.check)) is not None and each.recipient in {None, recipient}
        for finding in each.findings
        if finding.facts and finding.weight
    ]


def findings_of(symbol: str, weight: float, judged: Judged, recipient: str, *, informs: bool = False) -> list[Finding]:
    """Give the verdict as a finding, with each piece of evidence behind it."""
    facts = {"verdict": judged.verdict.value, "kind": judged.kind.value}
    if judged.refused:
        facts |= {"refused": " ".join(judged.refused), "blames": judged.blames}
    pieces = [
        Finding(
            "EVIDENCE",
            detail=f"{one.name} ({one.force}): {one.detail}",
            recipient=recipient,
            facts={"name": one.name, "force": one.force.value},
            informs=True,
        )
        for one in judged.evidence
    ]
    return [Finding(symbol, weight, judged.because, recipient, facts, informs), *pieces]


def absence_counts(judged: Judged) -> bool:
    """Whether the recipient's domain marks its mail, so that what can't be verified is worth a word."""
    return all(each.name != "marking" or each.force is not Force.NEUTRAL for each in judged.evidence)


def is_always_deliverable(view: View, recipient: str) -> bool:
    """Whether it is postmaster or abuse, to whom people also write of trouble with bounces."""
    try:
        address = parse_mailbox(recipient)
    except AddressError:
        return True  # the bare postmaster
    return view.policy.plain(address).local.lower() in ALWAYS_DELIVERABLE


def is_unsolicited(judged: Judged) -> bool:
    """Whether it answers a user who has not written to where it comes from."""
    against = (each for each in judged.evidence if each.name == "unsolicited" and each.force is Force.AGAINST)
    return judged.verdict is not Verdict.GENUINE and any(True for _ in against)


def tools_of(snapshot: Snapshot, node: str, ledger: Ledger, read_secret: ReadSecret) -> judge.Tools:
    """Give what the judge works with. Raises OSError where a secret can't be read."""
    dkim = {}
    gone = {}
    for name, domain in snapshot.domains.items():
        pem = read_secret(domain.dkim.secret) if domain.dkim is not None else None
        if domain.dkim is not None and not pem:
            gone[name] = domain.dkim.secret
        if domain.dkim is not None and pem and (record := keys.dkim_record(pem)):
            dkim[f"{domain.dkim.selector}._domainkey.{name}".lower()] = record.encode()
    seal = keys.seal_secret(snapshot.marking, read_secret)
    if snapshot.marking.seal and not seal:
        gone[""] = snapshot.marking.seal
    return judge.Tools(
        keys=keys.batv_keys(snapshot.marking, read_secret),
        seal=seal,
        ledger=ledger,
        domains={name: _time_of(domain.marks_since) for name, domain in snapshot.domains.items()},
        dkim=dkim,
        nodes=(node,),
        gone=gone,
    )


def _time_of(date: str) -> float | None:
    """Give the start of a day (ISO 8601, UTC) in seconds since the epoch; None where none is set."""
    try:
        return datetime.datetime.fromisoformat(date).replace(tzinfo=datetime.UTC).timestamp() if date else None
    except ValueError:
        return None
