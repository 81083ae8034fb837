"""Why mail was refused: how many recipients, by what decided."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from gateway.operations import refusals
from gateway.operations.refusals import COUNTED, Reason

SEE = "gateway.view_transaction"
_SPANS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}


def page(request: HttpRequest) -> HttpResponse:
    """Show the page."""
    if not request.user.has_perm(SEE):
        raise PermissionDenied
    span = request.GET.get("span", "day")
    span = span if span in _SPANS else "day"
    found = refusals.reasons(timezone.now() - _SPANS[span])
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Refusals",
        "span": span,
        "spans": list(_SPANS),
        "words": [each.value for each in COUNTED],
        "rows": [(each, _cells(each)) for each in found],
        "total": sum(each.total for each in found),
    }
    return TemplateResponse(request, "webadmin/refusals.html", context)


def most() -> list[Reason]:
    """Give the most frequent reasons of the last day."""
    return refusals.reasons(timezone.now() - _SPANS["day"])[:6]


def _cells(reason: Reason) -> list[tuple[str, int]]:
    """Give a reason's counts, by disposition, in the order of the columns."""
    return [(each.value, reason.counts.get(each.value, 0)) for each in COUNTED]
