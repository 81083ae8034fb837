from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from gateway.operations import broker
from tests.webadmin import seed
from webadmin.policy import publishing


@pytest.fixture(autouse=True)
def _counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine what one test counted slowly would be remembered for the next ones."""
    monkeypatch.setattr(publishing, "_LONG", float("inf"))
    monkeypatch.setattr(publishing, "_counted", (0.0, 0))


@pytest.fixture
def admin(client: Client, db: None) -> Client:  # noqa: ARG001 - the user is a row
    """A client signed in as administrator."""
    client.force_login(User.objects.create_superuser("admin", "admin@example.test", "admin-password-1"))
    return client


@pytest.fixture
def seeded(home: Path, admin: Client, rung: list[int]) -> Path:  # noqa: ARG001 - no broker is asked
    """A home with one of everything; the administrator is signed in."""
    seed.policy()
    seed.mail(home, count=13)
    seed.system(home)
    return home


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The copies for which a worker was rung; no broker is asked."""
    numbers: list[int] = []
    monkeypatch.setattr(broker, "ring", numbers.append)
    return numbers
