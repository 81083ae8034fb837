"""What the console's tables have in common: who may do what to them, and that every change is on record."""

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin

from gateway.operations import audit


class ReadOnly:
    """A table that nobody edits here."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody deletes."""
        return False


class Page(ReadOnly, ModelAdmin):
    """A table whose rows have a page of their own instead of a form.

    A subclass names its ``page_template`` and says in ``page_context`` what the page shows.
    """

    page_template: str

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of the subclass's table
        """Give what the page of one row shows, ``title`` included; the row itself is there as ``row``."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the page of one row to who may see it. Raises PermissionDenied."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "opts": self.opts,
            "row": row,
            **self.page_context(request, row),
        }
        return TemplateResponse(request, self.page_template, context)


class Audited(ModelAdmin):
    """A table whose every change is an audit entry."""

    compressed_fields = True
    warn_unsaved_form = True

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:  # noqa: ANN401 - Django's signature
        """Record that a row was added."""
        audit.record(who(request), "add", _named(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:  # noqa: ANN401 - Django's signature
        """Record which fields of a row were changed."""
        if message:
            audit.record(who(request), "change", _named(obj), _fields(message))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Model]) -> Any:  # noqa: ANN401 - Django's signature
        """Record which rows were deleted."""
        for row in queryset:
            audit.record(who(request), "delete", _named(row))
        return super().log_deletions(request, queryset)


def who(request: HttpRequest) -> str:
    """Give the name of who is signed in, as the audit has it."""
    return str(request.user.get_username())


def _named(row: Model) -> str:
    """Say which row it is."""
    return f"{row._meta.verbose_name} {row}"  # noqa: SLF001 - the documented name


def _fields(message: Any) -> str:  # noqa: ANN401 - Django's list of changes
    """Say in words what Django noted of a change."""
    if not isinstance(message, list):
        return str(message)
    words = []
    for part in message:
        for verb, about in part.items():
            what = " ".join(str(about[key]) for key in ("name", "object") if key in about)
            fields = ", ".join(str(field) for field in about.get("fields", ()))
            words.append(" ".join(word for word in (verb, what, fields) if word))
    return "; ".join(words)
