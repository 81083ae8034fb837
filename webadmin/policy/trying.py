"""The page that tries a recipient: what our own side knows of it, and what each next hop says. Nothing is delivered."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminSelectWidget

from gateway.delivery import trial
from gateway.delivery.trial import Answer
from gateway.mail.address import Address, AddressError, parse_mailbox
from gateway.models import Domain, RecipientProbe, Route
from gateway.operations import building, probe
from webadmin.policy.fields import TextField

_COLOURS = {
    Answer.ACCEPTS: "success",
    Answer.REFUSES: "danger",
    Answer.TEMPORARY: "warning",
    Answer.UNREACHABLE: "danger",
}
# A recipient that nobody has is to be refused.
_OF_NOBODY = _COLOURS | {Answer.ACCEPTS: "danger", Answer.REFUSES: "success"}


class TryForm(forms.Form):
    """Whom to try, and where."""

    recipient = TextField(
        "alice@example.org",
        max_length=320,
        help_text="Empty: somebody whom nobody has, so that a next hop which accepts everyone is found out.",
    )
    domain = forms.ModelChoiceField(
        Domain.objects.select_related("route"),
        to_field_name="name",
        required=False,
        empty_label="as the recipient says",
        widget=UnfoldAdminSelectWidget(),
    )
    route = forms.ModelChoiceField(
        Route.objects.all(),
        to_field_name="name",
        required=False,
        empty_label="the domain's",
        widget=UnfoldAdminSelectWidget(),
    )

    def clean_recipient(self) -> Address | None:
        """Give the address. Raises ValidationError."""
        text = self.cleaned_data["recipient"].strip()
        try:
            return parse_mailbox(text) if text else None
        except AddressError as error:
            raise forms.ValidationError(f"{error}; write user@domain") from None

    def clean(self) -> dict[str, Any]:
        """Find out the domain and the route."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        address, domain, route = cleaned["recipient"], cleaned["domain"], cleaned["route"]
        domains = Domain.objects.select_related("route")
        if domain is None and address is not None:
            domain = domains.filter(name=address.domain_key).first()
        if domain is None and route is not None and address is None:
            domain = domains.filter(route=route).first()
        if domain is None and (route is None or address is None):
            self.add_error("recipient", "Name an address of a domain of ours, or choose a domain.")
        cleaned["domain"], cleaned["route"] = domain, route or (domain.route if domain is not None else None)
        return cleaned


@require_http_methods(["GET", "HEAD", "POST"])
def try_recipient(request: HttpRequest) -> HttpResponse:
    """Ask whom to try (GET), or try (POST)."""
    if not request.user.has_perm("gateway.change_domain"):
        raise PermissionDenied
    form = TryForm(request.POST) if request.method == "POST" else TryForm(initial=request.GET.dict())
    context = {**admin.site.each_context(request), "title": "Test a recipient", "form": form}
    if form.is_bound and form.is_valid():
        context |= _tried(**form.cleaned_data)
    return TemplateResponse(request, "webadmin/try.html", context)


def _tried(recipient: Address | None, domain: Domain | None, route: Route) -> dict[str, Any]:
    """Try, and give what the page says of it."""
    snapshot = building.build(0, "")
    name = domain.name if domain is not None else ""
    if recipient is not None:
        ours, trials = (
            probe.looked_up(snapshot, recipient),
            probe.try_recipient(snapshot.routes[route.name], str(recipient)),
        )
    elif domain is not None and domain.route == route:
        ours, trials = [], probe.probe_domains(snapshot, [name]).get(name, [])
    else:
        ours, trials = [], probe.try_recipient(snapshot.routes[route.name], probe.nobody(name))
    colours = _OF_NOBODY if recipient is None else _COLOURS
    return {
        "tried": True,
        "nobody": recipient is None,
        "ours": ours,
        "trials": [(each, colours[each.answer]) for each in trials],
        "summary": trial.summed_up(trials),
        "kept": RecipientProbe.objects.filter(domain=name).first(),
        "words": domain.accepts_everyone if domain is not None else "",
    }
