"""A stored message is scanned again with today's policy; nothing is delivered by that."""

from pathlib import Path

import pytest
from django.test import Client

from gateway.models import QuarantinedCopy
from gateway.spool.quarantine import Quarantine
from tests.webadmin.people import a_copy, person


@pytest.mark.usefixtures("seeded")
def test_the_page_of_a_copy_has_the_button(admin: Client) -> None:
    copy = a_copy()
    page = admin.get(f"/gateway/quarantinedcopy/{copy.pk}/change/").content.decode()
    assert f'formaction="/messages/{copy.message}/scan/"' in page


def test_it_shows_what_was_decided_then_and_what_would_be_now(admin: Client, seeded: Path, rung: list[int]) -> None:
    copy = a_copy()

    page = admin.post(f"/messages/{copy.message}/scan/")

    (recipient, then, now), *_ = page.context["scanned"].copies
    assert recipient == copy.recipient
    assert then.action == "quarantine"
    assert now.action == "defer"  # no clamd runs here: what can't be scanned is never clean
    assert "clamav" in page.content.decode()
    copy.refresh_from_db()
    assert copy.state == "quarantined"
    assert rung == []
    assert Quarantine(seeded / "spool").read(copy.message)[0].id == copy.message


@pytest.mark.usefixtures("seeded")
def test_what_is_not_stored_any_more_is_told(admin: Client, home: Path) -> None:
    copy = a_copy()
    for file in (home / "spool" / "quarantine").rglob("message.eml"):
        file.unlink()
    assert "be scanned again" in admin.post(f"/messages/{copy.message}/scan/").content.decode()


@pytest.mark.usefixtures("seeded")
def test_looking_scans_nothing_and_strangers_may_not(admin: Client) -> None:
    copy = a_copy()
    assert admin.get(f"/messages/{copy.message}/scan/").status_code == 405
    assert person("view_domain").post(f"/messages/{copy.message}/scan/").status_code == 403
    QuarantinedCopy.objects.all().delete()
    assert admin.post(f"/messages/{copy.message}/scan/").status_code == 404
