"""The list of all transactions, refused ones too, and the page of one."""

import json
from typing import Any

import msgspec
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import FieldTextFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from gateway.mail.copies import Purpose
from gateway.mail.findings import Observation, Outcome
from gateway.mail.trace import Trace
from gateway.models import PolicyRevision, QuarantinedCopy, Transaction
from webadmin.bounces.verdicts import verdicts
from webadmin.messages.filters import DispositionFilter, ListenerFilter, SinceFilter
from webadmin.messages.senders import sender_choices
from webadmin.rows import Page
from webadmin.templatetags.console import COLOURS, sender
from webadmin.times import TimeFilter

_SHOWN = 90  # letters of a subject or reason in the list


class TransactionAdmin(Page):
    """Messages: every transaction that left a trace."""

    page_template = "webadmin/message.html"
    list_display = ("time", "outcome", "from_", "to", "short_subject", "why", "client")
    list_display_links = ("time",)
    list_filter = (
        DispositionFilter,
        ListenerFilter,
        SinceFilter,
        ("started", TimeFilter),
        ("client_ip", FieldTextFilter),
    )
    list_filter_submit = True
    show_facets = admin.ShowFacets.NEVER  # counting every choice reads the whole table
    list_fullwidth = True
    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False
    search_fields = ("sender", "recipients__address", "subject", "id", "message_id")
    search_help_text = "Sender, recipient, subject, Message-ID or id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transaction]:
        """Give the rows without the traces, which a list does not need."""
        rows: QuerySet[Transaction] = super().get_queryset(request)
        return rows.defer("trace").prefetch_related("recipients")

    @display(description="time (UTC)", ordering="started")
    def time(self, row: Transaction) -> str:
        """When it began."""
        return f"{row.started:%Y-%m-%d %H:%M:%S}"

    @display(description="disposition", ordering="disposition", label=COLOURS)
    def outcome(self, row: Transaction) -> str:
        """Give what became of it."""
        return row.disposition

    @display(description="sender")
    def from_(self, row: Transaction) -> str:
        """Give the envelope sender."""
        return sender(row.sender)

    @display(description="recipients")
    def to(self, row: Transaction) -> str:
        """Give the first recipient, and how many more."""
        addresses = [each.address for each in row.recipients.all()]
        if not addresses:
            return "-"
        return addresses[0] + (f" and {len(addresses) - 1} more" if len(addresses) > 1 else "")

    @display(description="subject")
    def short_subject(self, row: Transaction) -> str:
        """Give the start of the subject."""
        return _short(row.subject) or "-"

    @display(description="client", ordering="client_ip")
    def client(self, row: Transaction) -> str:
        """Give the client's address."""
        return str(row.client_ip)

    @display(description="because")
    def why(self, row: Transaction) -> str:
        """Give the start of the reason."""
        return _short(row.because) or "-"

    def page_context(self, request: HttpRequest, row: Transaction) -> dict[str, Any]:
        """Show the trace of one message, and its copies in quarantine."""
        context: dict[str, Any] = {
            "title": row.subject or "Message without a subject",
            "raw": json.dumps(row.trace, indent=2, ensure_ascii=False),
            "revision": PolicyRevision.objects.filter(pk=row.revision).defer("snapshot").first(),
        }
        try:
            trace = msgspec.convert(row.trace, Trace)
        except msgspec.ValidationError as error:
            return context | {"damaged": str(error)}
        if trace.listener == "inbound":
            context |= sender_choices(request, row, (each.delivered_to for each in trace.recipients))
        kept = list(QuarantinedCopy.objects.filter(message=row.pk).order_by("id"))
        copies = {copy.recipient: copy for copy in kept if not Purpose(copy.purpose).leaves_by_itself}
        return context | {
            "trace": trace,
            "spoke": [each for each in trace.observations if _speaks(each)],
            "quiet": [each for each in trace.observations if not _speaks(each)],
            **verdicts(request, trace),
            "leaving": [copy for copy in kept if Purpose(copy.purpose).leaves_by_itself],
            "recipients": [(each, copies.get(each.delivered_to)) for each in trace.recipients],
            "may_see_copies": request.user.has_perm("gateway.view_quarantinedcopy"),
        }


def _speaks(seen: Observation) -> bool:
    """Whether a check found something, or could not tell."""
    return bool(seen.findings) or seen.outcome not in {Outcome.MISS, Outcome.SKIPPED}


def _short(text: str) -> str:
    """Cut a long text."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def register() -> None:
    """Register the pages of this feature."""
    admin.site.register(Transaction, TransactionAdmin)
