"""The page that scans a stored message again with today's policy: what was decided then, and what would be now."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST

from gateway.mail.address import AddressError
from gateway.models import QuarantinedCopy
from gateway.operations.scan_again import NothingInForceError, scan_again
from gateway.services.ledger import LedgerError
from gateway.spool.disk import SpoolError

SEE = "gateway.view_quarantinedcopy"


@require_POST
def scan(request: HttpRequest, message: str) -> HttpResponse:
    """Scan, and show what comes of it. By POST only: it costs the scanners' time."""
    if not request.user.has_perm(SEE):
        raise PermissionDenied
    copy = QuarantinedCopy.objects.filter(message=message).first()
    if copy is None:
        raise Http404
    context = {**admin.site.each_context(request), "title": "Scanned again", "copy": copy}
    try:
        context["scanned"] = scan_again(message)
    except (AddressError, LedgerError, NothingInForceError, SpoolError, OSError) as error:
        context["problem"] = str(error)
    return TemplateResponse(request, "webadmin/scan.html", context)
