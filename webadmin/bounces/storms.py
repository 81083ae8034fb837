"""Storms: the list, those that are open first, and the page of one."""

from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import DropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from gateway.backscatter import storm
from gateway.models import Storm, Transaction
from gateway.operations.learning import storms
from webadmin.rows import Page

_SHOWN = 25  # servers that the page of one names


class StateFilter(DropdownFilter):
    """Whether it is over."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ANN401, ARG002 - Django's signature
        """Give the states."""
        return [("open", "open"), ("over", "over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Storm]) -> QuerySet[Storm]:  # noqa: ARG002 - Django's signature
        """Filter by it."""
        return queryset.filter(closed__isnull=self.value() == "open") if self.value() else queryset


class StormAdmin(Page):
    """Storms of false bounces."""

    page_template = "webadmin/storm.html"
    list_display = ("begun", "condition", "recipient", "count", "refused", "top", "at", "example")
    list_display_links = ("begun",)
    list_filter = (StateFilter, ("started", RangeDateTimeFilter))
    list_filter_submit = True
    list_fullwidth = True
    search_fields = ("victim",)
    search_help_text = "Victim"

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:  # noqa: ARG002 - Django's signature
        """Give what is open first."""
        return (F("closed").desc(nulls_first=True), "-started")

    @display(description="start (UTC)", ordering="started")
    def begun(self, row: Storm) -> str:
        """When the burst began."""
        return f"{row.started:%Y-%m-%d %H:%M}"

    @display(description="state", label={"open": "danger", "over": ""})
    def condition(self, row: Storm) -> str:
        """Whether it is over."""
        return "over" if row.closed else "open"

    @display(description="victim", ordering="victim")
    def recipient(self, row: Storm) -> str:
        """Give the address that the bounces are for."""
        return row.victim

    @display(description="top reporting server")
    def top(self, row: Storm) -> str:
        """Name the one that brings most, and how many more there are."""
        named = list(storms.reporters_of(row).items())
        if not named:
            return "-"
        ip, most = named[0]
        return f"{most.helo or ip} ({most.count})" + (f" and {len(named) - 1} more" if len(named) > 1 else "")

    @display(description="last (UTC)", ordering="last")
    def at(self, row: Storm) -> str:
        """When the last false bounce came."""
        return f"{row.last:%Y-%m-%d %H:%M}"

    @display(description="sample")
    def example(self, row: Storm) -> str:
        """Lead to one of the messages."""
        return sample_link(row.sample)

    def page_context(self, request: HttpRequest, row: Storm) -> dict[str, Any]:  # noqa: ARG002 - as in Page
        """Show one storm, and who brings it."""
        reporters = list(storms.reporters_of(row).items())
        return {
            "title": f"Storm {row.pk} against {row.victim}",
            "reporters": [(ip, each, 100 * each.count // max(1, row.count)) for ip, each in reporters[:_SHOWN]],
            "others": max(0, len(reporters) - _SHOWN),
            "has_sample": Transaction.objects.filter(pk=row.sample).exists(),
            "minutes": int(storm.TIGHTENED // 60),
        }


def sample_link(message: str) -> str:
    """Give a link to the page of a message, or a dash."""
    if not message:
        return "-"
    return format_html('<a class="bs-link" href="{}">message</a>', reverse("admin:message", args=[message]))
