"""The recipients, within their domain and by themselves."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import TabularInline
from unfold.decorators import action, display

from gateway.mail.address import AddressError, parse_mailbox
from gateway.models import Domain, Recipient
from gateway.policy.defaults import THRESHOLDS
from gateway.policy.wellformed import local_part_fault
from webadmin.policy import actions, thresholds
from webadmin.rows import Audited


class RecipientForm(actions.ActionFields):
    """A recipient, with its local part in lower case."""

    class Meta:
        """All of it."""

        model = Recipient
        fields = ("domain", "local_part", "alias", *thresholds.FIELDS, *actions.FIELDS, "digest")

    def clean_local_part(self) -> str:
        """Give the local part in lower case. Raises ValidationError."""
        local: str = self.cleaned_data["local_part"].strip().lower()
        if wrong := local_part_fault(local):
            raise ValidationError("; ".join(wrong))
        return local

    def clean_alias(self) -> str:
        """Give the address in look-up form. Raises ValidationError where it is none of ours."""
        alias: str = self.cleaned_data["alias"].strip()
        if not alias:
            return ""
        try:
            address = parse_mailbox(alias)
        except AddressError as error:
            raise ValidationError(f"{alias!r} is no address: {error}; write user@domain") from None
        if not Domain.objects.filter(name=address.domain_key).exists():
            raise ValidationError(f"{alias} is no address of ours: mail is never forwarded to others")
        return address.key

    def redirected_anyway(self, cleaned: dict[str, Any]) -> bool:
        """Whether the domain says where to."""
        domain = cleaned.get("domain")
        return super().redirected_anyway(cleaned) or bool(domain and domain.redirect_to)

    def clean(self) -> dict[str, Any]:
        """Check the thresholds over those of the domain, and that the alias is another address."""
        cleaned = super().clean() or self.cleaned_data
        domain: Domain | None = cleaned.get("domain")
        if domain and cleaned.get("alias") and cleaned["alias"] == f"{cleaned.get('local_part')}@{domain.name}":
            self.add_error("alias", "The alias leads back to itself; name another address, or empty it.")
        own = f"{cleaned.get('local_part')}@{domain.name}" if domain else ""
        for field, targets in (
            ("redirect_to", [cleaned.get("redirect_to")]),
            ("copy_to", cleaned.get("copy_to") or []),
        ):
            if own in targets:
                self.add_error(field, f"{own} is the recipient itself; name another address.")
        of_domain = {name: getattr(domain, name, None) for name in thresholds.FIELDS}
        thresholds.check(self, thresholds.overlaid(THRESHOLDS, of_domain))
        return cleaned


class RecipientInline(TabularInline):
    """The recipients of a domain, a page at a time."""

    model = Recipient
    form = RecipientForm
    fields = ("local_part", "alias", *thresholds.FIELDS)
    extra = 0
    per_page = 25
    show_count = True
    tab = True


class RecipientAdmin(Audited):
    """The recipients of all domains."""

    form = RecipientForm
    actions_list = ("import_csv",)
    list_display = ("address", "domain", "alias", *thresholds.FIELDS)
    list_filter = ("domain",)
    search_fields = ("local_part", "domain__name", "alias")
    list_select_related = ("domain",)
    fieldsets = (
        (None, {"fields": ("domain", "local_part", "alias")}),
        ("Thresholds", {"fields": thresholds.ROWS, "description": "Points. Empty: as the domain has it."}),
        (
            "Actions",
            {"fields": actions.FIELDS, "description": f"{actions.ABOUT} What is empty is as the domain has it."},
        ),
        ("Digest of the quarantine", {"fields": ("digest",)}),
    )

    @display(description="address", ordering="local_part")
    def address(self, row: Recipient) -> str:
        """Give the whole address."""
        return str(row)

    @action(description="Import CSV", icon="upload", permissions=["add"])
    def import_csv(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 - the shell's signature
        """Lead to the page that takes a list over."""
        return redirect("admin:import_recipients")
