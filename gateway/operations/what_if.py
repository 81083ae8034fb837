"""What a changed policy would have made of the mail of the last days, before it is published. Changes nothing."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from django.conf import settings

from gateway import models
from gateway.mail.decisions import Action
from gateway.mail.trace import Trace
from gateway.operations import building
from gateway.operations.learning.readiness import in_force
from gateway.policy.feed import LearnedFeed
from gateway.policy.learned import NOTHING
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Snapshot
from gateway.what_if import Again, Answer, decide_again

LISTED = 500  # changes that are named; all are counted
_BLOCK = 200  # transactions read at once


class NothingInForceError(Exception):
    """There is no published policy to compare with. The text names the remedy."""


class Change(msgspec.Struct, frozen=True):
    """One decision that would be another one: of which message, for whom, from what to what, and why."""

    message: str
    at: float
    sender: str | None
    recipient: str
    before: Action
    after: Action
    because: str


class Comparison(msgspec.Struct):
    """What came of it. ``transactions`` were decided again of ``stored``; the other figures count recipients.

    ``moves`` counts changes by what they lead from and to, ``reasons`` what could not be decided by why. ``changes``
    are the newest; ``complete`` says whether all that is stored was looked at within the time.
    """

    days: float
    stored: int = 0
    transactions: int = 0
    same: int = 0
    changed: int = 0
    undecidable: int = 0
    moves: dict[str, int] = {}
    reasons: dict[str, int] = {}
    changes: list[Change] = []
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether all that is stored was looked at."""
        return self.transactions == self.stored


def compare(
    days: float,
    *,
    seconds: float | None = None,
    draft: Snapshot | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Decide the transactions of the last days again, the newest first.

    Compares the policy in force with ``draft``, or with what publishing the rows would make. ``seconds`` bounds the
    time; ``progress`` is told how many of how many are done. Raises NothingInForceError.
    """
    published = in_force()
    if published is None:
        raise NothingInForceError("no policy is in force to compare with; publish one first")
    learned = LearnedFeed(settings.CONFIG.learned_folder).current or NOTHING
    before = Policy(published, learned)
    after = Policy(draft if draft is not None else building.build(0, ""), learned)
    rows = models.Transaction.objects.filter(started__gte=datetime.now(UTC) - timedelta(days=days))
    found = Comparison(days, stored=rows.count())
    began = time.monotonic()
    for stored in rows.order_by("-started", "-id").values_list("trace", flat=True).iterator(_BLOCK):
        trace = msgspec.convert(stored, Trace)
        for each in decide_again(trace, before, after):
            _count(found, trace, each)
        found.transactions += 1
        if found.transactions % _BLOCK == 0:
            if progress is not None:
                progress(found.transactions, found.stored)
            if seconds is not None and time.monotonic() - began > seconds:
                break
    found.stored = max(found.stored, found.transactions)  # more may have come meanwhile
    found.seconds = round(time.monotonic() - began, 1)
    return found


def _count(found: Comparison, trace: Trace, again: Again) -> None:
    """Add one answer."""
    if again.answer is Answer.SAME:
        found.same += 1
    elif again.answer is Answer.UNDECIDABLE:
        found.undecidable += 1
        found.reasons[again.because] = found.reasons.get(again.because, 0) + 1
    elif again.after is not None:
        found.changed += 1
        move = f"{again.before} to {again.after}"
        found.moves[move] = found.moves.get(move, 0) + 1
        if len(found.changes) < LISTED:
            found.changes.append(
                Change(trace.id, trace.started, trace.sender, again.recipient, again.before, again.after, again.because)
            )
