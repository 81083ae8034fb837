"""The quarantine: the list, the page of one copy with a safe preview, release and delete.

Releasing and deleting happen by POST, after a page that asks. Looking fetches nothing that the message names.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.text import Truncator
from django.views.decorators.http import require_GET, require_POST
from unfold.contrib.filters.admin import FieldTextFilter
from unfold.decorators import display

from gateway.mail.message import Content
from gateway.mail.trace import Trace
from gateway.models import QuarantinedCopy, Transaction
from gateway.models.quarantine import CopyState
from gateway.operations import audit
from gateway.operations.delete import LIVE, delete
from gateway.operations.release import RELEASABLE, release
from gateway.spool.disk import SpoolError
from gateway.spool.quarantine import Quarantine
from webadmin.bounces.verdicts import verdicts
from webadmin.csp import HEADER
from webadmin.messages.senders import sender_choices
from webadmin.quarantine.filters import CheckFilter, PurposeFilter, StateFilter
from webadmin.quarantine.lessons import ask, ask_for_all, lessons, pupils
from webadmin.quarantine.preview import preview
from webadmin.rows import Page, who
from webadmin.templatetags.console import COLOURS, octets, sender
from webadmin.times import TimeFilter

# What a message's own page may do: be looked at, with our few styles. No script, no image, no form, no link, no origin.
PREVIEW_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
DOWNLOAD_POLICY = "default-src 'none'; sandbox"

AT_ONCE = 900  # copies: each is confirmed by its number, and a form has its limits

Copies = QuerySet[QuarantinedCopy]


class QuarantinedCopyAdmin(Page):
    """Quarantined copies: one message for one recipient."""

    page_template = "webadmin/copy.html"
    list_display = ("time", "condition", "from_", "recipient", "short_subject", "why", "how_large")
    list_display_links = ("time",)
    list_filter = (
        StateFilter,
        PurposeFilter,
        CheckFilter,
        ("received", TimeFilter),
        ("client_ip", FieldTextFilter),
    )
    list_filter_submit = True
    show_facets = admin.ShowFacets.NEVER  # counting every choice reads the whole table
    list_fullwidth = True
    list_per_page = 50
    search_fields = ("sender", "recipient", "header_from", "subject", "message")
    search_help_text = "Sender, recipient, From, subject or id"
    actions = ("release_copies", "delete_copies")

    @display(description="time (UTC)", ordering="received")
    def time(self, row: QuarantinedCopy) -> str:
        """When it came in."""
        return f"{row.received:%Y-%m-%d %H:%M:%S}"

    @display(description="state", ordering="state", label=COLOURS)
    def condition(self, row: QuarantinedCopy) -> str:
        """Where the copy is."""
        return row.state

    @display(description="sender", ordering="sender")
    def from_(self, row: QuarantinedCopy) -> str:
        """Give the envelope sender."""
        return sender(row.sender)

    @display(description="subject")
    def short_subject(self, row: QuarantinedCopy) -> str:
        """Give the start of the subject."""
        return Truncator(row.subject).chars(90) or "-"

    @display(description="because")
    def why(self, row: QuarantinedCopy) -> str:
        """Give the start of the reason."""
        return Truncator(row.because).chars(90)

    @display(description="size", ordering="size")
    def how_large(self, row: QuarantinedCopy) -> str:
        """Give the size of the message."""
        return octets(row.size)

    def has_release_permission(self, request: HttpRequest) -> bool:
        """Whether the person may release."""
        return bool(request.user.has_perm("gateway.change_quarantinedcopy"))

    def has_destroy_permission(self, request: HttpRequest) -> bool:
        """Whether the person may delete for good."""
        return bool(request.user.has_perm("gateway.delete_quarantinedcopy"))

    @admin.action(description="Release: deliver to the recipient", permissions=["release"])
    def release_copies(self, request: HttpRequest, copies: Copies) -> HttpResponse | None:
        """Release the selected copies, once the person has confirmed."""
        return self._confirmed(request, copies, "release_copies", "Release", release)

    @admin.action(description="Delete for good", permissions=["destroy"])
    def delete_copies(self, request: HttpRequest, copies: Copies) -> HttpResponse | None:
        """Delete the selected copies, once the person has confirmed."""
        return self._confirmed(request, copies, "delete_copies", "Delete", delete)

    def _confirmed(
        self, request: HttpRequest, copies: Copies, action: str, verb: str, carry_out: Callable[[Copies, str], int]
    ) -> HttpResponse | None:
        """Ask first; on the second POST do it, and tell how many."""
        if "confirmed" not in request.POST:
            if copies.count() > AT_ONCE:
                self.message_user(request, f"Select at most {AT_ONCE} at once; filter the list first.", messages.ERROR)
                return None
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": f"{verb}: are you sure?",
                "verb": verb,
                "action": action,
                "copies": copies[:100],
                "count": copies.count(),
                "numbers": list(copies.values_list("pk", flat=True)),
                "checkbox": ACTION_CHECKBOX_NAME,
                "pupils": pupils(request) if carry_out is release else (),
            }
            return TemplateResponse(request, "webadmin/confirm.html", context)
        asked = copies.count()
        if carry_out is release and "learn" in request.POST:
            # Before the release: once delivered, a message may be gone.
            ask_for_all(request, copies.filter(state__in=RELEASABLE))
        count = carry_out(copies, who(request))
        done = "asked for delivery" if action == "release_copies" else "deleted"
        self.message_user(request, f"{count} of {asked} {done}.", messages.SUCCESS if count else messages.WARNING)
        if count < asked:
            self.message_user(
                request, "The others are in a state in which that can't be done any more.", messages.WARNING
            )
        return None

    def get_urls(self) -> list[URLPattern]:
        """Add preview, download and learning."""
        own = [
            path("<path:object_id>/preview/", self.admin_site.admin_view(self.preview_view), name="copy_preview"),
            path("<path:object_id>/original/", self.admin_site.admin_view(self.original_view), name="copy_original"),
            path("<path:object_id>/learn/", self.admin_site.admin_view(self.learn_view), name="copy_learn"),
        ]
        return [*own, *super().get_urls()]

    def page_context(self, request: HttpRequest, row: QuarantinedCopy) -> dict[str, Any]:
        """Show one copy, with what the message holds."""
        live = row.state in (CopyState.QUARANTINED, CopyState.FAILED)
        context = {
            **_verdict(request, row),
            **sender_choices(request, row, (row.recipient,)),
            **lessons(request, row),
            "title": row.subject or "Message without a subject",
            "key": quote(row.pk),
            "others": QuarantinedCopy.objects.filter(message=row.message).exclude(pk=row.pk),
            "has_transaction": Transaction.objects.filter(pk=row.message).exists(),
            "checkbox": ACTION_CHECKBOX_NAME,
            "may_release": live and self.has_release_permission(request),
            "may_delete": (live or row.state == CopyState.RELEASING) and self.has_destroy_permission(request),
        }
        if row.state in LIVE:
            try:
                context["preview"] = preview(self._content(row))
            except (SpoolError, OSError) as error:
                context["damaged"] = str(error)
        return context

    @method_decorator(require_GET)
    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the sanitised HTML of a message, and nothing else, in a page that can do nothing."""
        row = self._visible(request, object_id)
        try:
            shown = preview(self._content(row))
        except (SpoolError, OSError) as error:
            raise Http404(str(error)) from error
        response = render(request, "webadmin/preview.html", {"markup": shown.html})
        response.headers[HEADER] = PREVIEW_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @method_decorator(require_GET)
    def original_view(self, request: HttpRequest, object_id: str) -> FileResponse:
        """Hand the original out, to be saved; it is on record who took it."""
        row = self._visible(request, object_id)
        try:
            content = self._content(row)
            file = content.path.open("rb") if content.path else None
        except (SpoolError, OSError) as error:
            raise Http404(str(error)) from error
        if file is None:
            raise Http404
        audit.record(who(request), "download", str(row))
        response = FileResponse(
            file, as_attachment=True, filename=f"{row.message}.eml", content_type="application/octet-stream"
        )
        response.headers[HEADER] = DOWNLOAD_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @method_decorator(require_POST)
    def learn_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have the message learned as spam or ham, and go back to the page. Raises PermissionDenied."""
        row = self._visible(request, object_id)
        ask(request, row, request.POST.get("kind", ""))
        return redirect("admin:gateway_quarantinedcopy_change", quote(row.pk))

    def _visible(self, request: HttpRequest, object_id: str) -> QuarantinedCopy:
        """Give a copy that the person may see. Raises Http404, PermissionDenied."""
        row: QuarantinedCopy | None = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return row

    @staticmethod
    def _content(row: QuarantinedCopy) -> Content:
        """Give the stored bytes. Raises SpoolError."""
        return Quarantine(settings.CONFIG.spool_folder).read(row.message)[1]


def _verdict(request: HttpRequest, row: QuarantinedCopy) -> dict[str, Any]:
    """Give the verdict on an automatic message for the copy's recipient; nothing while its trace is not there."""
    message = Transaction.objects.filter(pk=row.message).first()
    if message is None:
        return {}
    try:
        return verdicts(request, msgspec.convert(message.trace, Trace), row.recipient)
    except msgspec.ValidationError:
        return {}  # the message's own page tells


def register() -> None:
    """Register the pages of this feature."""
    admin.site.register(QuarantinedCopy, QuarantinedCopyAdmin)
