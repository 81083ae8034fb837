"""Alarms: one row for each fault, counted while it lasts.

Clearing one says that it was seen to; it opens again when the fault is back.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import msgspec
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from gateway.models import Alarm
from gateway.operations import audit, columns

_LENGTH = 400


class Raised(msgspec.Struct, frozen=True):
    """One time that something was wrong."""

    node: str
    text: str
    at: datetime


def raise_alarm(node: str, text: str) -> None:
    """Raise one alarm now."""
    raise_all([Raised(node, text, timezone.now())])


def raise_all(raised: Iterable[Raised]) -> None:
    """Raise many, oldest first; those with the same text are one alarm with a count."""
    counts: Counter[str] = Counter()
    latest: dict[str, Raised] = {}
    for each in raised:
        text = columns.text(each.text, _LENGTH)
        counts[text] += 1
        latest[text] = each
    for text, each in latest.items():
        _raise(text, columns.text(each.node, 255), each.at, counts[text])


def _raise(text: str, node: str, at: datetime, count: int) -> None:
    """Count an open alarm on, open a cleared one again, or make a new one."""
    alarms = Alarm.objects.filter(text=text)
    if alarms.filter(cleared=None).update(count=F("count") + count, last=at, node=node):
        return
    # A record that was ingested late does not open an alarm that was cleared after it.
    if alarms.filter(cleared__gte=at).exists():
        return
    if alarms.update(count=count, first=at, last=at, node=node, cleared=None):
        return
    Alarm.objects.bulk_create([Alarm(text=text, node=node, first=at, last=at, count=count)], ignore_conflicts=True)


def clear(alarms: QuerySet[Alarm], who: str) -> int:
    """Mark open alarms as seen to; gives how many."""
    count = 0
    with transaction.atomic():
        for alarm in alarms.filter(cleared=None):
            if Alarm.objects.filter(pk=alarm.pk, cleared=None).update(cleared=timezone.now()):
                audit.record(who, "clear alarm", alarm.text)
                count += 1
    return count
