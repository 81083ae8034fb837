"""Routes with their next hops, and trusted forwarders."""

from django import forms
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.admin import TabularInline
from unfold.decorators import action, display

from gateway.models import Forwarder, Route, RouteHost
from gateway.operations import accounts
from gateway.policy.snapshot import TlsLevel
from gateway.policy.wellformed import host_fault, network_fault
from webadmin.policy.fields import LinesField, SecretField, SelectField
from webadmin.rows import Audited, who

_TLS = [
    (TlsLevel.MAY.value, "may: where the next hop offers it; its certificate is not looked at"),
    (TlsLevel.MUST.value, "must: never in clear; its certificate is not looked at"),
    (TlsLevel.VERIFIED.value, "verified: never in clear, and its certificate must be valid for the host's name"),
    (TlsLevel.NEVER.value, "never: always in clear"),
]
_NAMES = {"name": {"invalid": "Use letters, digits, dash and underscore alone."}}


class RouteForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """A route, and a new password for AUTH to its next hops."""

    tls = SelectField(
        _TLS,
        required=True,
        initial=TlsLevel.MAY.value,
        label="TLS",
        help_text="A next hop that does not give what is asked for gets no mail: senders are told 451, and there is an "
        "alarm.",
    )
    new_password = SecretField()

    class Meta:
        """The secret's id is made here."""

        model = Route
        fields = ("name", "tls", "username", "new_password")
        error_messages = _NAMES

    def clean(self) -> dict[str, object]:
        """Check that who has a name also has a password."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("username") and not (cleaned.get("new_password") or self.instance.secret):
            self.add_error("new_password", "AUTH needs a password; give one, or empty the user name")
        return cleaned


class HostForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """One next hop."""

    class Meta:
        """All of it."""

        model = RouteHost
        fields = ("position", "host", "port", "tls_from_start")

    def clean_host(self) -> str:
        """Give the host as it was typed, without blanks around. Raises ValidationError, as publishing would tell it."""
        host = str(self.cleaned_data["host"]).strip()
        if wrong := host_fault(host):
            raise forms.ValidationError("; ".join(wrong))
        return host


class HostInline(TabularInline):
    """The next hops, in the order in which they are tried."""

    model = RouteHost
    form = HostForm
    fields = ("position", "host", "port", "tls_from_start")
    extra = 0
    min_num = 1


class RouteAdmin(Audited):
    """Where mail goes next."""

    form = RouteForm
    inlines = (HostInline,)
    actions_detail = ("try_route",)
    list_display = ("name", "next_hops", "tls", "username")
    search_fields = ("name", "hosts__host")
    fieldsets = (
        (None, {"fields": ("name", "tls")}),
        ("AUTH to the next hop", {"fields": (("username", "new_password"),)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Route]:
        """Fetch the next hops too."""
        rows: QuerySet[Route] = super().get_queryset(request)
        return rows.prefetch_related("hosts")

    @action(description="Test this route", icon="troubleshoot", permissions=["change"])
    def try_route(self, request: HttpRequest, object_id: int) -> HttpResponse:  # noqa: ARG002 - the shell's signature
        """Lead to the page that tries a recipient at the route's next hops."""
        row = Route.objects.filter(pk=object_id).first()
        return redirect(f"{reverse('admin:try_recipient')}?{urlencode({'route': row.name if row else ''})}")

    @display(description="next hops")
    def next_hops(self, row: Route) -> str:
        """All of them, in order."""
        return ", ".join(str(hop) for hop in row.hosts.all()) or "none"

    def save_model(self, request: HttpRequest, obj: Route, form: "forms.ModelForm[Route]", change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Save, and keep the new password."""
        super().save_model(request, obj, form, change)
        if password := form.cleaned_data.get("new_password"):
            accounts.set_route_password(obj, password, who(request))

    def delete_model(self, request: HttpRequest, obj: Route) -> None:
        """Delete, and destroy the password."""
        super().delete_model(request, obj)
        accounts.destroy_when_unused(obj.secret)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Route]) -> None:
        """Delete many."""
        for row in queryset:
            self.delete_model(request, row)


class ForwarderForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes none at run time
    """A trusted forwarder."""

    networks = LinesField(network_fault, required=True, help_text="In CIDR form, one a line.")

    class Meta:
        """All of it."""

        model = Forwarder
        fields = ("name", "networks", "unknown_recipient", "virus", "other")
        error_messages = _NAMES


class ForwarderAdmin(Audited):
    """Secondary MX, list hosts and forwarding services: nothing is answered to them with 5xx."""

    form = ForwarderForm
    list_display = ("name", "where", "unknown_recipient", "virus", "other")
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "networks")}),
        (
            "What a reject becomes",
            {
                "fields": ("unknown_recipient", "virus", "other"),
                "description": "A reject would make the forwarder send a bounce to the forged sender.",
            },
        ),
    )

    @display(description="networks")
    def where(self, row: Model) -> str:
        """Its networks."""
        return ", ".join(getattr(row, "networks", ()))
