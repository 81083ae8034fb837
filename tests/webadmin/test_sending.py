"""The page of those who reached a sending limit, and its button."""

import pytest
from django.test import Client
from django.utils import timezone

from gateway.models import AuditEntry, SendingBlock
from tests.webadmin.people import person

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture
def held_back() -> SendingBlock:
    now = timezone.now()
    return SendingBlock.objects.create(
        kind="account",
        name="kim",
        what="messages",
        figure=500,
        detail="account kim has sent 500 messages within 1 h",
        since=now,
        last=now,
        count=7,
    )


def test_who_is_held_back_is_shown_with_the_figures(admin: Client, held_back: SendingBlock) -> None:
    page = admin.get("/sending/").content.decode()
    assert held_back.detail in page
    assert "held back" in page
    assert "Unblock" in page


def test_one_click_unblocks(admin: Client, held_back: SendingBlock) -> None:
    admin.post("/sending/", {"row": held_back.pk})
    held_back.refresh_from_db()
    assert held_back.unblocked is not None
    assert AuditEntry.objects.filter(verb="unblock sending", target="account kim").exists()
    assert "held back" not in admin.get("/sending/").content.decode()


def test_without_the_permission_nobody_is_unblocked(held_back: SendingBlock) -> None:
    assert person("view_sendingblock").post("/sending/", {"row": held_back.pk}).status_code == 403
    held_back.refresh_from_db()
    assert held_back.unblocked is None


def test_a_row_that_is_none_is_not_found(admin: Client) -> None:
    assert admin.post("/sending/", {"row": "nonsense"}).status_code == 404
