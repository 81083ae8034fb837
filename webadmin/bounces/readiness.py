"""The page of readiness: how far each domain has come with forged bounces, what comes next, what is in the way."""

from datetime import date
from typing import Any

import msgspec
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from gateway.models import Domain, DomainStage
from gateway.operations import audit, learning
from gateway.operations.learning import stages
from gateway.operations.learning.readiness import FIGURES, WINDOW, Readiness, in_force, next_move, readiness, rows_of
from gateway.policy.defaults import CHECKS
from gateway.policy.learned import FORGED, Stage
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode
from webadmin.rows import who

SEE, SET = "gateway.view_domain", "gateway.change_domain"
_LISTED = 200  # rows behind a figure

# What each figure is called, and what it means.
NAMES = {
    "judged": ("Automatic mail judged", "bounces and other machines' answers"),
    "proven": ("Proven to be ours", "delivered at every stage"),
    "refusable": ("Would have been refused", "forged, or it will be once absence counts"),
    "hinted": ("Looked genuine", "a hint spoke for it: it is not refused"),
    "mine": ("Reported: this was mine", "each puts the domain back to observe"),
    "signs": (
        "Signs of mail past the gateway",
        "names mail of ours that the ledger lacks; spammers make such names up too",
    ),
}
assert NAMES.keys() == FIGURES.keys()  # noqa: S101 - a new figure must not be left off the page


class Meter(msgspec.Struct, frozen=True):
    """One domain on the page. ``seen`` is None where it is not guided; ``rule`` says what holds then."""

    name: str
    row: Domain | None
    rule: str
    seen: Readiness | None = None
    figures: tuple[tuple[str, str, str, int], ...] = ()
    steps: tuple[tuple[str, str], ...] = ()
    next_move: str = ""
    ready: bool = False
    pending: bool = False


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Show the meters (GET), or set a day or put a domain back (POST). Raises PermissionDenied."""
    if not request.user.has_perm(SEE):
        raise PermissionDenied
    if request.method == "POST":
        return _act(request)
    context = {
        **admin.site.each_context(request),
        "title": "Readiness",
        "meters": _meters(),
        "may_set": request.user.has_perm(SET),
        "days": WINDOW.days,
    }
    return TemplateResponse(request, "webadmin/readiness.html", context)


@require_GET
def behind(request: HttpRequest, domain: str, figure: str) -> HttpResponse:
    """List the messages behind a figure. Raises PermissionDenied, Http404."""
    if not (request.user.has_perm(SEE) and request.user.has_perm("gateway.view_transaction")):
        raise PermissionDenied
    if figure not in NAMES:
        raise Http404
    rows = rows_of(domain, figure, timezone.now()).select_related("transaction").defer("transaction__trace")
    context = {
        **admin.site.each_context(request),
        "title": f"{NAMES[figure][0]}: {domain}",
        "says": NAMES[figure][1],
        "rows": rows[:_LISTED],
        "count": rows.count(),
        "listed": _LISTED,
        "days": WINDOW.days,
    }
    return TemplateResponse(request, "webadmin/readiness_list.html", context)


def _meters() -> list[Meter]:
    """Give a meter for each domain of the policy in force, guided ones first."""
    snapshot, now = in_force(), timezone.now()
    if snapshot is None:
        return []
    rows = {row.name: row for row in Domain.objects.all()}
    meters = []
    for name, policy in snapshot.domains.items():
        row = rows.get(name)
        if not policy.guided:
            meters.append(Meter(name, row, _rule(policy), pending=row is not None and row.guided))
            continue
        seen = readiness(name, snapshot, now)
        figures = tuple((key, *NAMES[key], getattr(seen.figures, key)) for key in NAMES)
        pending = row is not None and (
            not row.guided or (row.switch_on, row.marks_since) != (seen.switch_on, seen.marks_since)
        )
        words = next_move(seen, now)
        meters.append(Meter(name, row, "", seen, figures, _steps(seen.stage), words, seen.is_ready(now), pending))
    return sorted(meters, key=lambda each: each.seen is None)


def _steps(stage: Stage) -> tuple[tuple[str, str], ...]:
    """Give the stages, each with whether it is behind, reached or ahead."""
    at = list(Stage).index(stage)
    return tuple((each, "done" if n < at else "here" if n == at else "ahead") for n, each in enumerate(Stage))


def _rule(policy: DomainPolicy) -> str:
    """Say what a domain that is not guided does with forged bounces."""
    rule = policy.rules.checks.get(FORGED) or CHECKS.get(FORGED, CheckRule())
    return f"{rule.action}" if rule.mode is Mode.ENFORCE else f"{rule.mode}"


def _act(request: HttpRequest) -> HttpResponse:
    """Do what was asked for. Raises PermissionDenied, Http404."""
    if not request.user.has_perm(SET):
        raise PermissionDenied
    row = get_object_or_404(Domain, name=request.POST.get("domain", ""))
    if request.POST.get("do") == "back":
        _put_back(request, row)
    elif request.POST.get("do") == "day":
        _set_day(request, row)
    return redirect("admin:readiness")


def _put_back(request: HttpRequest, row: Domain) -> None:
    """Put a guided domain back to observe."""
    with transaction.atomic():
        moved = stages.fall_back(row.name, "put back by hand", who(request), timezone.now(), alarm=False)
    try:
        learning.publish()
    except OSError as error:
        messages.warning(request, f"It holds within two seconds; the file could not be written from here: {error}.")
    said = (
        f"{row} observes forged bounces for {WINDOW.days} days"
        if moved
        else f"{row} stays at observe for {WINDOW.days} days"
    )
    messages.success(request, f"{said}.")


def _set_day(request: HttpRequest, row: Domain) -> None:
    """Set, or take away, the day before which a domain does not move."""
    text = request.POST.get("switch_on", "").strip()
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        messages.error(request, f"{text!r} is no day; write it as 2026-11-21.")
        return
    if day == row.switch_on:
        return
    row.switch_on = day
    with transaction.atomic():
        row.save(update_fields=["switch_on"])
        audit.record(who(request), "change", f"domain {row}", f"switch on: {day or 'as soon as it is safe'}")
    messages.success(request, "The day is set. It holds once it is published.")


def reached(request: HttpRequest) -> dict[str, Any]:
    """Give the dashboard how many guided domains are at each stage; nothing to who may not see them."""
    if not request.user.has_perm(SEE):
        return {}
    guided = set(Domain.objects.filter(guided=True).values_list("name", flat=True))
    at = dict(DomainStage.objects.filter(domain__in=guided).values_list("domain", "stage"))
    counts = {stage.value: sum(1 for name in guided if at.get(name, Stage.OBSERVE) == stage) for stage in Stage}
    return {"stages": counts} if guided else {}
