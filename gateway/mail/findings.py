"""What a check observed. A finding is a fact with a weight, never a decision."""

import enum
from collections.abc import Iterable

import msgspec

from gateway.mail.decisions import Action
from gateway.mail.stages import Stage


class Outcome(enum.StrEnum):
    """How a check ended. ``error`` and ``timeout`` are explicit and have a policy of their own."""

    HIT = "hit"
    MISS = "miss"
    SKIPPED = "skipped"
    ERROR = "error"
    TIMEOUT = "timeout"

    @property
    def failed(self) -> bool:
        """Whether the check could not tell: never the same as a miss."""
        return self in FAILED


FAILED = frozenset({Outcome.ERROR, Outcome.TIMEOUT})
SPEAKING = FAILED | {Outcome.HIT}  # these have a say in what is done with the message


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact: a symbol such as ``VIRUS``, its default weight in points, and the detail in words.

    ``recipient`` is set where it holds for one of several recipients only; ``facts`` says for programs what ``detail``
    says in words, so that nothing has to read sentences; ``told`` among them is what a client hears instead of it. What
    only ``informs`` makes no hit of its check. An enforced hit leads to ``at_most`` where that is set and milder than
    the rule's action: a sender's own DMARC policy, say.
    """

    symbol: str
    weight: float = 0.0
    detail: str = ""
    recipient: str | None = None
    facts: dict[str, str] = {}
    informs: bool = False
    at_most: Action | None = None


class Observation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one check said in one transaction.

    ``recipient`` is set where the check looked at one recipient only; ``cost_ms`` is the time it took, in
    milliseconds; ``detail`` says why it was skipped or how it failed.
    """

    check: str
    stage: Stage
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    recipient: str | None = None
    cost_ms: float = 0.0
    detail: str = ""

    def seen_for(self, recipient: str) -> "Observation | None":
        """Give what of it holds for a recipient; None where nothing does, for it is about another one."""
        if self.recipient is not None and self.recipient != recipient:
            return None
        for each in self.findings:
            if each.recipient is not None and each.recipient != recipient:
                break
        else:
            return self
        findings = tuple(each for each in self.findings if each.recipient in {None, recipient})
        hits = any(not each.informs for each in findings)
        outcome = self.outcome if hits or self.outcome is not Outcome.HIT else Outcome.MISS
        return msgspec.structs.replace(self, findings=findings, outcome=outcome)


def confirmed_name(observations: Iterable[Observation]) -> str:
    """Give the name that the client's address has in DNS, forward and backward; empty where it has none."""
    for each in observations:
        if each.check == "reverse_dns":
            return next((finding.facts["name"] for finding in each.findings if "name" in finding.facts), "")
    return ""
