"""What holds for every domain, and for mail that leaves."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from gateway.models import Account, CheckSetting, NodePolicy
from gateway.policy.admission import VOID_LIMITS, client_faults, greylisting_faults, limit_faults, sending_faults
from gateway.policy.defaults import THRESHOLDS
from gateway.policy.overlay import OUTBOUND, base_of, laid_over
from gateway.policy.snapshot import ClientRules, Greylisting, SendingLimits, Snapshot
from gateway.policy.wellformed import destination_fault, domain_fault, network_fault
from webadmin.policy import actions, thresholds
from webadmin.policy.domains import CHECK_FIELDS, CheckForm
from webadmin.policy.fields import LinesField
from webadmin.policy.parts import LimitsField, Part, show, take, with_parts
from webadmin.rows import Audited

CLIENTS = Part(
    "clients",
    ClientRules(),
    client_faults,
    {
        "greet_delay": (
            "Greet delay",
            "Seconds for which an unknown client waits for our greeting; 0 is off, 60 most.",
        ),
        "allowed": ("Allowed networks", "They are spared what is about the client. In CIDR form, one a line."),
        "blocked": ("Blocked networks", "They are refused at once. In CIDR form, one a line."),
        "connections_per_minute": ("Connections a minute", "Of one address; an IPv6 address counts as its /64."),
        "messages_per_hour": ("Messages an hour", "Of one address."),
        "network_connections_per_minute": ("Connections a minute, network", "Of one network prefix."),
        "network_messages_per_hour": ("Messages an hour, network", "Of one network prefix."),
        "ipv4_prefix": ("IPv4 prefix", "Bits of the network prefix, 8 to 32."),
        "ipv6_prefix": ("IPv6 prefix", "Bits of the network prefix, 16 to 64."),
        "unknown_per_hour": ("Unknown recipients an hour", "Of one client: from then on replies are slow, then 5xx."),
        "null_sender_per_hour": ("Null-sender messages an hour", "To one recipient."),
    },
)
GREYLISTING = Part(
    "greylisting",
    Greylisting(),
    greylisting_faults,
    {
        "delay": ("Delay", "Seconds for which a first attempt waits."),
        "window_hours": ("Window", "Hours within which it must come back."),
        "lasts_days": ("Lasts", "Days for which a pass holds."),
    },
)


def _limits(column: str, base: SendingLimits, whose: str) -> Part:
    """Make the part of the limits of one kind."""
    words = {
        "messages": (f"{whose}: messages", ""),
        "recipients": (f"{whose}: recipients", ""),
        "refused": (f"{whose}: refused recipients", "That the next hop refused."),
        "senders": (f"{whose}: distinct senders", "Of the envelope."),
        "hours": (f"{whose}: window", "In hours."),
    }
    return Part(column, base, sending_faults, words)


def _pairs(part: Part) -> tuple[str | tuple[str, ...], ...]:
    """Give the fields of a part as the rows of a form, two in each."""
    names = part.names
    return tuple(names[at : at + 2] if at + 1 < len(names) else names[at] for at in range(0, len(names), 2))


PER_ACCOUNT = _limits("per_account", OUTBOUND.per_account, "Account")
PER_CLIENT = _limits("per_client", OUTBOUND.per_client, "Client")
PER_DOMAIN = _limits("per_domain", OUTBOUND.per_domain, "Domain")
PARTS = (CLIENTS, GREYLISTING, PER_ACCOUNT, PER_CLIENT, PER_DOMAIN)
_CLIENT_ROWS = (
    "clients_greet_delay",
    ("clients_allowed", "clients_blocked"),
    ("clients_connections_per_minute", "clients_messages_per_hour"),
    ("clients_network_connections_per_minute", "clients_network_messages_per_hour"),
    ("clients_ipv4_prefix", "clients_ipv6_prefix"),
    ("clients_unknown_per_hour", "clients_null_sender_per_hour"),
)


@with_parts(*PARTS)
class NodeForm(actions.ActionFields):
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

    arc_sealers = LinesField(
        domain_fault, label="ARC sealers", help_text="Domains whose ARC sets are believed, one a line."
    )
    spf_void_limit = forms.IntegerField(
        required=False,
        label="SPF void limit",
        min_value=VOID_LIMITS[0],
        max_value=VOID_LIMITS[1],
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Look-ups of one check that may find nothing (RFC 7208 4.6.4 says 2).",
    )
    limits_of = LimitsField(
        label="Limits of",
        help_text="One account, client or domain a line, with what differs: printer messages=100 senders=1",
    )

    class Meta:
        """All of it."""

        model = NodePolicy
        fields = (
            "observe",
            "max_size",
            "normalise_line_ends",
            "arc_sealers",
            "spf_void_limit",
            "outbound_route",
            "outbound_networks",
            "never_tag",
            "limits_of",
            *thresholds.FIELDS,
            *actions.FIELDS,
        )

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's arguments
        """Show the limits that hold."""
        super().__init__(*args, **options)
        show(self, *PARTS)

    def clean_spf_void_limit(self) -> int:
        """Give the limit, the default where there is none."""
        limit: int | None = self.cleaned_data["spf_void_limit"]
        return Snapshot(1, "", "").spf_void_limit if limit is None else limit

    def clean(self) -> dict[str, Any]:
        """Check the thresholds and the limits."""
        cleaned = super().clean() or self.cleaned_data
        thresholds.check(self, THRESHOLDS)
        take(self, *PARTS)
        logins = set(Account.objects.values_list("login", flat=True))
        for name, own in (cleaned.get("limits_of") or {}).items():
            limits = laid_over(base_of(name, OUTBOUND, logins), own)
            for fault in limit_faults(name, limits, logins):
                self.add_error("limits_of", f"{name}: {fault.reason}; {fault.remedy}")
        return cleaned


class NodePolicyAdmin(Audited):
    """The one row, so its list is its page."""

    form = NodeForm
    fieldsets = (
        (
            "Every domain",
            {
                "classes": ("tab",),
                "fields": ("observe", "max_size", "normalise_line_ends", ("arc_sealers", "spf_void_limit")),
            },
        ),
        (
            "Clients",
            {
                "classes": ("tab",),
                "fields": _CLIENT_ROWS,
                "description": "Clients of the inbound listener, whichever domain they bring mail for. "
                "Limits are counted on this node, over all its processes; empty is no limit.",
            },
        ),
        (
            "Greylisting",
            {
                "classes": ("tab",),
                "fields": GREYLISTING.names,
                "description": "It is on where a domain's check greylisting is enforced.",
            },
        ),
        (
            "Outbound mail",
            {
                "classes": ("tab",),
                "fields": ("outbound_route", "outbound_networks", "never_tag", *thresholds.ROWS, *actions.FIELDS),
            },
        ),
        (
            "Outbound limits",
            {
                "classes": ("tab",),
                "fields": (*_pairs(PER_ACCOUNT), *_pairs(PER_CLIENT), *_pairs(PER_DOMAIN), "limits_of"),
                "description": "What may leave within a sliding window; over it the rest is deferred, and an alarm "
                "says so. Empty is no limit. A client is an address that sends without AUTH.",
            },
        ),
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
    fieldsets = ((None, {"fields": CHECK_FIELDS}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CheckSetting]:
        """Leave the domains' settings to the domains."""
        rows: QuerySet[CheckSetting] = super().get_queryset(request)
        return rows.filter(domain=None)
