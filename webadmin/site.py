"""The console's site: the dashboard as its first page, and the pages that belong to no table."""

from typing import Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.sites import UnfoldAdminSite

from webadmin.signin import SignInForm


class ConsoleSite(UnfoldAdminSite):
    """Backstop's console."""

    index_title = "Dashboard"
    index_template = "webadmin/dashboard.html"
    login_form = SignInForm
    enable_nav_sidebar = True

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show what came in during the last day, and what needs a person."""
        from webadmin.dashboard import figures  # noqa: PLC0415 - models exist only after start-up

        page: TemplateResponse = super().index(request, {**(extra_context or {}), **figures.gather(request)})
        return page

    def extra_urls(self) -> list[URLPattern]:
        """Give the pages that belong to no table."""
        from webadmin.bounces import readiness, verdicts  # noqa: PLC0415 - models exist only after start-up
        from webadmin.messages import mixed, refusals, senders  # noqa: PLC0415 - as its neighbour
        from webadmin.messages import views as messages  # noqa: PLC0415 - as its neighbour
        from webadmin.policy import comparing, importing, marking, publishing, records, sending, trying  # noqa: PLC0415 - as its neighbour
        from webadmin.quarantine import scanning  # noqa: PLC0415 - as its neighbour
        from webadmin.system import health, lists, restored  # noqa: PLC0415 - as its neighbour

        return [
            path("messages/<str:message>/", self.admin_view(messages.by_id), name="message"),
            path("messages/<str:message>/mine/", self.admin_view(verdicts.mine), name="mine"),
            path("messages/<str:message>/sender/", self.admin_view(senders.list_it), name="list_sender"),
            path("readiness/", self.admin_view(readiness.page), name="readiness"),
            path("readiness/<str:domain>/<str:figure>/", self.admin_view(readiness.behind), name="readiness_list"),
            path("messages/<str:message>/scan/", self.admin_view(scanning.scan), name="scan_again"),
            path("publish/", self.admin_view(publishing.publish), name="publish"),
            path("publish/what-if/", self.admin_view(comparing.compare), name="what_if"),
            path("sending/", self.admin_view(sending.page), name="sending"),
            path("marking/", self.admin_view(marking.marking), name="marking"),
            path("records/", self.admin_view(records.page), name="records"),
            path("records/<str:domain>/", self.admin_view(records.page), name="domain_records"),
            path("import/recipients/", self.admin_view(importing.import_recipients), name="import_recipients"),
            path("import/senders/", self.admin_view(importing.import_senders), name="import_senders"),
            path("try/", self.admin_view(trying.try_recipient), name="try_recipient"),
            path("refusals/", self.admin_view(refusals.page), name="refusals"),
            path("refusals/mixed/", self.admin_view(mixed.page), name="mixed"),
            path("restored/", self.admin_view(restored.restored), name="restored"),
            path("health/probe/", self.admin_view(lists.probe), name="probe_lists"),
            path("health/clear-cache/", self.admin_view(lists.clear_cache), name="clear_cache"),
            path("health/", self.admin_view(health.health), name="health"),
        ]
