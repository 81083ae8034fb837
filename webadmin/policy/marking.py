"""The page of marking: the keys with what they are good for, the seal, and each domain's DNS records, ready to copy.

No secret is ever shown. What is made here holds once it is published.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from gateway.backscatter.batv import LIFETIME
from gateway.models import Domain, MarkingKey, NeverTag, NodePolicy
from gateway.operations import keys, records, rotation
from gateway.operations.learning import never_tags
from webadmin.rows import who

PERMISSION = "gateway.change_markingkey"


@require_http_methods(["GET", "HEAD", "POST"])
def marking(request: HttpRequest) -> HttpResponse:
    """Show the page (GET), or make or retire a key (POST)."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if request.method == "POST":
        return _act(request)
    node = NodePolicy.load()
    context = {
        **admin.site.each_context(request),
        "title": "Marking",
        "keys": _with_state(MarkingKey.objects.all()),
        "due": rotation.is_due(),
        "rotate_after": rotation.ROTATE_AFTER,
        "sealed": bool(node.seal_secret),
        "never_tag": node.never_tag,
        "learned": NeverTag.objects.all(),
        "node": node,
        "domains": [
            (row, [each.line for each in records.of_marking(row, settings.CONFIG)]) for row in Domain.objects.all()
        ],
    }
    return TemplateResponse(request, "webadmin/marking.html", context)


def _act(request: HttpRequest) -> HttpResponse:
    """Make or retire what was asked for, and say what is to be done next."""
    try:
        match request.POST.get("do"):
            case "key":
                made = keys.make_key(who(request))
                said = f"Key {made.number} was made, and signs from {made.since} on. Publish it before."
            case "retire":
                key = get_object_or_404(MarkingKey, pk=_number(request))
                keys.retire(key, who(request))
                said = f"{str(key).capitalize()} is retired. Publish now: until then it goes on signing."
            case "seal":
                keys.make_seal(who(request))
                said = "The seal has a secret. Publish, and it is put on mail that leaves."
            case "dkim":
                domain = get_object_or_404(Domain, pk=_number(request))
                keys.make_dkim_key(domain, who(request))
                said = f"{domain} has a new DKIM key. Put its record below into DNS first, then publish."
            case "forget":
                entry = get_object_or_404(NeverTag, pk=_number(request))
                never_tags.forget(entry, who(request))
                said = f"{entry} is forgotten: its mail is tagged again within seconds."
            case "keep":
                entry = get_object_or_404(NeverTag, pk=_number(request))
                never_tags.make_permanent(entry, who(request))
                said = f"{entry} is never tagged for good, once you publish."
            case _:
                said = ""
    except OSError as error:
        messages.error(request, f"The secret could not be written: {error}.")
    else:
        if said:
            messages.success(request, said)
    return redirect("admin:marking")


def _number(request: HttpRequest) -> int:
    """Give the row that is meant; 0, which is none, where that is no number."""
    text = request.POST.get("row", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - of any row


def _with_state(rows: QuerySet[MarkingKey]) -> list[dict[str, Any]]:
    """Give the keys, newest first, each with its state in words and the state's colour."""
    today, follower, shown = keys.today(), None, []
    for row in rows:
        if row.retired:
            state, colour = "retired: its tags are suspect", "danger"
        elif row.since > today:
            state, colour = f"signs from {row.since} on", "info"
        elif follower is None or follower.since > today:
            state, colour = "signs", "success"
        else:
            state, colour = f"accepted until {follower.since + timedelta(days=LIFETIME)}", "plain"
        shown.append({"row": row, "state": state, "colour": colour})
        if not row.retired:
            follower = row
    return shown
