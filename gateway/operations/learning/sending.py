"""Who has reached a sending limit: learned from traces, told as an alarm with the figures, unblocked with one click.

Unblocking is learned state: the SMTP side reads it, and begins to count anew.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from gateway.checks.sending_limits import NAME
from gateway.mail.findings import Finding, Outcome
from gateway.mail.trace import Trace
from gateway.models import Alarm, SendingBlock
from gateway.operations import alarms, audit, columns
from gateway.operations.alarms import Raised

KEPT = timedelta(days=30)


def take_in(traces: Sequence[Trace]) -> None:
    """Note who was held back by a limit, and tell it."""
    raised = []
    for trace in traces:
        for finding in _hits(trace):
            row = _count(trace, finding.facts, finding.detail)
            raised.append(Raised(trace.node, alarm_text(row), row.last))
    alarms.raise_all(raised)


def look_after(now: datetime) -> None:
    """Forget what was long ago."""
    SendingBlock.objects.filter(last__lt=now - KEPT).delete()


def unblock(kind: str, name: str, who: str) -> int:
    """Let somebody send again at once: all its limits begin anew. Gives how many limits were reached."""
    rows = SendingBlock.objects.filter(kind=kind, name=name)
    texts = [alarm_text(row) for row in rows]
    count = rows.update(unblocked=timezone.now())
    alarms.clear(Alarm.objects.filter(text__in=texts), who)
    audit.record(who, "unblock sending", f"{kind} {name}")
    return count


def alarm_text(row: SendingBlock) -> str:
    """Give the alarm's sentence: the same while the limit is."""
    return f"sending limit: {row.detail}; the rest is deferred. Unblock it on the page Sending, or find out why."


def is_blocked(row: SendingBlock) -> bool:
    """Whether the limit was reached again since the last click."""
    return row.unblocked is None or row.unblocked < row.last


def _hits(trace: Trace) -> Iterable[Finding]:
    """Give what a trace says of limits that were reached."""
    for seen in trace.observations if trace.listener == "outbound" else ():
        if seen.check == NAME and seen.outcome is Outcome.HIT:
            yield from seen.findings


def _count(trace: Trace, facts: dict[str, str], detail: str) -> SendingBlock:
    """Count one time that somebody was held back."""
    at = columns.moment(trace.started)
    row, made = SendingBlock.objects.get_or_create(
        kind=columns.text(facts.get("kind", ""), 16),
        name=columns.text(facts.get("name", ""), 255),
        what=columns.text(facts.get("what", ""), 16),
        defaults={"figure": int(facts.get("limit", "0")), "detail": columns.text(detail), "since": at, "last": at},
    )
    again = {} if made or is_blocked(row) else {"since": at}
    SendingBlock.objects.filter(pk=row.pk).update(
        last=at,
        count=F("count") + 1,
        detail=columns.text(detail),
        figure=int(facts.get("limit", "0")),
        sample=columns.text(trace.id, 40),
        **again,
    )
    row.refresh_from_db()
    return row
