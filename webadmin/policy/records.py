"""The page of DNS records: what the node and a domain need, ready to copy, and on demand what DNS says of it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from gateway.models import Domain
from gateway.operations import records
from gateway.operations.records import Record, Seen, State
from webadmin.mta_sts import PATH

PERMISSION = "gateway.view_domain"
_COLOURS = {
    State.PUBLISHED: "success",
    State.DIFFERS: "warning",
    State.MISSING: "danger",
    State.UNKNOWN: "plain",
}


@require_safe
def page(request: HttpRequest, domain: str = "") -> HttpResponse:
    """Show the records of a domain, or of the first one. Raises PermissionDenied, Http404."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    config = settings.CONFIG
    rows = list(Domain.objects.all())
    row = get_object_or_404(Domain, name=domain) if domain else next(iter(rows), None)
    asked = "dns" in request.GET
    node: Sequence[Record | Seen]
    found: Sequence[Record | Seen]
    if asked:
        compared = records.compare(config, [row] if row else [], records.SECONDS)
        node, found = compared.node, next(iter(compared.domains), [])
    else:
        node = records.of_node(config, records.own_addresses(config))
        found = records.of_domain(row, config) if row else []
    announced = any(_record(each).name.startswith("_mta-sts.") for each in found)
    context = {
        **admin.site.each_context(request),
        "title": "DNS records",
        "subtitle": row.name if row else "",
        "row": row,
        "rows": rows,
        "asked": asked,
        "seconds": records.SECONDS,
        "counts": _counts([*found, *node]) if asked else [],
        "parts": [
            *([_part(row.name, "the domain", found, records.notes_on(row, config))] if row else []),
            _part(config.name, "this node, for all domains", node, records.notes_on_node(config)),
        ],
        "policy": records.policy_file(row, config) if row and announced else "",
        "policy_url": f"https://mta-sts.{row.name}{PATH}" if row else "",
        "may_change": request.user.has_perm("gateway.change_domain"),
    }
    return TemplateResponse(request, "webadmin/records.html", context)


def _part(name: str, what: str, found: Sequence[Record | Seen], notes: list[str]) -> dict[str, Any]:
    """Give the records of the node or of a domain as the page shows them."""
    lines = [_record(each).line for each in found if not _record(each).elsewhere]
    return {"name": name, "what": what, "notes": notes, "all": "\n".join(lines), "records": list(map(_shown, found))}


def _shown(found: Record | Seen) -> dict[str, Any]:
    """Give one record as the page shows it."""
    if isinstance(found, Record):
        return {"record": found}
    state, colour = _state(found)
    # What stands there as shown need not stand there twice.
    there = () if found.state is State.PUBLISHED and found.record.value else found.there
    return {"record": found.record, "seen": found, "state": state, "colour": colour, "there": there}


def _state(seen: Seen) -> tuple[str, str]:
    """Give the words for what DNS has, and their colour."""
    if seen.state is State.DIFFERS and seen.well:
        return "another one is there", "info"
    if seen.state is State.MISSING and seen.well:
        return "not there, optional", "plain"
    return seen.state, _COLOURS[seen.state]


def _counts(found: Sequence[Record | Seen]) -> list[tuple[str, str, int]]:
    """Give how many records are in which state: its words, their colour, how many; what is worst stands first."""
    counts = Counter(_state(each) for each in found if isinstance(each, Seen))
    order = ["danger", "warning", "plain", "info", "success"]
    return [(*state, counts[state]) for state in sorted(counts, key=lambda state: order.index(state[1]))]


def _record(found: Record | Seen) -> Record:
    """Give the record itself."""
    return found.record if isinstance(found, Seen) else found
