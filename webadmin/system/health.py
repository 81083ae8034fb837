"""How the gateway is: what the doctor says, each SMTP process by what it says of itself, and a few figures.

It looks only. What the doctor can't find out is told as well.
"""

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from gateway.config import Config
from gateway.models import PolicyRevision
from gateway.operations import doctor, ingest, protection, publish
from gateway.operations.doctor.result import Level
from gateway.operations.protection import Protection, ScannerProtection
from gateway.spool.disk import SpoolError
from gateway.spool.quarantine import Quarantine
from webadmin.system import lists
from webadmin.templatetags.console import octets

_SECONDS = 2.0  # how long any next hop may take for one step
# What is worst stands first.
_ORDER = (Level.FAIL, Level.WARN, Level.SKIP, Level.OK)


def unprotected() -> ScannerProtection | None:
    """Say what is wrong with the scanner's signatures; None where nothing is, or nothing is known."""
    worth = protection.read(settings.CONFIG)
    return None if worth is None or worth.protection is Protection.FULL else worth


def health(request: HttpRequest) -> HttpResponse:
    """Show the page."""
    if not request.user.has_perm("gateway.view_alarm"):
        raise PermissionDenied
    results = sorted(doctor.examine(_hurried(settings.CONFIG)), key=lambda each: _ORDER.index(each.level))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Health",
        "last": PolicyRevision.objects.values_list("pk", flat=True).first(),
        "processes": [(each, _moment(each.started), _moment(each.heartbeat)) for each in publish.applied()],
        "results": results,
        "faults": sum(each.level is Level.FAIL for each in results),
        "figures": _figures(),
        "lists": lists.gathered(),
        "may_act": request.user.has_perm(lists.PERMISSION),
    }
    return TemplateResponse(request, "webadmin/health.html", context)


def _hurried(config: Config) -> Config:
    """Give a configuration in which no next hop is waited for longer than a page may take."""
    budget = msgspec.structs.replace(config.budget, connect=_SECONDS, next_hop=_SECONDS)
    return msgspec.structs.replace(config, budget=budget)


def _figures() -> list[tuple[str, str]]:
    """Give what is better said in figures than as good or bad."""
    config = settings.CONFIG
    used = Quarantine(config.spool_folder).usage()
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    took = (time.monotonic() - began) * 1000
    return [
        ("Node", config.name),
        ("Journal that waits to be ingested", _waiting(config)),
        ("Quarantine", f"{octets(used)} of {octets(config.retention.quarantine_bytes)}"),
        ("Database", f"{connection.display_name}, answers in {took:.1f} ms"),
        ("State folder", str(config.home)),
    ]


def _waiting(config: Config) -> str:
    """Give how much of the journals nobody has ingested yet."""
    try:
        return octets(ingest.waiting(config.journal_folder))
    except SpoolError as error:
        return str(error)


def _moment(seconds: float) -> datetime:
    """Give a time of a status file as the console shows times."""
    return datetime.fromtimestamp(seconds, UTC)
