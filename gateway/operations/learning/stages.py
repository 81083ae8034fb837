"""The stages of guided domains: from observe to quarantine to reject, each when it is safe, and back at once when not.

A move is an audit entry with its reason. A fall-back is an alarm too, which ends when the domain goes on again. What
is forged is only ever refused more softly by a mistake here: without an entry a guided domain observes.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from gateway.models import Alarm, DomainStage
from gateway.operations import alarms, audit
from gateway.operations.learning.readiness import WINDOW, Readiness, figures_of, in_force, readiness
from gateway.policy.learned import Stage
from gateway.policy.snapshot import Snapshot

WHO = "guide"
EVERY = timedelta(minutes=1)

_looked: list[datetime] = []  # when this process last looked, if it did


def look_after(now: datetime) -> None:
    """Move what may move, once a minute. Raises ``django.db.Error``."""
    if _looked and timedelta() <= now - _looked[0] < EVERY:
        return
    _looked[:] = [now]
    snapshot = in_force()
    if snapshot is not None:
        move_all(snapshot, now)


def move_all(snapshot: Snapshot, now: datetime) -> None:
    """Look at every guided domain of a policy, and move those whose time has come. Raises ``django.db.Error``."""
    guided = {name for name, domain in snapshot.domains.items() if domain.guided}
    known = set(DomainStage.objects.values_list("domain", flat=True))
    if known - guided:
        DomainStage.objects.filter(domain__in=known - guided).delete()
    for name in sorted(guided):
        # A domain that has not begun can't move, and costs nothing.
        if name in known or snapshot.domains[name].marks_since:
            with transaction.atomic():
                DomainStage.objects.select_for_update().filter(domain=name).first()  # nobody else moves it meanwhile
                _move(readiness(name, snapshot, now, count=False), now)


def _move(seen: Readiness, now: datetime) -> None:
    """Make the one move that is due, if there is one."""
    if seen.stage is not Stage.OBSERVE and (lost := seen.lost) is not None:
        fall_back(seen.domain, f"{lost.text}; {lost.remedy}", WHO, now)
    elif seen.next_stage is not None and seen.is_ready(now):
        figures = figures_of(seen.domain, now)
        reason = (
            f"all mail is marked since {seen.marks_since}; in 14 days {figures.refusable} of {figures.judged} "
            f"automatic messages would have been refused, {figures.proven} were proven, none was reported as ours"
        )
        _set(seen.domain, seen.next_stage, reason, WHO, now, not_before=None)
        alarms.clear(Alarm.objects.filter(text__startswith=_alarm(seen.domain)), WHO)


def fall_back(domain: str, reason: str, who: str, now: datetime, *, alarm: bool = True) -> bool:
    """Put a domain back to observe for 14 days; gives whether it was further. Raises ``django.db.Error``."""
    row = DomainStage.objects.select_for_update().filter(domain=domain).first()
    was = Stage.OBSERVE if row is None else Stage(row.stage)
    _set(domain, Stage.OBSERVE, reason, who, now, not_before=now + WINDOW)
    if alarm and was is not Stage.OBSERVE:
        alarms.raise_alarm(settings.CONFIG.name, f"{_alarm(domain)}: {reason}")
    return was is not Stage.OBSERVE


def let_go_on_after(domain: str, reason: str) -> None:
    """Lift the wait after a fall-back for a reason that was a mistake; what else speaks against going on stands.

    ``reason`` is the one that the fall-back was given. Raises ``django.db.Error``.
    """
    DomainStage.objects.filter(domain=domain, because=reason).update(not_before=None)


def _alarm(domain: str) -> str:
    """Give the beginning of a fall-back's alarm."""
    return f"forged bounces to {domain} are only observed again"


def _set(  # noqa: PLR0913 - a row is written in one call
    domain: str, stage: Stage, reason: str, who: str, now: datetime, *, not_before: datetime | None
) -> None:
    """Write a domain's row, and the audit entry of a move."""
    row = DomainStage.objects.filter(domain=domain).first() or DomainStage(domain=domain, since=now)
    before = Stage(row.stage) if row.pk else Stage.OBSERVE
    if before is not stage:
        row.since = now
        audit.record(who, "stage", domain, f"from {before} to {stage}: {reason}")
    row.stage, row.because, row.not_before = stage, reason, not_before
    row.save()
