"""The pages that take lists over from CSV: recipients, and senders.

What was typed or uploaded is shown as what it would change first. Lines that can't be taken are named and stay in the
box, to be put right; taking the good ones over loses none of them.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from gateway.models import Domain
from gateway.operations.imports import recipients, senders
from gateway.operations.imports.lines import NoListError, Refused, decoded
from gateway.policy.snapshot import ListVerdict
from webadmin.rows import who

_SHOWN = 200  # changes of each kind


class _ListForm(forms.Form):
    """A list, in a file or in the box."""

    file = forms.FileField(label="File", required=False, widget=UnfoldAdminFileFieldWidget())
    text = forms.CharField(
        label="or lines", required=False, strip=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 10})
    )

    def clean(self) -> dict[str, Any]:
        """Put the file into the box."""
        cleaned = super().clean() or self.cleaned_data
        try:
            if file := cleaned.get("file"):
                cleaned["text"] = decoded(file.read())
        except NoListError as error:
            self.add_error("file", str(error))
        else:
            if not self.errors and not cleaned.get("text", "").strip():
                self.add_error("file", "Choose a file, or write lines into the box.")
        return cleaned


class RecipientsForm(_ListForm):
    """A list of recipients."""

    domain = forms.ModelChoiceField(
        Domain.objects.all(),
        to_field_name="name",
        required=False,
        label="Domain of local parts",
        widget=UnfoldAdminSelectWidget(),
        help_text="For lines without an @.",
    )
    whole = forms.BooleanField(
        required=False,
        label="This is the whole list",
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Remove what it does not hold, from each domain that it names. Not while a line is wrong.",
    )


class SendersForm(_ListForm):
    """A list of senders."""

    domain = forms.ModelChoiceField(
        Domain.objects.all(),
        to_field_name="name",
        required=False,
        label="For mail to",
        empty_label="all domains",
        widget=UnfoldAdminSelectWidget(),
    )
    verdict = forms.ChoiceField(
        choices=[(each.value, each.value) for each in ListVerdict],
        initial=ListVerdict.BLOCK,
        label="Lines without a verdict",
        widget=UnfoldAdminSelectWidget(),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def import_recipients(request: HttpRequest) -> HttpResponse:
    """Ask for a list (GET), say what it would change, or take it over (POST)."""
    if not request.user.has_perms(["gateway.add_recipient", "gateway.change_recipient"]):
        raise PermissionDenied
    form = RecipientsForm(request.POST or None, request.FILES or None)
    page = _page("recipient", "Import recipients", "address, alias", "alice@example.org\nsales;alice@example.org")
    if not form.is_valid():
        return _answer(request, form, page)
    asked = form.cleaned_data
    if asked["whole"] and not request.user.has_perm("gateway.delete_recipient"):
        raise PermissionDenied
    domain = asked["domain"].name if asked["domain"] else ""
    plan = recipients.plan(asked["text"], domain, whole=asked["whole"])
    if "import" in request.POST and plan.does_something:
        recipients.carry_out(plan, who(request))
        _say(request, f"{len(plan.added)} recipients added, {len(plan.changed)} changed, {len(plan.removed)} removed")
        return _after(request, form, page, plan.refused)
    groups = [
        ("New", [f"{address} -> {alias}" if alias else address for address, alias in plan.added.items()]),
        ("Changed", [f"{address} -> {alias or 'its own mailbox'}" for address, alias in plan.changed.items()]),
        ("Removed", plan.removed),
    ]
    return _answer(request, form, page | _planned(plan, groups))


@require_http_methods(["GET", "HEAD", "POST"])
def import_senders(request: HttpRequest) -> HttpResponse:
    """Ask for a list (GET), say what it would change, or take it over (POST)."""
    if not request.user.has_perms(["gateway.add_senderentry", "gateway.change_senderentry"]):
        raise PermissionDenied
    form = SendersForm(request.POST or None, request.FILES or None)
    page = _page(
        "senderentry", "Import senders", "sender, verdict, comment", "spam.example\nann@far.example,allow,our printer"
    )
    if not form.is_valid():
        return _answer(request, form, page)
    asked = form.cleaned_data
    plan = senders.plan(asked["text"], ListVerdict(asked["verdict"]), asked["domain"])
    if "import" in request.POST and plan.does_something:
        senders.carry_out(plan, who(request), asked["domain"])
        _say(request, f"{len(plan.added)} senders added, {len(plan.changed)} changed")
        return _after(request, form, page, plan.refused)
    groups = [
        ("New", [f"{entry.verdict} {sender}" for sender, entry in plan.added.items()]),
        ("Changed", [f"{entry.verdict} {sender} {entry.comment}".strip() for sender, entry in plan.changed.items()]),
    ]
    return _answer(request, form, page | _planned(plan, groups))


def _page(model: str, title: str, columns: str, example: str) -> dict[str, Any]:
    """Give what the page says whatever was sent."""
    return {
        "title": title,
        "columns": columns,
        "example": example,
        "back": reverse(f"admin:gateway_{model}_changelist"),
    }


def _planned(plan: recipients.Plan | senders.Plan, groups: list[tuple[str, list[str]]]) -> dict[str, Any]:
    """Give what the page says of a plan."""
    return {
        "plan": plan,
        "count": sum(len(lines) for _, lines in groups),
        "groups": [(name, len(lines), lines[:_SHOWN], max(0, len(lines) - _SHOWN)) for name, lines in groups if lines],
    }


def _say(request: HttpRequest, what: str) -> None:
    """Say what was done, and what is left to do."""
    messages.success(request, f"{what}. They count once you publish.")


def _after(request: HttpRequest, form: _ListForm, page: dict[str, Any], refused: list[Refused]) -> HttpResponse:
    """Go back to the table; where lines were refused, stay with them in the box."""
    if not refused:
        return HttpResponse(status=302, headers={"Location": page["back"]})
    form.cleaned_data["text"] = "\n".join(each.text for each in refused)
    numbered = [Refused(at, each.text, each.reason, each.remedy) for at, each in enumerate(refused, 1)]
    left = recipients.Plan({}, {}, [], 0, numbered)
    return _answer(request, form, page | {"plan": left, "count": 0, "groups": []})


def _answer(request: HttpRequest, form: _ListForm, page: dict[str, Any]) -> HttpResponse:
    """Show the page, with the list in the box."""
    text = form.cleaned_data.get("text", "") if form.is_bound else ""
    context = {**admin.site.each_context(request), "form": form, "text": text, **page}
    return TemplateResponse(request, "webadmin/import.html", context)
