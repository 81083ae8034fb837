"""What a check observed. A finding is a fact with a weight, never a decision."""

import enum

import msgspec

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
        return self in {Outcome.ERROR, Outcome.TIMEOUT}


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact: a symbol such as ``VIRUS``, its default weight in points, and the detail in words."""

    symbol: str
    weight: float = 0.0
    detail: str = ""


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
