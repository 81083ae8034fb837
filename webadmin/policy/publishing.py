"""The page that publishes: what would change, what stands in the way, and who applies what."""

import time

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from gateway.models import PolicyRevision
from gateway.operations import publish as publishing
from gateway.policy.codec import PolicyError
from gateway.spool.disk import SpoolError
from webadmin.rows import who

# Counting what is pending builds the whole policy: not on every page of a large one.
_REST = 20.0  # times as long as the count took
_LONG = 0.1  # seconds from which on a count is remembered
_counted: tuple[float, int] = (0.0, 0)  # until when, how many


def pending_count() -> int:
    """Count what publishing would change; of a large policy, as it was some seconds ago."""
    global _counted  # noqa: PLW0603 - one figure a process
    began = time.monotonic()
    if began < _counted[0]:
        return _counted[1]
    count = len(publishing.pending())
    took = time.monotonic() - began
    # A small policy is counted every time: the badge should be there on the very next page.
    _counted = (began + (took * _REST if took > _LONG else 0.0), count)
    return count


@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: HttpRequest) -> HttpResponse:
    """Show what is pending (GET), or publish it (POST)."""
    if not request.user.has_perm("gateway.add_policyrevision"):
        raise PermissionDenied
    if request.method == "POST":
        return _publish(request)
    last = PolicyRevision.objects.defer("snapshot").first()
    context = {
        **admin.site.each_context(request),
        "title": "Publish",
        "pending": publishing.pending(),
        "problem": publishing.problem(),
        "last": last,
        "processes": publishing.applied(),
    }
    return TemplateResponse(request, "webadmin/publish.html", context)


def _publish(request: HttpRequest) -> HttpResponse:
    """Publish, and tell how that went."""
    global _counted  # noqa: PLW0603 - one figure a process
    before = PolicyRevision.objects.values_list("pk", flat=True).first()
    try:
        revision = publishing.publish_policy(who(request))
    except PolicyError as error:
        messages.error(request, f"Nothing was published: {error.reason}; {error.remedy}.")
    except (OSError, SpoolError, DatabaseError) as error:
        messages.error(request, f"The policy could not be written: {error}.")
    else:
        _counted = (0.0, 0)
        said = "Nothing to publish" if revision.pk == before else "Published"
        messages.success(request, f"{said}: revision {revision.number} is in force.")
    return redirect("admin:publish")
