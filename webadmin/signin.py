"""Signing in, with a limit on guessing. Attempts are audit entries, so every process of the console counts the same.

The limit holds for a name from one client, so that nobody can lock an administrator out from elsewhere; and, wider, for
a client whatever names it tries. An IPv6 address counts as its /64. ``webadmin.client_address`` says who the client is.
"""

import logging
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone
from unfold.forms import AuthenticationForm

from gateway.mail.prefix import prefix
from gateway.models import AuditEntry
from gateway.operations import audit

FAILED = "sign-in failed"
WINDOW = timedelta(minutes=10)
PER_NAME = 10  # failures of one name from one client
PER_CLIENT = 50  # failures from one client
LOCKED = "Too many failed attempts. Wait ten minutes, then try again."
UNKNOWN = "an unknown client"  # all of them count as one

_log = logging.getLogger(__name__)


class SignInForm(AuthenticationForm):
    """User name and password."""

    def clean(self) -> dict[str, Any]:
        """Check the password, unless there were too many failures. Raises ValidationError."""
        name = str(self.cleaned_data.get("username", ""))[:255]
        client = str(self.request.META.get("REMOTE_ADDR", "")) or UNKNOWN
        network = prefix(client)
        counted = Q(target=client) if network == client else Q(detail=_counts_for(network))
        failures = AuditEntry.objects.filter(counted, verb=FAILED, at__gt=timezone.now() - WINDOW)
        if failures.filter(who=name).count() >= PER_NAME or failures.count() >= PER_CLIENT:
            raise ValidationError(LOCKED, code="locked")
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            if client == UNKNOWN:
                _log.warning("a sign-in of an unknown client: the web server must set X-Real-IP (docs/running.md)")
            audit.record(name, FAILED, client, "" if network == client else _counts_for(network))
            raise
        audit.record(name, "sign in", client)
        return cleaned


def _counts_for(network: str) -> str:
    """Give the detail of an entry by which attempts from a network are found."""
    return f"counts for {network}"
