"""DNS lists: which zones are asked about a client, and what their answers weigh."""

from typing import Any

from django import forms
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from gateway.models import DnsList, ListHealth
from gateway.models.dnslist import default_codes
from gateway.policy.admission import dns_list_faults
from gateway.policy.snapshot import DnsList as Words
from gateway.policy.snapshot import ListKind
from gateway.policy.wellformed import code_fault
from webadmin.policy.fields import WeightsField
from webadmin.rows import Audited
from webadmin.system import lists


class DnsListForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """A list, with its return codes as lines."""

    codes = WeightsField(
        code_fault,
        "127.0.0.2 4",
        required=True,
        initial=default_codes,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        label="Return codes",
        help_text="What its answers mean: a code, or a network as 127.0.0.4/30, and points; one a line. "
        "No other answer is a listing. 127.255.255.0/24 tells errors and lists nobody.",
    )

    class Meta:
        """All of it."""

        model = DnsList
        fields = ("zone", "kind", "codes", "listed", "unlisted", "enabled")

    def clean_zone(self) -> str:
        """Give the zone in lower case, without a dot at its end."""
        return str(self.cleaned_data["zone"]).strip().rstrip(".").lower()

    def clean(self) -> dict[str, Any]:
        """Check what publishing would check."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        words = Words(ListKind(cleaned["kind"]), cleaned["codes"], cleaned["listed"], cleaned["unlisted"])
        for fault in dns_list_faults(cleaned["zone"], words, ()):
            self.add_error(str(fault.place[0]) if fault.place else "zone", f"{fault.reason}; {fault.remedy}")
        return cleaned


class DnsListAdmin(Audited):
    """The DNS lists."""

    form = DnsListForm
    list_display = ("zone", "kind", "weighs", "enabled", "health")
    list_filter = ("kind", "enabled")
    search_fields = ("zone",)
    fieldsets = (
        (None, {"fields": ("zone", "kind", "codes", "enabled")}),
        (
            "Test points",
            {
                "fields": (("listed", "unlisted"),),
                "description": "Addresses that the list always and never lists (RFC 5782 5). They are asked for "
                "regularly; a list that answers them wrongly is left out until it is well again.",
            },
        ),
    )

    @display(
        description="health",
        label={"well": "success", "doubtful": "warning", "off": "danger", "not probed": ""},
    )
    def health(self, row: DnsList) -> str:
        """Say how it is, as its last probe has shown; the health page says why."""
        return lists.state(ListHealth.objects.filter(zone=row.zone).first())

    @display(description="points")
    def weighs(self, row: DnsList) -> str:
        """Give its return codes with their points."""
        return ", ".join(f"{code}: {points:g}" for code, points in row.codes.items())
