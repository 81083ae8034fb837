"""Accounts for SMTP AUTH, with their passwords."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from gateway.models import Account
from gateway.operations import accounts
from gateway.policy.wellformed import sender_fault
from webadmin.policy.fields import LinesField, SecretField
from webadmin.rows import Audited, who

MIN_LENGTH = 12


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """An account, and a new password."""

    addresses = LinesField(sender_fault, help_text="What it may send as: user@domain, or *@domain; one a line.")
    new_password = SecretField(
        min_length=MIN_LENGTH,
        help_text="Only to set or change it. Its hash is kept in a file of its own; it holds at once.",
    )

    class Meta:
        """The secret's id is made here."""

        model = Account
        fields = ("login", "addresses", "enabled", "new_password")

    def clean(self) -> dict[str, Any]:
        """Check that a new account gets a password."""
        cleaned = super().clean() or self.cleaned_data
        if not self.instance.pk and not cleaned.get("new_password") and "new_password" not in self.errors:
            self.add_error("new_password", "A new account needs a password.")
        return cleaned


class AccountAdmin(Audited):
    """Who may send by SMTP AUTH."""

    form = AccountForm
    list_display = ("login", "may_send_as", "enabled", "password_set")
    list_filter = ("enabled",)
    search_fields = ("login",)

    @display(description="addresses")
    def may_send_as(self, row: Account) -> str:
        """Give what it may send as."""
        return ", ".join(row.addresses) or "nothing"

    @display(description="password set", boolean=True)
    def password_set(self, row: Account) -> bool:
        """Whether a password was ever set."""
        return accounts.has_password(row)

    def save_model(self, request: HttpRequest, obj: Account, form: "forms.ModelForm[Account]", change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Save, and keep the new password's hash."""
        super().save_model(request, obj, form, change)
        if password := form.cleaned_data.get("new_password"):
            accounts.set_password(obj, password, who(request))

    def delete_model(self, request: HttpRequest, obj: Account) -> None:
        """Delete, and destroy the hash."""
        accounts.delete(obj, who(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Delete many."""
        for row in queryset:
            self.delete_model(request, row)
