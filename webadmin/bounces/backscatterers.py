"""The private list of backscatterers: who is on it with how many points, and a way to take a host off."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Case, F, FloatField, QuerySet, Value, When
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from gateway.models import Backscatterer
from gateway.operations.learning import backscatterers
from gateway.policy.learned import HALF_LIFE_DAYS, LISTED
from webadmin.bounces.storms import sample_link
from webadmin.rows import ReadOnly, who

_DAYS = 60  # after which nobody has points worth a place in the order


class BackscattererAdmin(ReadOnly, ModelAdmin):
    """Hosts that brought bounces which are proven false."""

    list_display = ("host", "condition", "points_left", "count", "first", "last", "example")
    list_display_links = None
    list_filter = (("last", RangeDateTimeFilter),)
    list_filter_submit = True
    list_fullwidth = True
    list_per_page = 50
    search_fields = ("name",)
    search_help_text = "IP address or HELO name"
    actions = ("forget",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Backscatterer]:
        """Give the hosts that have points; those with credit from genuine bounces are no backscatterers."""
        rows: QuerySet[Backscatterer] = super().get_queryset(request)
        return rows.filter(points__gt=0)

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:  # noqa: ARG002 - Django's signature
        """Give the worst first."""
        return (_left().desc(), "name")

    @display(description="host", ordering="name")
    def host(self, row: Backscatterer) -> str:
        """Give address or name."""
        return row.name

    @display(description="state", label={"listed": "warning", "watched": ""})
    def condition(self, row: Backscatterer) -> str:
        """Whether it has points enough."""
        return "listed" if _points(row) >= LISTED else "watched"

    @display(description="points now")
    def points_left(self, row: Backscatterer) -> str:
        """Give what is left of its points."""
        return f"{_points(row):.1f}"

    @display(description="sample")
    def example(self, row: Backscatterer) -> str:
        """Lead to the last message that counted."""
        return sample_link(row.sample)

    def has_forget_permission(self, request: HttpRequest) -> bool:
        """Whether the person may take hosts off the list."""
        return bool(request.user.has_perm("gateway.delete_backscatterer"))

    @admin.action(description="Forget: what it brings from now on counts anew", permissions=["forget"])
    def forget(self, request: HttpRequest, rows: QuerySet[Backscatterer]) -> None:
        """Take the selected hosts off the list."""
        names = list(rows.order_by("name").values_list("name", flat=True))
        count = sum(backscatterers.forget(name, who(request)) for name in names)
        self.message_user(request, f"{count} forgotten.", messages.SUCCESS)


def _points(row: Backscatterer) -> float:
    """Give the points that a host has left."""
    return backscatterers.points_now(row, timezone.now().timestamp())


def _left() -> Case:
    """Give the points left in SQL that every database knows: exact to the day, which is enough for an order."""
    now = timezone.now()
    worth = (
        When(last__gte=now - timedelta(days=days + 1), then=F("points") * Value(0.5 ** (days / HALF_LIFE_DAYS)))
        for days in range(_DAYS)
    )
    return Case(*worth, default=Value(0.0), output_field=FloatField())
