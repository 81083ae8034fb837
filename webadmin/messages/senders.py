"""The form on a message's page that allows or blocks its sender: for a recipient, a domain, or all mail."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from gateway.backscatter import batv
from gateway.models import Domain, QuarantinedCopy, Transaction
from gateway.operations.senders import SenderError, entries_of, list_sender
from gateway.policy.sender_lists import Scope
from gateway.policy.snapshot import ListVerdict
from webadmin.rows import who

PERMISSIONS = ("gateway.add_senderentry", "gateway.change_senderentry")
_SHOWN = 20  # recipients that are offered


def sender_choices(
    request: HttpRequest, row: Transaction | QuarantinedCopy, recipients: Iterable[str]
) -> dict[str, Any]:
    """Give what the form offers; nothing where the person may not list senders, or no recipient is ours."""
    if not request.user.has_perms(PERMISSIONS):
        return {}
    plain = list(dict.fromkeys(batv.without_tag(each).lower() for each in recipients))[:_SHOWN]
    names = dict.fromkeys(each.rpartition("@")[2] for each in plain)
    ours = set(Domain.objects.filter(name__in=names).values_list("name", flat=True))
    entries = entries_of(row.sender or "", row.header_from, row.client_ip or "")
    if not ours or not entries:
        return {}
    lists = [(f"{Scope.RECIPIENT} {each}", f"mail to {each}") for each in plain if each.rpartition("@")[2] in ours]
    lists += [(f"{Scope.DOMAIN} {each}", f"all mail to {each}") for each in names if each in ours]
    lists.append((Scope.NODE.value, "all mail"))
    return {
        "sender_entries": entries,
        "sender_lists": lists,
        "sender_message": row.message if isinstance(row, QuarantinedCopy) else row.pk,
    }


@require_POST
def list_it(request: HttpRequest, message: str) -> HttpResponse:
    """Allow or block a sender. Raises PermissionDenied."""
    if not request.user.has_perms(PERMISSIONS):
        raise PermissionDenied
    scope, _, of = request.POST.get("list", "").partition(" ")
    try:
        verdict = ListVerdict(request.POST.get("verdict", ""))
        row = list_sender(
            request.POST.get("entry", ""), verdict, Scope(scope), of, who=who(request), comment=f"of message {message}"
        )
    except SenderError as error:
        messages.error(request, str(error))
    except ValueError:
        messages.error(request, "Choose a sender, and for whom, then Allow or Block.")
    else:
        proof = " It counts where SPF or DKIM proves the sender." if verdict is ListVerdict.ALLOW else ""
        messages.success(request, f"{row}: it holds once you publish.{proof}")
    back = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return redirect(back)
    return redirect("admin:message", message)
