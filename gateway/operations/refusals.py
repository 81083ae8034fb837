"""Why mail was refused, deferred, quarantined, redirected or dropped: by check and symbol, as traces are ingested."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from django.db.models import F, Sum

from gateway.mail.decisions import Disposition
from gateway.mail.findings import Outcome
from gateway.mail.reply import Reply
from gateway.mail.trace import Trace
from gateway.models import RefusalCount
from gateway.operations import columns
from gateway.policy.decide import EARLY, NODE_WIDE

COUNTED = (
    Disposition.REJECTED,
    Disposition.DEFERRED,
    Disposition.QUARANTINED,
    Disposition.REDIRECTED,
    Disposition.DROPPED,
)
_AT_ONCE = EARLY | NODE_WIDE  # checks that answer before a recipient is named
_LENGTH = 64
_Key = tuple[datetime, str, str, str]


class Reason(msgspec.Struct, frozen=True):
    """One reason, with how many recipients met what for it, by disposition.

    ``symbol`` may be empty. Where no check decided, ``check`` is empty and ``symbol`` the reply's two codes.
    """

    check: str
    symbol: str
    counts: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


def take_in(traces: Sequence[Trace]) -> None:
    """Count the refusals of traces whose rows were just made, in their database transaction."""
    counted: Counter[_Key] = Counter(key for trace in traces for key in _refusals(trace))
    rows = [_row(key) for key in sorted(counted)]
    if not rows:
        return
    RefusalCount.objects.bulk_create(rows, ignore_conflicts=True)
    for (hour, check, symbol, disposition), count in sorted(counted.items()):
        RefusalCount.objects.filter(hour=hour, check_name=check, symbol=symbol, disposition=disposition).update(
            count=F("count") + count
        )


def reasons(since: datetime) -> list[Reason]:
    """Give the reasons since then (by whole hours), the most frequent first."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    grouped = (
        RefusalCount.objects.filter(hour__gte=since.replace(minute=0, second=0, microsecond=0))
        .order_by()
        .values_list("check_name", "symbol", "disposition")
        .annotate(Sum("count"))
    )
    for check, symbol, disposition, count in grouped:
        found.setdefault((check, symbol), {})[disposition] = count
    told = [Reason(check, symbol, counts) for (check, symbol), counts in found.items()]
    return sorted(told, key=lambda each: (-each.total, each.check, each.symbol))


def forget(before: datetime) -> None:
    """Remove counts of hours before then."""
    RefusalCount.objects.filter(hour__lt=before).delete()


def _refusals(trace: Trace) -> Iterator[_Key]:
    """Give each refusal of a trace: one a recipient, or one where none was ever named."""
    hour = columns.moment(trace.started).replace(minute=0, second=0, microsecond=0)
    if not trace.recipients and trace.disposition in COUNTED:
        hits = (one for one in trace.observations if one.outcome is Outcome.HIT and one.check in _AT_ONCE)
        decided = next(hits, None)
        symbol = _codes(trace) if decided is None else decided.findings[0].symbol if decided.findings else ""
        yield hour, decided.check if decided is not None else "", columns.text(symbol, _LENGTH), trace.disposition
    for each in trace.recipients:
        if each.disposition in COUNTED:
            check = (each.decision.check or "") if each.decision is not None else ""
            symbol = (each.decision.symbol or "") if each.decision is not None else ""
            symbol = symbol if check else _coded(each.reply)
            yield hour, columns.text(check, _LENGTH), columns.text(symbol, _LENGTH), each.disposition.value


def _codes(trace: Trace) -> str:
    """Give the codes of the reply that refused a trace: its own, or the last refusal of a session without MAIL."""
    if trace.reply is not None:
        return _coded(trace.reply)
    last = next((event.reply for event in reversed(trace.events) if event.reply[:1] in {"4", "5"}), "")
    return " ".join(last.split()[:2])


def _coded(reply: Reply | None) -> str:
    """Give a reply's codes, as in ``553 5.1.7``."""
    return f"{reply.code} {reply.enhanced}" if reply is not None else ""


def _row(key: _Key) -> RefusalCount:
    """Make the row of a count."""
    hour, check, symbol, disposition = key
    return RefusalCount(hour=hour, check_name=check, symbol=symbol, disposition=disposition)
