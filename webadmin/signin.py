"""Signing in, with a limit on guessing. Attempts are audit entries, so every process of the console counts the same.

The limit holds for a name from one client, so that nobody can lock an administrator out from elsewhere; and, wider, for
a client whatever names it tries.
"""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.forms import AuthenticationForm

from gateway.models import AuditEntry
from gateway.operations import audit

FAILED = "sign-in failed"
WINDOW = timedelta(minutes=10)
PER_NAME = 10  # failures of one name from one client
PER_CLIENT = 50  # failures from one client
LOCKED = "Too many failed attempts. Wait ten minutes, then try again."


class SignInForm(AuthenticationForm):
    """User name and password."""

    def clean(self) -> dict[str, Any]:
        """Check the password, unless there were too many failures. Raises ValidationError."""
        name = str(self.cleaned_data.get("username", ""))[:255]
        client = str(self.request.META.get("REMOTE_ADDR", ""))
        failures = AuditEntry.objects.filter(verb=FAILED, target=client, at__gt=timezone.now() - WINDOW)
        if failures.filter(who=name).count() >= PER_NAME or failures.count() >= PER_CLIENT:
            raise ValidationError(LOCKED, code="locked")
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            audit.record(name, FAILED, client)
            raise
        audit.record(name, "sign in", client)
        return cleaned
