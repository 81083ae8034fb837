"""Filters of the list of messages."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter

from gateway.mail.decisions import Disposition
from gateway.models import Transaction

_HOURS = {"1": "last hour", "24": "last day", "168": "last week"}
Rows = QuerySet[Transaction]


class DispositionFilter(DropdownFilter):
    """What became of it. ``refused`` is whatever the client was told no."""

    title = "disposition"
    parameter_name = "disposition"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ANN401, ARG002 - Django's signature
        """Give all dispositions."""
        return [("refused", "refused (rejected or deferred)"), *((word, word) for word in [*Disposition, "mixed"])]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:  # noqa: ARG002 - Django's signature
        """Filter by it."""
        if self.value() == "refused":
            return queryset.filter(disposition__in=(Disposition.REJECTED, Disposition.DEFERRED))
        return queryset.filter(disposition=self.value()) if self.value() else queryset


class ListenerFilter(DropdownFilter):
    """Where it came in."""

    title = "listener"
    parameter_name = "listener"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ANN401, ARG002 - Django's signature
        """Give the listeners."""
        return [("inbound", "inbound"), ("outbound", "outbound")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:  # noqa: ARG002 - Django's signature
        """Filter by it."""
        return queryset.filter(listener=self.value()) if self.value() else queryset


class SinceFilter(DropdownFilter):
    """How long ago."""

    title = "time"
    parameter_name = "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ANN401, ARG002 - Django's signature
        """Give the spans."""
        return list(_HOURS.items())

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:  # noqa: ARG002 - Django's signature
        """Filter by it."""
        if self.value() not in _HOURS:
            return queryset
        return queryset.filter(started__gte=timezone.now() - timedelta(hours=int(self.value())))
