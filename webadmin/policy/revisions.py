"""Published revisions: what each changed, and what it says."""

import json
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from gateway.models import PolicyRevision
from webadmin.rows import Page


class PolicyRevisionAdmin(Page):
    """Published revisions."""

    page_template = "webadmin/revision.html"
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

    def page_context(self, request: HttpRequest, row: PolicyRevision) -> dict[str, Any]:  # noqa: ARG002 - as in Page
        """Show what a revision changed, and its text."""
        return {
            "title": f"Revision {row.number}",
            "changes": row.summary.splitlines(),
            "text": json.dumps(row.snapshot, indent=1, ensure_ascii=False),
        }
