"""What mixed verdicts cost: messages that some recipients refuse and others take; which setting would spare that."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from gateway.operations import mixed

SEE = "gateway.view_transaction"
_SPANS = {"day": 1.0, "week": 7.0, "month": 30.0}


def page(request: HttpRequest) -> HttpResponse:
    """Show the page."""
    if not request.user.has_perm(SEE):
        raise PermissionDenied
    span = request.GET.get("span", "week")
    span = span if span in _SPANS else "week"
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Mixed verdicts",
        "span": span,
        "spans": list(_SPANS),
        "cost": mixed.cost(_SPANS[span]),
        "most": mixed.MOST,
    }
    return TemplateResponse(request, "webadmin/mixed.html", context)
