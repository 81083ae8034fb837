"""The page that decides the mail of the last days again, with what publishing would bring into force."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from gateway import installation
from gateway.operations import publish, what_if

PERMISSION = "gateway.add_policyrevision"
SEE = "gateway.view_transaction"
SECONDS = 15.0  # as long as a person waits for a page; the command has no bound
SPANS = {"day": 1.0, "week": 7.0, "month": 30.0}


@require_http_methods(["GET", "HEAD", "POST"])
def compare(request: HttpRequest) -> HttpResponse:
    """Ask for how long back (GET), or compare (POST)."""
    if not (request.user.has_perm(PERMISSION) and request.user.has_perm(SEE)):
        raise PermissionDenied
    span = request.POST.get("span", "week")
    span = span if span in SPANS else "week"
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "What if",
        "pending": publish.pending(),
        "problem": publish.problem(),
        "span": span,
        "spans": list(SPANS),
        "program": installation.PROGRAM,
    }
    if request.method == "POST" and not context["problem"]:
        try:
            found = what_if.compare(SPANS[span], seconds=SECONDS)
        except what_if.NothingInForceError as error:
            context["problem"] = str(error)
        else:
            context |= {"found": found, "moves": _most(found.moves), "reasons": _most(found.reasons)}
    return TemplateResponse(request, "webadmin/what_if.html", context)


def _most(figures: dict[str, int]) -> list[tuple[str, int]]:
    """Give figures, the largest first."""
    return sorted(figures.items(), key=lambda pair: (-pair[1], pair[0]))
