"""Domains, with how they know their recipients, and their checks."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from gateway.mail.address import AddressError, domain_key
from gateway.models import CheckSetting, Domain
from gateway.operations import accounts, probe
from gateway.policy.defaults import CHECKS, THRESHOLDS
from gateway.policy.learned import FORGED
from gateway.policy.validity import guided_fault
from gateway.policy.wellformed import domain_fault
from webadmin.policy import actions, digest, thresholds, tls
from webadmin.policy.fields import WeightsField
from webadmin.policy.recipients import RecipientInline
from webadmin.policy.validation import LDAP, METHODS, ValidationFields
from webadmin.rows import Audited, who

_DEFAULTS = (
    f"Points. Empty: {THRESHOLDS.tag:g} tag, {THRESHOLDS.quarantine:g} quarantine, {THRESHOLDS.reject:g} reject."
)
_FIELDS = ("name", "route", "observe", "marks_since", "guided", "switch_on")
CHECK_FIELDS = ("check_name", "mode", "action", "actions", "on_failure", "weights")
_RECIPIENTS = ("accept_unknown", "validation_down", "plus", "accepts_everyone")


class DomainForm(actions.ActionFields, ValidationFields, tls.TlsFields, digest.DigestFields):
    """A domain, with its name in look-up form."""

    class Meta:
        """All of it."""

        model = Domain
        fields = (*_FIELDS, *_RECIPIENTS, *thresholds.FIELDS, *actions.FIELDS, *digest.FIELDS, *tls.FIELDS)
        help_texts: ClassVar[dict[str, str]] = {
            "guided": "What happens to forged bounces moves by itself, as the page Readiness shows: observe, "
            "quarantine, reject. The mode and action of the check setting forged_bounce say nothing then. "
            "To set them yourself, switch this off.",
        }

    def clean_name(self) -> str:
        """Give the name in lower-case A-labels, however it was typed. Raises ValidationError."""
        try:
            name = domain_key(self.cleaned_data["name"].strip())
        except AddressError as error:
            raise ValidationError(str(error)) from None
        if wrong := domain_fault(name):
            raise ValidationError("; ".join(wrong))
        return name

    def clean(self) -> dict[str, Any]:
        """Check the thresholds."""
        cleaned = super().clean() or self.cleaned_data
        thresholds.check(self, THRESHOLDS)
        return cleaned


# What has to be known where a check is switched on.
_COSTS = {"spamassassin": " (costs about 55 times rspamd's CPU)"}


class CheckForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """What a check means where it differs from the default."""

    check_name = forms.ChoiceField(
        label="check",
        choices=[(name, f"{name}{_COSTS.get(name, '')}") for name in CHECKS],
        widget=UnfoldAdminSelectWidget(),
    )
    weights = WeightsField(help_text="SYMBOL points, one a line.")
    actions = actions.ActionsField(
        label="By symbol",
        help_text="SYMBOL action, one a line, laid over the default's. What neither names leads to the action.",
    )

    class Meta:
        """All of it."""

        model = CheckSetting
        fields = CHECK_FIELDS

    def clean(self) -> dict[str, Any]:
        """Check the symbols."""
        cleaned = super().clean() or self.cleaned_data
        actions.check_actions(self, cleaned.get("check_name", ""))
        return cleaned


class CheckFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # it takes none at run time
    """The check settings of a domain: of forged bounces nothing is said where the domain is guided."""

    def clean(self) -> None:
        """Refuse what a guided domain would not heed. Raises ValidationError."""
        super().clean()
        if not self.instance.guided:
            return
        for form in self.forms:
            said = getattr(form, "cleaned_data", None) or {}
            if said.get("check_name") == FORGED and not said.get("DELETE"):
                fault = guided_fault(said.get("mode", ""), said.get("action", ""))
                if fault is not None:
                    raise ValidationError("; ".join(fault))


class CheckInline(TabularInline):
    """The checks that mean something else to this domain than by default."""

    model = CheckSetting
    formset = CheckFormSet
    form = CheckForm
    fields = CHECK_FIELDS
    extra = 0
    tab = True
    verbose_name_plural = "check settings"


class DomainAdmin(Audited):
    """Our domains."""

    form = DomainForm
    inlines = (RecipientInline, CheckInline)
    actions_detail = ("try_recipient", "dns_records")
    readonly_fields = ("next_hop_says",)
    list_display = ("name", "route", "how_many", "observe", "accept_unknown")
    list_filter = ("observe",)
    search_fields = ("name",)
    list_select_related = ("route",)
    fieldsets = (
        (None, {"fields": _FIELDS}),
        (
            "Recipients",
            {"fields": (*METHODS, "accept_unknown", ("validation_down", "plus"), "accepts_everyone", "next_hop_says")},
        ),
        (
            "Directory (LDAP)",
            {
                "classes": ("collapse",),
                "fields": (LDAP[:2], "ldap_filter", LDAP[3:5], LDAP[5:7], "ldap_seconds"),
                "description": "Where recipients are looked up, once the directory is one of the methods above.",
            },
        ),
        ("Thresholds", {"fields": thresholds.ROWS, "description": _DEFAULTS}),
        ("Actions", {"fields": actions.FIELDS, "description": actions.ABOUT}),
        ("Digest of the quarantine", {"fields": digest.FIELDS, "description": digest.ABOUT}),
        ("TLS of mail that comes in", {"fields": tls.ROWS, "description": tls.ABOUT}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Domain]:
        """Count the recipients too."""
        rows: QuerySet[Domain] = super().get_queryset(request)
        return rows.annotate(recipient_count=Count("recipients"))

    @display(description="Unknown recipients at the next hop")
    def next_hop_says(self, row: Domain) -> str:
        """Say what the last probe found."""
        return probe.told_of(row) if row.pk and row.route_id else "not known yet"

    @action(description="Test a recipient", icon="troubleshoot", permissions=["change"])
    def try_recipient(self, request: HttpRequest, object_id: int) -> HttpResponse:  # noqa: ARG002 - the shell's signature
        """Lead to the page that tries a recipient at the domain's next hop."""
        row = Domain.objects.filter(pk=object_id).first()
        return redirect(f"{reverse('admin:try_recipient')}?{urlencode({'domain': row.name if row else ''})}")

    @action(description="DNS records", icon="travel_explore", permissions=["view"])
    def dns_records(self, request: HttpRequest, object_id: int) -> HttpResponse:  # noqa: ARG002 - the shell's signature
        """Lead to the page of the domain's DNS records."""
        row = Domain.objects.filter(pk=object_id).first()
        return redirect("admin:domain_records", row.name) if row else redirect("admin:records")

    @display(description="recipients", ordering="recipient_count")
    def how_many(self, row: Domain) -> int:
        """How many recipients it has."""
        return int(getattr(row, "recipient_count", 0))

    def save_model(self, request: HttpRequest, obj: Domain, form: "forms.ModelForm[Domain]", change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Save, and keep the directory's new password."""
        super().save_model(request, obj, form, change)
        if password := form.cleaned_data.get("ldap_password"):
            accounts.set_ldap_password(obj, password, who(request))
