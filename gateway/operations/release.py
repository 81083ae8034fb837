"""Releases quarantined copies: asked for by a person, delivered by a worker.

Redirected mail, blind copies and digests ask nobody.

The state is in the database, and every step is a conditional UPDATE, so a task that runs twice delivers once. A worker
that was killed loses its claim after 15 minutes; a copy whose ``2xx`` was not written down by then is delivered once
more, which is better than never. On a restored node nothing is due until a person says so. Nothing is ever sent back
to a sender: what can't be delivered is told at the console.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from gateway.mail.copies import Purpose
from gateway.models import QuarantinedCopy
from gateway.models.quarantine import CopyState
from gateway.operations import alarms, audit, broker, columns, hold, learn
from gateway.operations.attempt import Result, attempt
from gateway.operations.delete import remove_unused_bytes

CLAIM = timedelta(minutes=15)  # longer than an attempt can take, so nobody delivers what another still does
_FIRST_DELAYS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
_DELAY = timedelta(hours=1)
_GIVE_UP = timedelta(days=5)
ATTEMPTS = len(_FIRST_DELAYS) + 1 + int((_GIVE_UP - sum(_FIRST_DELAYS, timedelta())) / _DELAY)
_PAUSES = (1.0, 4.0, 15.0, 40.0)  # seconds; a database that restarts is back by then
RELEASABLE = (CopyState.QUARANTINED, CopyState.FAILED)
WORKER = "release"  # who the audit names for what a worker did

log = logging.getLogger(__name__)


def release(copies: QuerySet[QuarantinedCopy], who: str) -> int:
    """Ask for the delivery of quarantined copies, and again of failed ones; gives how many. Rings a worker for each."""
    count = 0
    for copy in copies.filter(state__in=RELEASABLE):
        with transaction.atomic():
            now = timezone.now()
            asked = QuarantinedCopy.objects.filter(pk=copy.pk, state__in=RELEASABLE).update(
                state=CopyState.RELEASING, attempts=0, next_attempt=now, claimed=None, next_hop_reply="", changed=now
            )
            if asked:
                audit.record(who, "release", str(copy), f"from {copy.sender or '<>'}, {copy.because}")
                count += 1
                # Rung once the row can be seen by the worker.
                number = copy.pk
                transaction.on_commit(lambda number=number: broker.ring(number))  # type: ignore[misc]
    return count


def ring_due() -> int:
    """Ring for every release that is due and that nobody has in hand; gives how many."""
    return _ring(QuarantinedCopy.objects.filter(_due(timezone.now())))


def ring_for(messages: Sequence[str]) -> int:
    """Ring for what is due of these messages; gives how many copies."""
    return _ring(QuarantinedCopy.objects.filter(_due(timezone.now()), message__in=messages))


def _ring(copies: QuerySet[QuarantinedCopy]) -> int:
    """Ring for these copies, or for the first of them; gives for how many."""
    if hold.of(settings.CONFIG) is not None:
        return 0
    numbers = list(copies.order_by("next_attempt").values_list("pk", flat=True)[:1000])
    for number in numbers:
        broker.ring(number)
    return len(numbers)


def deliver(number: int) -> CopyState | None:
    """Try to deliver one released copy; gives its state then, None where nothing was due.

    Raises ``django.db.Error``.
    """
    if hold.of(settings.CONFIG) is not None:
        return None
    claimed = timezone.now()
    taken = QuarantinedCopy.objects.filter(_due(claimed), pk=number).update(claimed=claimed, attempts=F("attempts") + 1)
    if not taken:
        return None
    copy = QuarantinedCopy.objects.get(pk=number)
    result = attempt(copy)
    state = _settle_patiently(copy, result)
    log.info("release of %s, attempt %d: %s, %s", copy, copy.attempts, state or "taken over", result.words)
    if state is CopyState.RELEASED:
        learn.teach_before_it_goes(copy.message)
        remove_unused_bytes(copy.message)
    return state


def _settle_patiently(copy: QuarantinedCopy, result: Result) -> CopyState | None:
    """Write down how an attempt ended, trying for a while: what is not written down is delivered again.

    Gives the new state, None where another worker has taken over. Raises ``django.db.Error``.
    """
    for pause in _PAUSES:
        try:
            return _settle(copy, result)
        except (OperationalError, InterfaceError) as error:
            log.warning("release of %s: the database does not take the result, trying again: %s", copy, error)
            connection.close_if_unusable_or_obsolete()
            time.sleep(pause)
    return _settle(copy, result)


def _settle(copy: QuarantinedCopy, result: Result) -> CopyState | None:
    """Write down how an attempt ended, as above, once."""
    state, next_attempt = _judge(copy, result)
    with transaction.atomic():
        ours = QuarantinedCopy.objects.filter(pk=copy.pk, state=CopyState.RELEASING, claimed=copy.claimed)
        changed = ours.update(
            state=state,
            next_attempt=next_attempt,
            claimed=None,
            next_hop_reply=columns.text(result.words),
            changed=timezone.now(),
        )
        if not changed:
            return None  # so slow that another worker took it over; that one's word counts
        if state is not CopyState.RELEASING:
            audit.record(WORKER, str(state), str(copy), result.words)
        if state is CopyState.FAILED and Purpose(copy.purpose).leaves_by_itself:
            alarms.raise_alarm(
                settings.CONFIG.name,
                f"{copy.recipient} does not take what is redirected, copied or told to it: {result.words}; "
                "the messages stay in quarantine, failed",
            )
    return state


def _due(now: datetime) -> Q:
    """Give the condition of a release that is due and not in hand."""
    return Q(state=CopyState.RELEASING, next_attempt__lte=now) & (Q(claimed=None) | Q(claimed__lt=now - CLAIM))


def _judge(copy: QuarantinedCopy, result: Result) -> tuple[CopyState, datetime | None]:
    """Give the state after an attempt, and when the next one is due."""
    if result.reply is not None and result.reply.positive:
        return CopyState.RELEASED, None
    if result.final or copy.attempts >= ATTEMPTS:
        return CopyState.FAILED, None
    done = copy.attempts - 1
    delay = _FIRST_DELAYS[done] if done < len(_FIRST_DELAYS) else _DELAY
    return CopyState.RELEASING, timezone.now() + delay
