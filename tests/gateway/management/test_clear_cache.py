"""``manage.py clear-cache``."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError

from gateway.models import AuditEntry
from gateway.services.dns.cache import CLEAR


@pytest.mark.django_db
def test_it_asks_the_processes_and_stands_in_the_audit(home: Path) -> None:
    said = StringIO()
    call_command("clear-cache", stdout=said)
    assert (home / "status" / CLEAR).exists()
    assert "within a second" in said.getvalue()
    assert AuditEntry.objects.get().verb == "clear cache"


def test_it_needs_no_database(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(AuditEntry.objects, "create", away)
    said, warned = StringIO(), StringIO()
    call_command("clear-cache", stdout=said, stderr=warned)
    assert (home / "status" / CLEAR).exists()
    assert "within a second" in said.getvalue()
    assert "not stand in the audit" in warned.getvalue()
