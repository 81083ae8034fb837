"""The filter of a list by a span of time. Times are UTC, as everywhere in the console."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.utils import parse_datetime_str

_DAY_BEGINS, _DAY_ENDS = "00:00:00", "23:59:59"


class TimeFilter(RangeDateTimeFilter):
    """From and to, each a date with or without a time; without one, the day counts from its start, or to its end.

    The shell's own compares with times that have no zone, and takes a date without a time for nothing.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002 - Django's signature
        """Filter by the bounds that can be read as a time."""
        for side, lookup, otherwise in (("from", "gte", _DAY_BEGINS), ("to", "lte", _DAY_ENDS)):
            bound = self._bound(side, otherwise)
            if bound is not None:
                queryset = queryset.filter(**{f"{self.parameter_name}__{lookup}": bound})
        return queryset

    def _bound(self, side: str, otherwise: str) -> datetime | None:
        """Give a bound, or None where there is none, or what stands there is no time."""
        date, time = (self.used_parameters.get(f"{self.parameter_name}_{side}_{part}") for part in (0, 1))
        bound = parse_datetime_str(f"{date} {time or otherwise}") if date else None
        return bound.replace(tzinfo=UTC) if bound else None
