"""Alarms, audit, and the people who may sign in."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from gateway.models import Alarm, AuditEntry
from gateway.operations import alarms
from webadmin.rows import Audited, ReadOnly, who
from webadmin.times import TimeFilter

_LONGEST_DETAIL = 120  # characters in a list


class OpenFilter(DropdownFilter):
    """Open alarms, unless others are asked for."""

    title = "state"
    parameter_name = "state"
    all_option = ["", "open"]  # noqa: RUF012 - the shell's attribute

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ANN401, ARG002 - Django's signature
        """Give the other states."""
        return [("cleared", "cleared"), ("all", "all")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> QuerySet[Alarm]:  # noqa: ARG002 - Django's signature
        """Filter by it."""
        if self.value() == "all":
            return queryset
        return queryset.filter(cleared__isnull=self.value() != "cleared")


class AlarmAdmin(ReadOnly, ModelAdmin):
    """What an administrator must know now."""

    list_display = ("text", "condition", "count", "first", "last", "node")
    list_filter = (OpenFilter,)
    list_filter_submit = True
    search_fields = ("text", "node")
    actions = ("clear_alarms",)

    @display(description="state", label={"open": "danger", "cleared": ""})
    def condition(self, row: Alarm) -> str:
        """Whether somebody has seen to it."""
        return "cleared" if row.cleared else "open"

    def has_clear_permission(self, request: HttpRequest) -> bool:
        """Whether the person may clear."""
        return bool(request.user.has_perm("gateway.change_alarm"))

    @admin.action(description="Clear: this was seen to", permissions=["clear"])
    def clear_alarms(self, request: HttpRequest, rows: QuerySet[Alarm]) -> None:
        """Clear the selected alarms; one that is still there opens again."""
        count = alarms.clear(rows, who(request))
        self.message_user(request, f"{count} cleared. What is still wrong raises its alarm again.", messages.SUCCESS)


class AuditEntryAdmin(ReadOnly, ModelAdmin):
    """Who did what."""

    list_display = ("at", "who", "verb", "target", "start")
    list_filter = (("at", TimeFilter),)
    list_filter_submit = True
    list_fullwidth = True
    search_fields = ("who", "verb", "target", "detail")
    search_help_text = "Who, verb, target or detail"
    list_per_page = 50

    @display(description="detail")
    def start(self, row: AuditEntry) -> str:
        """Give the start of the detail, on one line."""
        return Truncator("; ".join(row.detail.splitlines())).chars(_LONGEST_DETAIL) or "-"


class UserAdmin(DjangoUserAdmin, Audited):  # type: ignore[type-arg]  # the shell has no stubs
    """People who may sign in."""

    compressed_fields = False  # the lists of permissions need the width
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")


class GroupAdmin(DjangoGroupAdmin, Audited):  # type: ignore[misc]  # the shell has no stubs
    """What groups of people may do."""

    compressed_fields = False


def register() -> None:
    """Register the pages of this feature."""
    admin.site.register(Alarm, AlarmAdmin)
    admin.site.register(AuditEntry, AuditEntryAdmin)
    admin.site.unregister((User, Group))  # Django's own pages for them come with the import
    admin.site.register(User, UserAdmin)
    admin.site.register(Group, GroupAdmin)
