"""The health of DNS lists: their own test points are probed every few minutes, and a list that fails is switched off.

One that answers wrongly is off at once, one that is silent after three probes in a row; either is on again as soon as
its test points are right. Meanwhile the SMTP side does not ask it, and says so in its traces. A list that has no test
points is never switched off.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from gateway.models import Alarm, ListHealth
from gateway.operations import alarms, audit, columns
from gateway.operations.learning.readiness import in_force
from gateway.policy.snapshot import DnsList
from gateway.services.dns import DnsResolver, probes
from gateway.services.dns.probes import Probed

WHO = "list probe"
SILENT = 3  # probes in a row without an answer, after which a list is off


def probe() -> list[ListHealth]:
    """Probe all lists of the policy in force, and switch off and on what is due; gives how they are, by zone.

    Raises ``django.db.Error``.
    """
    snapshot = in_force()
    if snapshot is None:
        return list(ListHealth.objects.all())
    wanted = snapshot.dns_lists
    return record(asyncio.run(_probe(wanted)) if wanted else [], timezone.now())


async def _probe(wanted: dict[str, DnsList]) -> list[Probed]:
    """Probe lists by a resolver that remembers nothing."""
    resolver = DnsResolver(settings.CONFIG.dns)
    try:
        return await probes.probe_all(resolver, wanted)
    finally:
        await resolver.close()


def record(probed: Sequence[Probed], now: datetime) -> list[ListHealth]:
    """Keep what probes of all lists showed; lists that are no more are forgotten. Raises ``django.db.Error``."""
    with transaction.atomic():
        for row in ListHealth.objects.exclude(zone__in=[each.zone for each in probed]):
            _clear_alarm(row.zone)
            row.delete()
        return sorted((_keep(each, now) for each in probed), key=lambda row: row.zone)


def _keep(each: Probed, now: datetime) -> ListHealth:
    """Keep what one probe showed."""
    row, _ = ListHealth.objects.select_for_update().get_or_create(zone=each.zone, defaults={"probed": now})
    row.probed, row.milliseconds = now, each.milliseconds
    row.trouble, row.remark = columns.text(each.trouble), columns.text(each.remark)
    row.silent = row.silent + 1 if each.silent else 0
    if row.off_since is None and each.trouble and (not each.silent or row.silent >= SILENT):
        _switch_off(row, now)
    elif row.off_since is not None and not each.trouble:
        _switch_on(row)
    row.save()
    return row


def _switch_off(row: ListHealth, now: datetime) -> None:
    """Switch a list off, and say so."""
    row.off_since, row.because = now, row.trouble
    audit.record(WHO, "switch off DNS list", row.zone, row.because)
    remedy = "see that zone and test points are right and that DNS may ask it; it is on again by itself once they are"
    alarms.raise_alarm(settings.CONFIG.name, f"{_alarm(row.zone)}: {row.because}; {remedy}")


def _switch_on(row: ListHealth) -> None:
    """Switch a list on again."""
    audit.record(WHO, "switch on DNS list", row.zone, f"it was off since {row.off_since:%Y-%m-%d %H:%M}: {row.because}")
    row.off_since, row.because = None, ""
    _clear_alarm(row.zone)


def _clear_alarm(zone: str) -> None:
    """Clear the alarm of a list that is well or gone."""
    alarms.clear(Alarm.objects.filter(text__startswith=f"{_alarm(zone)}:"), WHO)


def _alarm(zone: str) -> str:
    """Give the words that an alarm begins with."""
    return f"DNS list {zone} is switched off"
