"""What the health page shows of DNS lists, and its two buttons: probe them now, and forget what was answered."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from gateway.models import ListHealth
from gateway.operations import caches, learning
from gateway.operations.learning import lists
from webadmin.rows import who

PERMISSION = "gateway.change_dnslist"


def state(row: ListHealth | None) -> str:
    """Give the word for how a list is."""
    if row is None:
        return "not probed"
    if row.off_since is not None:
        return "off"
    return "doubtful" if row.trouble else "well"


def gathered() -> list[tuple[ListHealth, str]]:
    """Give each list of the policy in force that was probed, with the word for how it is."""
    return [(row, state(row)) for row in ListHealth.objects.all()]


@require_POST
def probe(request: HttpRequest) -> HttpResponse:
    """Probe all lists now."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    try:
        rows = lists.probe()
        learning.publish()
    except (DatabaseError, OSError) as error:
        messages.error(request, f"The lists could not be probed: {error}.")
    else:
        off = [row.zone for row in rows if row.off_since is not None]
        told = f"switched off: {', '.join(off)}" if off else "none is switched off"
        messages.success(request, f"{len(rows)} probed, {told}.")
    return redirect("admin:health")


@require_POST
def clear_cache(request: HttpRequest) -> HttpResponse:
    """Have the SMTP processes of this node forget what DNS, directories and next hops have answered."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    try:
        caches.clear(who(request))
    except OSError as error:
        messages.error(request, f"The SMTP processes could not be asked: {error}.")
    else:
        told = "The SMTP processes of this node forget what DNS, directories and next hops said, within a second."
        messages.success(request, told)
    return redirect("admin:health")
