"""The MTA-STS policy files (RFC 8461 3.3), for anybody who asks: ``/.well-known/mta-sts.txt`` of ``mta-sts.<domain>``.

They are made of the domains as they are now, so that they are never older than what is shown. Nothing else is answered
under those names, and to nobody who asks for another is any file given.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from gateway.models import Domain
from gateway.operations import records

PATH = "/.well-known/mta-sts.txt"
_PREFIX = "mta-sts."
_CACHED = 60  # seconds; senders ask afresh, whatever is said here


class PolicyFiles:
    """Middleware: answers for the names of policy hosts, which are none of the console's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Take what comes behind."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer for the file, and leave everything else to the console."""
        return _answer(request) if request.path_info == PATH else self._get_response(request)


def _answer(request: HttpRequest) -> HttpResponse:
    """Give the file of the domain whose policy host is asked; 404 where it is none of ours."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    host = request.headers.get("Host", "").partition(":")[0].rstrip(".").lower()
    row = Domain.objects.filter(name=host.removeprefix(_PREFIX)).first() if host.startswith(_PREFIX) else None
    if row is None:
        return HttpResponse("There is no such file.\n", content_type="text/plain", status=404)
    return HttpResponse(
        records.policy_file(row, settings.CONFIG),
        content_type="text/plain",
        headers={"Cache-Control": f"max-age={_CACHED}", "X-Content-Type-Options": "nosniff"},
    )
