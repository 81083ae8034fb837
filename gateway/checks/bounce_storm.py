"""Does this bounce belong to a storm of false ones? While an address is under one, doubt counts against a bounce.

What is forged, or what nothing at all speaks for, is hit, be it a bounce, an auto-reply, a challenge or a confirmation.
A proven bounce never is, nor one with a hint. The storm itself is learned elsewhere, and ends by itself.
"""

import datetime
import time
from collections.abc import Callable

from gateway.backscatter import batv
from gateway.backscatter.words import Force, Judged, Kind, Verdict
from gateway.checks.base import MISS, Seen, View, hit
from gateway.checks.judging import JudgedCheck, Judgements, Judging, is_always_deliverable
from gateway.mail.findings import Finding
from gateway.policy.learned import Storm

_NOT_BROUGHT = frozenset({Kind.RECEIPT, Kind.REPORT})  # these answer no forged sender


class BounceStorm(JudgedCheck):
    """Says which recipients are under a storm that the message belongs to."""

    name = "bounce_storm"
    symbols = {"BOUNCE_STORM": "the recipient is under a storm of false bounces, and nothing speaks for this one"}

    def __init__(self, judging: Judging, *, now: Callable[[], float] = time.time) -> None:
        """Share the judge; ``now`` is the clock."""
        super().__init__(judging)
        self._now = now

    def say(self, view: View, judged: Judgements) -> Seen:
        """Hit for each recipient under a storm where nothing speaks for the message."""
        found: list[Finding] = []
        for recipient, each in judged.items():
            storm = _storm_of(view, recipient) if _is_in_doubt(each) else None
            if storm is not None and storm.until > self._now():
                since = datetime.datetime.fromtimestamp(storm.since, datetime.UTC)
                detail = f"storm {storm.number} since {since:%Y-%m-%d %H:%M}; {each.because}"
                facts = {"storm": str(storm.number), "verdict": each.verdict.value}
                found.append(Finding("BOUNCE_STORM", 5.0, detail, recipient, facts))
        return hit(*found) if found else MISS


def _is_in_doubt(judged: Judged) -> bool:
    """Whether nothing speaks for it, so that it may be what a storm brings."""
    if judged.kind in _NOT_BROUGHT:
        return False
    if judged.verdict is Verdict.FORGED:
        return True
    hints = any(each.force in {Force.HINT, Force.PROOF} for each in judged.evidence)
    return judged.verdict is Verdict.UNVERIFIABLE and not hints


def _storm_of(view: View, recipient: str) -> Storm | None:
    """Give the storm against a recipient. Postmaster and abuse are spared: people write to them of storms."""
    storms = view.policy.learned.storms
    if not storms or is_always_deliverable(view, recipient):
        return None
    return storms.get(batv.without_tag(recipient).lower())
