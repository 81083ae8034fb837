"""Domains with their recipients and checks, and recipients by themselves."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from gateway.mail.address import AddressError, domain_key
from gateway.models import CheckSetting, Domain, Recipient
from gateway.policy.defaults import CHECKS, THRESHOLDS
from gateway.policy.learned import FORGED
from gateway.policy.validity import guided_fault
from gateway.policy.wellformed import domain_fault, local_part_fault
from webadmin.policy import thresholds
from webadmin.policy.fields import WeightsField
from webadmin.rows import Audited

_DEFAULTS = (
    f"Points. Empty: {THRESHOLDS.tag:g} tag, {THRESHOLDS.quarantine:g} quarantine, {THRESHOLDS.reject:g} reject."
)
_FIELDS = ("name", "route", "observe", "accept_unknown", "marks_since", "guided", "switch_on")


class DomainForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """A domain, with its name in look-up form."""

    class Meta:
        """All of it."""

        model = Domain
        fields = (*_FIELDS, *thresholds.FIELDS)
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


class RecipientForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """A recipient, with its local part in lower case."""

    class Meta:
        """All of it."""

        model = Recipient
        fields = ("domain", "local_part", *thresholds.FIELDS)

    def clean_local_part(self) -> str:
        """Give the local part in lower case. Raises ValidationError."""
        local: str = self.cleaned_data["local_part"].strip().lower()
        if wrong := local_part_fault(local):
            raise ValidationError("; ".join(wrong))
        return local

    def clean(self) -> dict[str, Any]:
        """Check the thresholds over those of the domain."""
        cleaned = super().clean() or self.cleaned_data
        domain: Domain | None = cleaned.get("domain")
        of_domain = {name: getattr(domain, name, None) for name in thresholds.FIELDS}
        thresholds.check(self, thresholds.overlaid(THRESHOLDS, of_domain))
        return cleaned


class CheckForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """What a check means where it differs from the default."""

    check_name = forms.ChoiceField(
        label="check", choices=[(name, name) for name in CHECKS], widget=UnfoldAdminSelectWidget()
    )
    weights = WeightsField(help_text="SYMBOL points, one a line.")

    class Meta:
        """All of it."""

        model = CheckSetting
        fields = ("check_name", "mode", "action", "on_failure", "weights")


class RecipientInline(TabularInline):
    """The recipients of a domain, a page at a time."""

    model = Recipient
    form = RecipientForm
    fields = ("local_part", *thresholds.FIELDS)
    extra = 0
    per_page = 25
    show_count = True
    tab = True


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
    fields = ("check_name", "mode", "action", "on_failure", "weights")
    extra = 0
    tab = True
    verbose_name_plural = "check settings"


class DomainAdmin(Audited):
    """Our domains."""

    form = DomainForm
    inlines = (RecipientInline, CheckInline)
    list_display = ("name", "route", "how_many", "observe", "accept_unknown")
    list_filter = ("observe",)
    search_fields = ("name",)
    list_select_related = ("route",)
    fieldsets = (
        (None, {"fields": _FIELDS}),
        ("Thresholds", {"fields": thresholds.ROWS, "description": _DEFAULTS}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Domain]:
        """Count the recipients too."""
        rows: QuerySet[Domain] = super().get_queryset(request)
        return rows.annotate(recipient_count=Count("recipients"))

    @display(description="recipients", ordering="recipient_count")
    def how_many(self, row: Domain) -> int:
        """How many recipients it has."""
        return int(getattr(row, "recipient_count", 0))


class RecipientAdmin(Audited):
    """The recipients of all domains."""

    form = RecipientForm
    list_display = ("address", "domain", *thresholds.FIELDS)
    list_filter = ("domain",)
    search_fields = ("local_part", "domain__name")
    list_select_related = ("domain",)
    fieldsets = (
        (None, {"fields": ("domain", "local_part")}),
        ("Thresholds", {"fields": thresholds.ROWS, "description": "Points. Empty: as the domain has it."}),
    )

    @display(description="address", ordering="local_part")
    def address(self, row: Recipient) -> str:
        """Give the whole address."""
        return str(row)
