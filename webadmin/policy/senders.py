"""The lists of senders, of the node, of each domain and of each recipient, in one table."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from gateway.models import SenderEntry
from gateway.policy.wellformed import entry_fault, normal_entry
from webadmin.rows import Audited


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


class ScopeFilter(forms.Form):
    """Placeholder of nothing."""


class SenderEntryAdmin(Audited):
    """Who is welcome, and who is not."""

    form = SenderEntryForm
    list_display = ("who", "says", "for_whom", "comment", "added")
    list_filter = ("verdict", "domain")
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
