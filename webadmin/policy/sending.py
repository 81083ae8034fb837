"""Who has reached a sending limit, and the button that lets them send again."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from gateway.models import NodePolicy, SendingBlock
from gateway.operations import learning
from gateway.operations.learning import sending
from webadmin.rows import who

SEE = "gateway.view_sendingblock"
UNBLOCK = "gateway.change_sendingblock"


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Show the page (GET), or unblock somebody (POST)."""
    if not request.user.has_perm(UNBLOCK if request.method == "POST" else SEE):
        raise PermissionDenied
    if request.method == "POST":
        row = get_object_or_404(SendingBlock, pk=_number(request))
        sending.unblock(row.kind, row.name, who(request))
        learning.publish()
        messages.success(request, f"{row.kind} {row.name} can send again within a second; its counts begin anew.")
        return redirect("admin:sending")
    rows = list(SendingBlock.objects.all()[:200])
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Sending",
        "rows": [(row, sending.is_blocked(row)) for row in rows],
        "node": NodePolicy.load(),
        "may_unblock": request.user.has_perm(UNBLOCK),
    }
    return TemplateResponse(request, "webadmin/sending.html", context)


def held_back() -> int:
    """Give how many are held back by a limit, as far as nobody has unblocked them."""
    return sum(1 for row in SendingBlock.objects.all()[:200] if sending.is_blocked(row))


def _number(request: HttpRequest) -> int:
    """Give the row that is meant; 0, which is none, where that is no number."""
    text = request.POST.get("row", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - of any row
