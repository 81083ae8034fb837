"""The private list of proven backscatterers: hosts are put on it by what they bring, and leave it by time.

What comes from trusted forwarders, from networks and next hops of ours, or after AUTH says nothing of its host.
"""

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Abs
from django.utils import timezone

from gateway.backscatter import backscatterers
from gateway.mail.trace import Trace
from gateway.models import Backscatterer, Domain, JudgedBounce, NodePolicy, RouteHost
from gateway.operations import audit
from gateway.policy import learned
from gateway.policy.learned import HALF_LIFE_DAYS, LISTED

FORGOTTEN = 0.1  # points, above or below nothing, that are not worth a row
ROWS = 20_000  # hosts that are kept; those with least points go first
_WEEK = timedelta(days=HALF_LIFE_DAYS)
_HALVINGS = 13  # after so many half-lives the most that a host can have is forgotten

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Brought(msgspec.Struct):
    """What one host has brought in a batch."""

    first: datetime
    last: datetime
    points: float = 0.0
    count: int = 0
    sample: str = ""


class Ours(msgspec.Struct, frozen=True):
    """What is not a stranger's: networks, and names with all that lies below them."""

    networks: tuple[Network, ...]
    names: frozenset[str]


def take_in(traces: Sequence[Trace], rows: Iterable[JudgedBounce]) -> None:
    """Count what the hosts of a batch have brought; ``rows`` are the verdicts on ``traces``."""
    telling = [row for row in rows if backscatterers.sign(row.verdict)]
    if not telling:
        return
    brought = _brought({trace.id: trace for trace in traces}, telling, ours())
    if not brought:
        return
    known = {
        row.name: row for row in Backscatterer.objects.filter(name__in=brought).order_by("name").select_for_update()
    }
    rows_now = [_row(name, each, known.get(name)) for name, each in sorted(brought.items())]
    # One upsert: a bulk_update of as many rows takes ten times as long.
    Backscatterer.objects.bulk_create(
        rows_now, update_conflicts=True, unique_fields=("name",), update_fields=("points", "last", "count", "sample")
    )
    if len(known) < len(brought):
        _make_room()


def look_after(now: datetime) -> None:
    """Forget the hosts whose points have decayed to next to nothing."""
    stale = Q()
    for halvings in range(_HALVINGS):
        most = FORGOTTEN * 2**halvings
        stale |= Q(last__lt=now - halvings * _WEEK, points__lt=most, points__gt=-most)
    stale |= Q(last__lt=now - _HALVINGS * _WEEK)
    rows = Backscatterer.objects.filter(stale)
    if rows.exists():
        rows.delete()


def amend(row: JudgedBounce) -> None:
    """Take the points back that a verdict gave, or give them again: ``row.mine`` says that it was wrong."""
    if backscatterers.sign(row.verdict) <= 0:
        return
    worth = dict(_names(row, ours().names))
    for known in Backscatterer.objects.filter(name__in=worth, count__gt=0).order_by("name").select_for_update():
        given = learned.Backscatterer(0, 0.0, worth[known.name], row.at.timestamp())
        change = given.points_now(known.last.timestamp())
        known.points = backscatterers.bounded(known.points + (change if row.mine is None else -change))
        known.save(update_fields=("points",))


def forget(name: str, who: str) -> bool:
    """Take a host off the list; tells whether it was there. What it brings from now on counts anew."""
    count, _ = Backscatterer.objects.filter(name=name.lower()).delete()
    if count:
        audit.record(who, "forget backscatterer", name.lower())
    return bool(count)


def listed(now: datetime | None = None) -> list[Backscatterer]:
    """Give the hosts that are on the list now, most points first."""
    at = (now or timezone.now()).timestamp()
    rows = [row for row in Backscatterer.objects.filter(points__gte=LISTED) if points_now(row, at) >= LISTED]
    return sorted(rows, key=lambda row: (-points_now(row, at), row.name))


def points_now(row: Backscatterer, now: float) -> float:
    """Give the points that a row has left; ``now`` is seconds since the epoch."""
    return learned.Backscatterer(0, 0.0, row.points, row.last.timestamp()).points_now(now)


def ours() -> Ours:
    """Give what is ours, as the rows of the policy say it."""
    hosts = list(RouteHost.objects.values_list("host", flat=True))
    texts = [*NodePolicy.load().outbound_networks, *hosts]
    names = {settings.CONFIG.name, *hosts, *Domain.objects.values_list("name", flat=True)}
    networks = (network for text in texts if (network := _network(text)) is not None)
    return Ours(tuple(networks), frozenset(name.lower() for name in names))


def _network(text: str) -> Network | None:
    """Give the network of a text; None where it is a host's name."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _brought(traces: Mapping[str, Trace], rows: Iterable[JudgedBounce], own: Ours) -> dict[str, Brought]:
    """Add up a batch by host. A message counts once, whatever the number of its recipients."""
    found: dict[str, Brought] = {}
    seen: set[tuple[str, int]] = set()
    now = timezone.now()
    for row in rows:
        sign, trace = backscatterers.sign(row.verdict), traces.get(row.transaction_id)
        if trace is None or (row.transaction_id, sign) in seen or not _tells(trace, own.networks):
            continue
        seen.add((row.transaction_id, sign))
        at = min(row.at, now)  # what a clock that is ahead says would not decay
        for name, points in _names(row, own.names):
            each = found.setdefault(name, Brought(at, at))
            each.points += sign * points
            each.first, each.last = min(each.first, at), max(each.last, at)
            if sign > 0:
                each.count += 1
                each.sample = row.transaction_id
    return found


def _tells(trace: Trace, networks: Collection[Network]) -> bool:
    """Whether what the client brings says something of its host."""
    if trace.client.forwarder or trace.client.account:
        return False
    try:
        address = ipaddress.ip_address(trace.client.ip)
    except ValueError:
        return False
    return not any(address.version == network.version and address in network for network in networks)


def _names(row: JudgedBounce, names: Collection[str]) -> Iterator[tuple[str, float]]:
    """Give the names under which a host is listed, with the points of one bounce."""
    yield row.client_ip, backscatterers.ADDRESS
    if name := backscatterers.helo_name(row.helo, names):
        yield name, backscatterers.HELO


def _row(name: str, brought: Brought, known: Backscatterer | None) -> Backscatterer:
    """Make the row of a host: what it has brought, added to what is left of what it had."""
    last = brought.last if known is None else max(known.last, brought.last)
    had = 0.0 if known is None else points_now(known, last.timestamp())
    return Backscatterer(
        name=name,
        points=backscatterers.bounded(had + brought.points),
        first=brought.first if known is None else known.first,
        last=last,
        count=brought.count + (0 if known is None else known.count),
        sample=brought.sample or ("" if known is None else known.sample),
    )


def _make_room() -> None:
    """Remove the rows with least points where there are too many."""
    excess = Backscatterer.objects.count() - ROWS
    if excess > 0:
        least = Backscatterer.objects.order_by(Abs("points"), "last").values_list("pk", flat=True)[:excess]
        Backscatterer.objects.filter(pk__in=list(least)).delete()
