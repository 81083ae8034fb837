"""Published revisions: what each changed, and what it says."""

import json
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from gateway.models import PolicyRevision
from webadmin.rows import ReadOnly


class PolicyRevisionAdmin(ReadOnly, ModelAdmin):
    """Published revisions."""

    list_display = ("number", "published", "by", "changed")
    search_fields = ("by", "summary")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PolicyRevision]:
        """Leave the snapshots out of the list."""
        rows: QuerySet[PolicyRevision] = super().get_queryset(request)
        return rows.defer("snapshot")

    @display(description="what changed")
    def changed(self, row: PolicyRevision) -> str:
        """Give the first lines of the summary."""
        first, *others = row.summary.splitlines() or ["nothing"]
        return first + (f" and {len(others)} more" if others else "")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show what a revision changed, and its text."""
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
            "title": f"Revision {row.number}",
            "row": row,
            "changes": row.summary.splitlines(),
            "text": json.dumps(row.snapshot, indent=1, ensure_ascii=False),
        }
        return TemplateResponse(request, "webadmin/revision.html", context)
