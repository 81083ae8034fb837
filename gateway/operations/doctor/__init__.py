"""Checks the installation: is everything there that mail needs, and does it answer? It looks and never mends.

``LOOKS`` is the ordered list. A look is a function from the configuration to results; what it can't find out is a
result too.
"""

from collections.abc import Callable, Iterator

from django.db import Error as DatabaseFault

from gateway.config import Config
from gateway.operations.doctor import (
    attachments,
    backups,
    database,
    dns,
    engines,
    forwarders,
    mta_sts,
    node,
    policy,
    processes,
    queue,
    recipients,
    routes,
    scanner,
    stages,
    units,
    unscanned,
)
from gateway.operations.doctor.result import Level, Result, fail, skip

__all__ = ["LOOKS", "Level", "Result", "examine"]

_DATABASE = "database"
_BROKEN = "mend what the other lines name, then look again"

LOOKS: dict[str, Callable[[Config], Iterator[Result]]] = {
    "state folder": node.home,
    "disk": node.disk,
    "clock": node.clock,
    "certificate": node.certificate,
    _DATABASE: database.tables,
    "policy": policy.published,
    "smtpd": processes.smtpd,
    "ingest": processes.ingest,
    "broker": processes.broker,
    "beat": processes.beat,
    "worker": processes.worker,
    "releases": processes.releases,
    "units": units.failed,
    "outbound queue": queue.waiting,
    "clamd": scanner.clamd,
    "attachments": attachments.reader,
    "spam engines": engines.answer,
    "DNS": dns.answers,
    "DNS lists": dns.lists,
    "next hop": routes.next_hops,
    "recipients": recipients.validation,
    "forwarders": forwarders.validate,
    "MTA-STS": mta_sts.certificate,
    "viruses": unscanned.domains,
    "stages": stages.guided,
    "backup": backups.made,
    "restored": backups.restored,
}


def examine(config: Config) -> Iterator[Result]:
    """Look at everything, in order. Never raises: a look that breaks is a fault of its own.

    That the database is away is told once: what needs it can't be looked at then.
    """
    away = False
    for name, look in LOOKS.items():
        try:
            yield from look(config)
        except DatabaseFault as error:
            if away:
                yield skip(name, "not looked at: the database is away")
            elif name == _DATABASE:
                away = True
                yield fail(name, str(error).strip(), "mail flows without it; start it, or correct database.url")
            else:
                yield fail(name, f"could not be looked at: {error}", _BROKEN)
        except Exception as error:  # noqa: BLE001 - one broken thing must not hide the others
            yield fail(name, f"could not be looked at: {error}", _BROKEN)
