"""The figures of the first page: the last day by disposition, and what needs a person."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.db.models import Count, Sum
from django.db.models.functions import TruncHour
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from gateway.mail.decisions import Disposition
from gateway.models import Alarm, PolicyRevision, QuarantinedCopy, Storm, Transaction
from gateway.models.quarantine import CopyState
from gateway.operations import publish
from webadmin.bounces import readiness
from webadmin.messages import refusals
from webadmin.system import health, restored

WORDS = ("delivered", "quarantined", "redirected", "rejected", "deferred", "dropped", "mixed", "abandoned")
assert {*WORDS} == {*Disposition, "mixed"}  # noqa: S101 - a new disposition must not be left off the page
_HOURS = 24


class Tile(msgspec.Struct, frozen=True):
    """One disposition: how many in the last day, and where to see them."""

    word: str
    count: int
    link: str


class Bar(msgspec.Struct, frozen=True):
    """One hour: its label, its count, and the parts of its bar as (word, count, percent of the tallest bar)."""

    hour: str
    count: int
    parts: tuple[tuple[str, int, str], ...]


def gather(request: HttpRequest) -> dict[str, Any]:
    """Give what the template shows. What a person may not see is left out."""
    user = request.user
    gathered: dict[str, Any] = {
        "unprotected": health.unprotected(),
        "processes": publish.applied(),
        "last_revision": PolicyRevision.objects.defer("snapshot").first(),
    }
    if user.has_perm("gateway.view_transaction"):
        since = timezone.now() - timedelta(hours=_HOURS)
        rows = Transaction.objects.filter(started__gte=since)
        counts = dict(rows.order_by().values_list("disposition").annotate(Count("pk")))
        page = reverse("admin:gateway_transaction_changelist")
        gathered["tiles"] = [
            Tile(word, counts.get(word, 0), f"{page}?{urlencode({'disposition': word, 'since': _HOURS})}")
            for word in WORDS
        ]
        gathered["total"] = sum(counts.values())
        gathered["bars"] = _bars(since)
        gathered["reasons"] = refusals.most()
        gathered["latest"] = Transaction.objects.defer("trace").prefetch_related("recipients")[:8]
    if user.has_perm("gateway.view_alarm"):
        gathered["alarms"] = Alarm.objects.filter(cleared=None)[:6]
        gathered["alarm_count"] = Alarm.objects.filter(cleared=None).count()
        gathered |= restored.gathered()
    gathered |= readiness.reached(request)
    if user.has_perm("gateway.view_storm"):
        gathered["storms"] = Storm.objects.filter(closed=None).order_by("-count")[:6]
    if user.has_perm("gateway.view_quarantinedcopy"):
        held = QuarantinedCopy.objects.filter(state=CopyState.QUARANTINED)
        gathered["held"] = held.count()
        # Bytes are stored once a message, however many copies it has.
        gathered["held_octets"] = (
            held.order_by().values("message", "size").distinct().aggregate(octets=Sum("size"))["octets"] or 0
        )
        gathered["failed"] = QuarantinedCopy.objects.filter(state=CopyState.FAILED).count()
    return gathered


def _bars(since: datetime) -> list[Bar]:
    """Count by hour and disposition, oldest hour first."""
    grouped = (
        Transaction.objects.filter(started__gte=since)
        .order_by()
        .annotate(hour=TruncHour("started"))
        .values_list("hour", "disposition")
        .annotate(Count("pk"))
    )
    hours: dict[datetime, Counter[str]] = {}
    for hour, word, count in grouped:
        hours.setdefault(hour, Counter())[word] += count
    first = since.replace(minute=0, second=0, microsecond=0)
    tallest = max((counter.total() for counter in hours.values()), default=0) or 1
    bars = []
    for at in range(_HOURS + 1):
        hour = first + timedelta(hours=at)
        counter = hours.get(hour, Counter())
        parts = tuple((word, counter[word], f"{100 * counter[word] / tallest:.2f}") for word in WORDS if counter[word])
        bars.append(Bar(f"{hour:%H}", counter.total(), parts))
    return bars
