"""The sidebar, and the label that each page carries while something is badly wrong."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from gateway.models import Alarm, Storm
from webadmin.bounces import readiness
from webadmin.messages import refusals
from webadmin.policy import marking, publishing, records, sending
from webadmin.system import health


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Give the groups of pages that the signed-in person may see."""
    user = request.user
    groups: list[tuple[str, list[dict[str, Any] | None]]] = [
        (
            "Mail",
            [
                _page("Dashboard", "monitoring", "index"),
                _rows(request, "Messages", "mail", "transaction"),
                _rows(request, "Quarantine", "shield_lock", "quarantinedcopy"),
                _page("Refusals", "block", "refusals") if user.has_perm(refusals.SEE) else None,
                _page("Readiness", "traffic", "readiness") if user.has_perm(readiness.SEE) else None,
                _page("Sending", "outgoing_mail", "sending", badge=sending.held_back())
                if user.has_perm(sending.SEE)
                else None,
                _rows(request, "Storms", "storm", "storm", badge=Storm.objects.filter(closed=None).count()),
                _rows(request, "Backscatterers", "undo", "backscatterer"),
            ],
        ),
        (
            "Policy",
            [
                _rows(request, "Domains", "domain", "domain"),
                _rows(request, "Recipients", "alternate_email", "recipient"),
                _rows(request, "Senders", "how_to_reg", "senderentry"),
                _rows(request, "DNS lists", "dns", "dnslist"),
                _rows(request, "Routes", "alt_route", "route"),
                _rows(request, "Forwarders", "forward_to_inbox", "forwarder"),
                _rows(request, "Accounts", "badge", "account"),
                _page("DNS records", "travel_explore", "records") if user.has_perm(records.PERMISSION) else None,
                _page("Marking", "key", "marking") if user.has_perm(marking.PERMISSION) else None,
                _rows(request, "Node and limits", "tune", "nodepolicy"),
                _rows(request, "Outbound checks", "rule", "checksetting"),
                _page("Publish", "publish", "publish", badge=publishing.pending_count())
                if user.has_perm("gateway.add_policyrevision")
                else None,
                _rows(request, "Revisions", "history", "policyrevision"),
            ],
        ),
        (
            "System",
            [
                _page("Health", "health_and_safety", "health"),
                _rows(request, "Alarms", "notifications", "alarm", badge=Alarm.objects.filter(cleared=None).count()),
                _rows(request, "Audit", "fact_check", "auditentry"),
                _rows(request, "People", "person", "user", app="auth"),
                _rows(request, "Groups", "group", "group", app="auth"),
            ],
        ),
    ]
    return [
        {"title": title, "separator": bool(at), "items": [page for page in pages if page]}
        for at, (title, pages) in enumerate(groups)
        if any(pages)
    ]


def label(request: HttpRequest) -> list[str] | None:  # noqa: ARG001 - the shell's signature
    """Give the label beside the page's title, with its colour: loud while nothing looks for viruses."""
    return ["No virus protection", "danger"] if health.unprotected() else None


def _page(title: str, icon: str, name: str, badge: int = 0) -> dict[str, Any]:
    """Give one page of the sidebar."""
    page: dict[str, Any] = {"title": title, "icon": icon, "link": reverse(f"admin:{name}")}
    if badge:
        page |= {"badge": badge, "badge_variant": "warning"}
    return page


def _rows(  # noqa: PLR0913 - one line of the sidebar is said in one call
    request: HttpRequest, title: str, icon: str, model: str, *, app: str = "gateway", badge: int = 0
) -> dict[str, Any] | None:
    """Give a table's page, or None where the person may not see it."""
    if not _may_see(request, app, model):
        return None
    return _page(title, icon, f"{app}_{model}_changelist", badge)


def _may_see(request: HttpRequest, app: str, model: str) -> bool:
    """Whether the person may look at a table."""
    user = request.user
    return user.has_perm(f"{app}.view_{model}") or user.has_perm(f"{app}.change_{model}")
