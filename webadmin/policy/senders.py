"""The lists of senders, of the node, of each domain and of each recipient, in one table."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action, display

from gateway.models import SenderEntry
from gateway.policy.wellformed import entry_fault, normal_entry
from webadmin.rows import Audited

COLOURS = {"allow": "success", "block": "danger"}


class SenderEntryForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """An entry, with its sender in the form that policies have."""

    class Meta:
        """All of it."""

        model = SenderEntry
        fields = ("who", "verdict", "domain", "recipient", "comment")
        help_texts = {  # noqa: RUF012 - Django's form
            "domain": "Only for mail to this domain. Neither domain nor recipient: for all mail.",
            "recipient": "Only for mail to this recipient.",
        }

    def clean_who(self) -> str:
        """Give the sender in plain form, however it was typed. Raises ValidationError."""
        who = normal_entry(self.cleaned_data["who"])
        if wrong := entry_fault(who):
            raise ValidationError("; ".join(wrong))
        return who

    def clean(self) -> dict[str, Any]:
        """Check that it stands in one list, and there once."""
        cleaned = super().clean() or self.cleaned_data
        domain, recipient = cleaned.get("domain"), cleaned.get("recipient")
        if domain and recipient:
            self.add_error("domain", "An entry is for a domain or for a recipient; empty one of the two.")
        others = SenderEntry.objects.filter(who=cleaned.get("who"), domain=domain, recipient=recipient)
        if others.exclude(pk=self.instance.pk).exists():
            self.add_error("who", "This sender stands in the list already; change that entry.")
        return cleaned


class ScopeFilter(DropdownFilter):
    """Whose list an entry stands in."""

    title = "list"
    parameter_name = "list"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ANN401, ARG002 - Django's signature
        """Give the three kinds."""
        return [("node", "the node's"), ("domain", "domains'"), ("recipient", "recipients'")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SenderEntry]) -> QuerySet[SenderEntry]:  # noqa: ARG002 - Django's signature
        """Filter by it."""
        chosen = self.value()
        if not chosen:
            return queryset
        return queryset.filter(domain__isnull=chosen != "domain", recipient__isnull=chosen != "recipient")


class SenderEntryAdmin(Audited):
    """Who is welcome, and who is not."""

    form = SenderEntryForm
    actions_list = ("import_csv",)
    list_display = ("who", "says", "for_whom", "comment", "day")
    list_filter = ("verdict", ScopeFilter, "domain")
    search_fields = ("who", "comment", "domain__name", "recipient__local_part", "recipient__domain__name")
    list_select_related = ("domain", "recipient__domain")
    autocomplete_fields = ("recipient",)
    fieldsets = (
        (
            None,
            {
                "fields": ("who", "verdict", ("domain", "recipient"), "comment"),
                "description": "An allow entry counts only where SPF or DKIM proves the sender, and never beats a "
                "virus. A recipient's entry beats the domain's, the domain's beats the node's.",
            },
        ),
    )

    @display(description="verdict", ordering="verdict", label=COLOURS)
    def says(self, row: SenderEntry) -> str:
        """Give what it says."""
        return row.verdict

    @display(description="for")
    def for_whom(self, row: SenderEntry) -> str:
        """Give whose mail it is about."""
        return str(row.recipient or row.domain or "all mail")

    @display(description="added", ordering="added")
    def day(self, row: SenderEntry) -> str:
        """Give the day on which it was added."""
        return f"{row.added:%Y-%m-%d}"

    @action(description="Import CSV", icon="upload", permissions=["add"])
    def import_csv(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 - the shell's signature
        """Lead to the page that takes a list over."""
        return redirect("admin:import_senders")
