"""Storms of false bounces: opened, counted and closed from verdicts, without anybody's doing.

The work for a batch of verdicts is a few queries, however many there are, and one more for each victim of a storm.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from gateway.backscatter import storm
from gateway.backscatter.storm import Bounce, Reporter
from gateway.backscatter.words import Verdict
from gateway.models import Alarm, JudgedBounce, Storm
from gateway.operations import alarms
from gateway.operations.alarms import Raised

WHO = "storms"
KEPT = timedelta(days=400)  # how long a storm that is over stays on record

Reporters = dict[str, Reporter]


def take_in(rows: Iterable[JudgedBounce]) -> None:
    """Open storms, and count on those that are open; ``rows`` are saved already."""
    false: dict[str, list[JudgedBounce]] = {}
    for row in rows:
        if points_of(row):
            false.setdefault(row.recipient, []).append(row)
    if not false:
        return
    storms = {each.victim: each for each in _open().filter(victim__in=false).order_by("pk").select_for_update()}
    bursts = _bursts({victim: rows for victim, rows in false.items() if victim not in storms})
    for victim, burst in bursts.items():
        storms[victim] = _begin(victim, burst)
    for victim, each in storms.items():
        # Where another node has opened it at the same time, what came before is counted already.
        _count(each, bursts[victim] if victim in bursts and not each.count else false[victim])


def look_after(now: datetime) -> None:
    """Close what is over, and forget what has been for long."""
    for row in _open().filter(until__lt=now):
        if _open().filter(pk=row.pk, until__lt=now).update(closed=now):
            alarms.clear(Alarm.objects.filter(text=alarm_text(row)), WHO)
    old = Storm.objects.filter(closed__lt=now - KEPT)
    if old.exists():
        old.delete()


def alarm_text(row: Storm) -> str:
    """Give the alarm's sentence, which names this storm alone."""
    return f"storm {row.pk} of false bounces against {row.victim} since {row.started.astimezone(UTC):%Y-%m-%d %H:%M}"


def reporters_of(row: Storm) -> Reporters:
    """Give the servers that brought most, most active first."""
    # jsonb keeps no order of keys.
    return storm.reported(msgspec.convert(row.reporters, Reporters), ())


def points_of(row: JudgedBounce) -> int:
    """Give what a verdict counts towards a storm."""
    return storm.points(row.verdict, row.kind, hinted=row.hinted)


def _open() -> QuerySet[Storm]:
    """Give the storms that are not over."""
    return Storm.objects.filter(closed=None)


def _bursts(false: dict[str, list[JudgedBounce]]) -> dict[str, list[JudgedBounce]]:
    """Give the victims whose false bounces make a storm by now, each with those that belong to it."""
    if not false:
        return {}
    times = [row.at for rows in false.values() for row in rows]
    window = timedelta(seconds=storm.WINDOW)
    near = JudgedBounce.objects.filter(recipient__in=false, at__gte=min(times) - window, at__lte=max(times) + window)
    doubtful = Q(verdict=Verdict.UNVERIFIABLE, hinted=False, kind__in=storm.BOUNCES)
    known: dict[str, list[JudgedBounce]] = {}
    for row in near.filter(Q(verdict=Verdict.FORGED) | doubtful).order_by("at", "id"):
        known.setdefault(row.recipient, []).append(row)
    bursts = {}
    for victim, rows in known.items():
        first = storm.began(Bounce(row.at.timestamp(), points_of(row)) for row in rows)
        if first is not None:
            bursts[victim] = [row for row in rows if row.at.timestamp() >= first]
    return bursts


def _begin(victim: str, burst: Sequence[JudgedBounce]) -> Storm:
    """Open a storm, which counts nothing yet, and raise its alarm."""
    first = burst[0]
    row, made = Storm.objects.get_or_create(
        victim=victim,
        closed=None,
        defaults={
            "domain": first.domain,
            "started": first.at,
            "last": first.at,
            "until": first.at,
            "sample": first.transaction_id,
        },
    )
    if made:
        alarms.raise_all([Raised(settings.CONFIG.name, alarm_text(row), burst[-1].at)])
    return row


def _count(row: Storm, rows: Sequence[JudgedBounce]) -> None:
    """Count false bounces to the victim, and tighten its address for longer."""
    row.count += len(rows)
    row.refused += sum(each.refused for each in rows)
    # A clock that is ahead must not keep a storm open.
    row.last = min(max(row.last, *(each.at for each in rows)), timezone.now())
    row.until = datetime.fromtimestamp(storm.until(row.last.timestamp()), UTC)
    brought = storm.reported(reporters_of(row), ((each.client_ip, each.helo) for each in rows))
    row.reporters = msgspec.to_builtins(brought)
    row.save(update_fields=("count", "refused", "last", "until", "reporters"))
