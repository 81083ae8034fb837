"""What the console says of backups, and the page on which somebody ends the hold of a restored node."""

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from gateway.config import Config
from gateway.models import Transaction
from gateway.operations import hold
from gateway.operations.backup import records
from gateway.operations.backup.records import moment
from gateway.operations.doctor.backups import age, told
from gateway.spool.disk import SpoolError
from webadmin.rows import who

PERMISSION = "gateway.change_quarantinedcopy"
_SHOWN = 100


def gathered() -> dict[str, Any]:
    """Give what the first page says: the hold, what is wrong with the backups, and the dates of the last ones."""
    config = settings.CONFIG
    held = hold.of(config)
    backup, proof = records.last_backup(config), records.last_proof(config)
    return {
        "hold": told(held) if held else "",
        "backup_trouble": records.trouble(config) or _never(config),
        "backup": moment(backup.at) if backup else "none on this node",
        "proof": proof,
        "proof_at": moment(proof.at) if proof else "none on this node",
        "proof_age": age(time.time() - proof.at) if proof else "",
    }


def _never(config: Config) -> str:
    """Say that no backup was made of a node that has carried mail for longer than that may be; else empty."""
    if records.last_backup(config) is not None:
        return ""
    first = Transaction.objects.order_by("started").values_list("started", flat=True).first()
    if first is None or timezone.now() - first < timedelta(days=config.backup.days):
        return ""
    return f"no backup was made of this node yet, and its oldest message is of {first:%Y-%m-%d}"


def restored(request: HttpRequest) -> HttpResponse:
    """Show what waits since a restore; a POST lets it leave, or keeps it in quarantine."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    config = settings.CONFIG
    if request.method == "POST":
        return _resume(request, request.POST.get("what", ""))
    held = hold.of(config)
    context = {
        **admin.site.each_context(request),
        "title": "After a restore",
        "told": told(held) if held else "",
        "waiting": hold.waiting(),
        "copies": hold.pending_copies()[:_SHOWN],
    }
    return TemplateResponse(request, "webadmin/restored.html", context)


def _resume(request: HttpRequest, what: str) -> HttpResponse:
    """End the hold; ``what`` is said in words, for the one can't be undone."""
    if what not in ("keep", "send"):
        return HttpResponseBadRequest("say whether what waits is to be kept or sent")
    keep = what == "keep"
    try:
        pending = hold.resume(settings.CONFIG, who(request), keep=keep)
    except (OSError, SpoolError) as error:
        messages.error(request, f"The hold could not be ended: {error}.")
        return redirect("admin:restored")
    if pending is None:
        messages.warning(request, "Nothing was held any more.")
    else:
        done = "are back in quarantine, or given up" if keep else "leave now"
        messages.success(request, f"{pending} {done}.")
    return redirect("admin:index")
