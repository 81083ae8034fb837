"""Filters of the quarantine."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from gateway.mail.copies import Purpose
from gateway.models import QuarantinedCopy
from gateway.models.quarantine import CopyState
from gateway.policy.defaults import CHECKS

ALL = "all"
Copies = QuerySet[QuarantinedCopy]


class StateFilter(DropdownFilter):
    """The state of a copy; without a choice, what is in quarantine now, so nothing that leaves by itself."""

    title = "state"
    parameter_name = "state"
    all_option = ["", CopyState.QUARANTINED.value]  # noqa: RUF012 - the shell's attribute

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ANN401, ARG002 - Django's signature
        """Give all states."""
        others = [(state.value, state.value) for state in CopyState if state is not CopyState.QUARANTINED]
        return [(ALL, "all states"), *others]

    def queryset(self, request: HttpRequest, queryset: Copies) -> Copies:  # noqa: ARG002 - Django's signature
        """Filter by it."""
        if self.value() == ALL:
            return queryset
        return queryset.filter(state=self.value() or CopyState.QUARANTINED)


class PurposeFilter(DropdownFilter):
    """What a copy is for."""

    title = "purpose"
    parameter_name = "purpose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ANN401, ARG002 - Django's signature
        """Give all purposes."""
        return [(each.value, each.words) for each in Purpose]

    def queryset(self, request: HttpRequest, queryset: Copies) -> Copies:  # noqa: ARG002 - Django's signature
        """Filter by it."""
        return queryset.filter(purpose=self.value()) if self.value() else queryset


class CheckFilter(DropdownFilter):
    """The check that decided."""

    title = "check"
    parameter_name = "check"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ANN401, ARG002 - Django's signature
        """Give the checks."""
        return [(name, name) for name in CHECKS]

    def queryset(self, request: HttpRequest, queryset: Copies) -> Copies:  # noqa: ARG002 - Django's signature
        """Filter by it."""
        return queryset.filter(check_name=self.value()) if self.value() else queryset
