from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from gateway.models import AuditEntry, Domain, MarkingKey, NeverTag, NodePolicy
from gateway.operations import keys
from gateway.services import secrets

pytestmark = pytest.mark.usefixtures("seeded")


def test_a_key_is_made_and_shown_and_its_secret_is_not(admin: Client, home: Path) -> None:
    admin.post("/marking/", {"do": "key"})

    key = MarkingKey.objects.get()
    page = admin.get("/marking/").content.decode()
    assert ">signs<" in page
    assert str(secrets.read(home / "secrets", key.secret)) not in page
    assert AuditEntry.objects.filter(verb="make key").exists()


def test_the_next_key_signs_from_tomorrow_on(admin: Client) -> None:
    admin.post("/marking/", {"do": "key"})
    admin.post("/marking/", {"do": "key"})

    page = admin.get("/marking/").content.decode()
    assert page.count(">signs<") == 1
    assert "signs from" in page


def test_a_key_is_retired(admin: Client) -> None:
    key = keys.make_key("admin")

    admin.post("/marking/", {"do": "retire", "row": key.pk})

    assert MarkingKey.objects.get(pk=key.pk).retired
    assert "its tags are suspect" in admin.get("/marking/").content.decode()


def test_the_records_of_a_domain_stand_there_ready_to_copy(admin: Client) -> None:
    domain = Domain.objects.get(name="example.test")

    admin.post("/marking/", {"do": "dkim", "row": domain.pk})

    domain.refresh_from_db()
    page = admin.get("/marking/").content.decode()
    assert f"{domain.dkim_selector}._domainkey.example.test. IN TXT" in page
    assert "v=spf1 mx ~all" in page
    assert "_dmarc.example.test. IN TXT" in page


def test_the_seal_is_made_once(admin: Client) -> None:
    admin.post("/marking/", {"do": "seal"})
    first = NodePolicy.load().seal_secret
    admin.post("/marking/", {"do": "seal"})

    assert first
    assert NodePolicy.load().seal_secret == first


@pytest.mark.parametrize("form", [{}, {"do": "x"}, {"do": "seal "}])
def test_what_nobody_offers_changes_nothing(admin: Client, form: dict[str, str]) -> None:
    assert admin.post("/marking/", form).status_code == 302
    assert not MarkingKey.objects.exists()


@pytest.mark.parametrize("row", ["", "x", "99999", "9" * 30])
def test_a_row_that_is_none_is_not_found(admin: Client, row: str) -> None:
    assert admin.post("/marking/", {"do": "retire", "row": row}).status_code == 404


def test_learned_destinations_are_shown_forgotten_and_kept(admin: Client) -> None:
    now = timezone.now()
    for name in ("club@lists.test", "news@other.test"):
        NeverTag.objects.create(destination=name, since=now, expires=now + timedelta(days=90), because="not a member")
    page = admin.get("/marking/").content.decode()
    assert "club@lists.test" in page
    assert "not a member" in page

    admin.post("/marking/", {"do": "forget", "row": NeverTag.objects.get(destination="club@lists.test").pk})
    admin.post("/marking/", {"do": "keep", "row": NeverTag.objects.get(destination="news@other.test").pk})

    assert not NeverTag.objects.filter(destination="club@lists.test").exists()
    assert NodePolicy.load().never_tag == ["news@other.test"]
