"""What holds for every domain, and for mail that leaves."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from gateway.models import CheckSetting, NodePolicy
from gateway.policy.defaults import THRESHOLDS
from gateway.policy.wellformed import destination_fault, network_fault
from webadmin.policy import thresholds
from webadmin.policy.domains import CheckForm
from webadmin.policy.fields import LinesField
from webadmin.rows import Audited


class NodeForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """The one row."""

    normalise_line_ends = LinesField(
        network_fault,
        label="Mend line ends of",
        help_text="Networks whose bare CR and LF are mended instead of refused, in CIDR form, one a line.",
    )
    outbound_networks = LinesField(network_fault, help_text="They may send without AUTH. In CIDR form, one a line.")

    never_tag = LinesField(
        destination_fault,
        help_text="Lists and services that key on the plain sender address: user@domain or domain, one a line.",
    )

    class Meta:
        """All of it."""

        model = NodePolicy
        fields = (
            "observe",
            "max_size",
            "normalise_line_ends",
            "outbound_route",
            "outbound_networks",
            "never_tag",
            *thresholds.FIELDS,
        )

    def clean(self) -> dict[str, Any]:
        """Check the thresholds."""
        cleaned = super().clean() or self.cleaned_data
        thresholds.check(self, THRESHOLDS)
        return cleaned


class NodePolicyAdmin(Audited):
    """The one row, so its list is its page."""

    form = NodeForm
    fieldsets = (
        ("Every domain", {"fields": ("observe", "max_size", "normalise_line_ends")}),
        ("Outbound mail", {"fields": ("outbound_route", "outbound_networks", "never_tag")}),
        ("Thresholds of outbound mail", {"fields": thresholds.ROWS}),
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Lead to the one row."""
        return redirect("admin:gateway_nodepolicy_change", NodePolicy.load().pk)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """There is one already."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: NodePolicy | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Let it stay."""
        return False


class OutboundCheckForm(CheckForm):
    """What a check means to outbound mail."""

    def clean(self) -> dict[str, Any]:
        """Check that there is no other setting of the same check."""
        cleaned = super().clean() or self.cleaned_data
        others = CheckSetting.objects.filter(domain=None, check_name=cleaned.get("check_name"))
        if others.exclude(pk=self.instance.pk).exists():
            self.add_error("check_name", "This check has a setting already; change that one.")
        return cleaned


class OutboundCheckAdmin(Audited):
    """The checks that mean something else to outbound mail than by default."""

    form = OutboundCheckForm
    list_display = ("check_name", "mode", "action", "on_failure")
    fieldsets = ((None, {"fields": ("check_name", "mode", "action", "on_failure", "weights")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CheckSetting]:
        """Leave the domains' settings to the domains."""
        rows: QuerySet[CheckSetting] = super().get_queryset(request)
        return rows.filter(domain=None)
