"""The console's Content-Security-Policy: everything from our own origin, nothing from anywhere else.

The shell's Alpine evaluates expressions out of attributes, hence ``unsafe-eval`` for scripts of our own origin; it
writes style attributes, hence ``unsafe-inline`` for styles. No inline script is ever allowed. A response that brings a
policy of its own, as the preview of a message does, keeps it.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADER = "Content-Security-Policy"
POLICY = (
    "default-src 'none'; "
    "script-src 'self' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; "
    "font-src 'self'; "
    "connect-src 'self'; "
    "frame-src 'self'; "
    "form-action 'self'; "
    "base-uri 'none'; "
    "frame-ancestors 'self'"
)


class ContentSecurityPolicy:
    """Middleware: gives each response a policy unless it has one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Take what comes behind."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with a policy."""
        response = self._get_response(request)
        response.headers.setdefault(HEADER, POLICY)
        return response
