"""Removes what is too old to be kept: quarantined copies, traces, settled rows. The audit stays.

The quarantine's own bound in octets makes the oldest go first, but nothing that is younger than a day: a flood of spam
must not push out what somebody still looks for.
"""

import contextlib
import shutil
from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils import timezone

from gateway.models import Alarm, Lesson, QuarantinedCopy, Transaction, TransactionRecipient
from gateway.models.quarantine import CopyState
from gateway.operations import alarms, audit, digests, dmarc, refusals
from gateway.operations.attempt import STRIPPING
from gateway.operations.delete import LIVE, remove_unused_bytes
from gateway.spool.deliveries import Deliveries
from gateway.spool.quarantine import Quarantine

MINIMUM_AGE = timedelta(days=1)
WHO = "retention"
_BATCH = 500
_FILLED = 0.9  # of its bound is what the quarantine may take before the oldest go
_EVICTED = (
    f"the quarantine takes more than {_FILLED:.0%} of retention.quarantine_bytes, so the oldest go before their time; "
    "raise it, or delete what nobody wants"
)


class Expired(msgspec.Struct, frozen=True):
    """What one run removed: copies by age, copies for want of room, traces."""

    aged: int = 0
    evicted: int = 0
    traces: int = 0


def expire() -> Expired:
    """Remove everything that has outlived its time, in batches that others can write between. Raises SpoolError."""
    kept = settings.CONFIG.retention
    now = timezone.now()
    aged = _expire_copies(now - timedelta(days=kept.quarantine_days))
    # Some below the bound: what is full refuses, and so would never be above it.
    evicted = _make_room(int(_FILLED * kept.quarantine_bytes), now - MINIMUM_AGE)
    if aged:
        audit.record(WHO, "expire", f"{aged} quarantined copies", f"older than {kept.quarantine_days} days")
    if evicted:
        too_much = f"more than {_FILLED:.0%} of {kept.quarantine_bytes} octets in all"
        audit.record(WHO, "expire", f"{evicted} quarantined copies", too_much)
        alarms.raise_alarm(settings.CONFIG.name, _EVICTED)
    horizon = now - timedelta(days=kept.trace_days)
    traces = _expire_traces(horizon)
    _forget_settled(horizon)
    refusals.forget(horizon)
    dmarc.forget(horizon)
    digests.forget(horizon)
    Deliveries(settings.CONFIG.spool_folder).forget_old()
    _remove_leftovers(now - MINIMUM_AGE)
    return Expired(aged, evicted, traces)


def _remove_leftovers(before: datetime) -> None:
    """Remove what workers that were killed left behind before then."""
    for folder in settings.CONFIG.spool_folder.glob(f"{STRIPPING}*"):
        with contextlib.suppress(FileNotFoundError):
            if folder.stat().st_mtime < before.timestamp():
                shutil.rmtree(folder, ignore_errors=True)


def _expire_copies(before: datetime) -> int:
    """Expire copies that came before then; one that is being released stays until that has ended."""
    count = 0
    old = _expirable().filter(received__lt=before).order_by("received")
    while messages := set(old.values_list("message", flat=True)[:_BATCH]):
        count += _expire(old.filter(message__in=messages))
        for message in messages:
            remove_unused_bytes(message)
    return count


def _make_room(limit: int, before: datetime) -> int:
    """Expire the oldest messages that came before then until no more than ``limit`` octets are stored.

    Only what makes room here: not what lies on another node, nor what is kept anyway, for one who is to get it.
    """
    quarantine = Quarantine(settings.CONFIG.spool_folder)
    excess = quarantine.usage() - limit
    if excess <= 0:
        return 0
    count = 0
    oldest = _expirable().filter(received__lt=before).values("message").annotate(came=Min("received")).order_by("came")
    for message in list(oldest.values_list("message", flat=True)):
        if excess <= 0:
            break
        releasing = QuarantinedCopy.objects.filter(message=message, state=CopyState.RELEASING)
        if not quarantine.exists(message) or releasing.exists():
            continue
        used = quarantine.octets(message)
        count += _expire(_expirable().filter(message=message, received__lt=before))
        if remove_unused_bytes(message):
            excess -= used
    return count


def _expirable() -> QuerySet[QuarantinedCopy]:
    """Give the copies that nobody is delivering and that are still kept."""
    return QuarantinedCopy.objects.filter(state__in=(CopyState.QUARANTINED, CopyState.FAILED))


def _expire(copies: QuerySet[QuarantinedCopy]) -> int:
    """Mark copies as expired; gives how many."""
    return copies.order_by().update(state=CopyState.EXPIRED, changed=timezone.now())


def _expire_traces(before: datetime) -> int:
    """Remove traces that began before then, but not those of messages that are still kept."""
    live = QuarantinedCopy.objects.filter(state__in=LIVE).values("message")
    old = Transaction.objects.filter(started__lt=before).exclude(id__in=live).order_by("started")
    count = 0
    while ids := list(old.values_list("id", flat=True)[:_BATCH]):
        with transaction.atomic():
            TransactionRecipient.objects.filter(transaction__in=ids).delete()
            Transaction.objects.filter(id__in=ids).delete()
        count += len(ids)
    return count


def _forget_settled(before: datetime) -> None:
    """Remove rows that tell nothing any more: copies settled before then, their bytes gone, cleared alarms, lessons."""
    quarantine = Quarantine(settings.CONFIG.spool_folder)
    settled = QuarantinedCopy.objects.filter(changed__lt=before).exclude(state__in=LIVE)
    messages = set(settled.order_by().values_list("message", flat=True).distinct())
    # Bytes without rows would be adopted as new.
    gone = [message for message in messages if not quarantine.exists(message)]
    for start in range(0, len(gone), _BATCH):
        settled.filter(message__in=gone[start : start + _BATCH]).delete()
    Alarm.objects.filter(cleared__lt=before).delete()
    Lesson.objects.filter(asked__lt=before).delete()
