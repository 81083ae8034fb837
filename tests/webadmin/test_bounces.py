"""Storms and backscatterers in the console."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from gateway.models import AuditEntry, Backscatterer, Storm
from tests.webadmin import seed
from tests.webadmin.people import person

pytestmark = pytest.mark.usefixtures("stormy")


@pytest.fixture
def stormy(admin: Client) -> None:  # noqa: ARG001 - signed in
    seed.storms()


def victims(page: object) -> list[str]:
    return [row.victim for row in page.context["cl"].result_list]  # type: ignore[attr-defined]


def test_open_storms_stand_first_with_who_brings_most(admin: Client) -> None:
    page = admin.get("/gateway/storm/")
    assert victims(page) == ["alice@example.test", "office@example.test"]
    text = page.content.decode()
    assert "mx7.reporter.example (412) and 29 more" in text
    assert "/messages/" in text


def test_storms_are_found_by_state(admin: Client) -> None:
    assert victims(admin.get("/gateway/storm/?state=over")) == ["office@example.test"]
    assert victims(admin.get("/gateway/storm/?state=open")) == ["alice@example.test"]


def test_the_page_of_a_storm_tells_all_of_it(admin: Client) -> None:
    row = Storm.objects.get(victim="alice@example.test")
    text = admin.get(f"/gateway/storm/{row.pk}/change/").content.decode()
    for part in ("1204", "1190", "mx7.reporter.example", "192.0.2.7", "34 %", "and 5 more", "not yet"):
        assert part in text, part


def test_what_a_server_calls_itself_is_no_markup(admin: Client) -> None:
    row = Storm.objects.get(victim="alice@example.test")
    row.reporters = {"192.0.2.9": {"helo": "<script>alert(1)</script>", "count": 3}}
    row.save()
    for url in ("/gateway/storm/", f"/gateway/storm/{row.pk}/change/"):
        assert "<script>alert(1)" not in admin.get(url).content.decode()


def test_the_dashboard_shows_an_open_storm_until_it_is_over(admin: Client) -> None:
    assert "Storm of false bounces against alice@example.test" in admin.get("/").content.decode()

    Storm.objects.update(closed=timezone.now())

    assert "Storm of false bounces" not in admin.get("/").content.decode()


def test_backscatterers_are_listed_worst_first_by_what_is_left(admin: Client) -> None:
    page = admin.get("/gateway/backscatterer/")
    names = [row.name for row in page.context["cl"].result_list]
    assert names == ["192.0.2.7", "2001:db8::25", "mx7.reporter.example", "198.51.100.9", "192.0.2.99"]
    text = page.content.decode()
    assert len(re.findall(r">\s*listed\s*<", text)) == 4
    assert "203.0.113.1" not in text  # it has credit


def test_a_backscatterer_is_forgotten_on_record(admin: Client) -> None:
    row = Backscatterer.objects.get(name="192.0.2.7")
    admin.post("/gateway/backscatterer/", {"action": "forget", "_selected_action": row.pk})
    assert not Backscatterer.objects.filter(name="192.0.2.7").exists()
    entry = AuditEntry.objects.get(verb="forget backscatterer")
    assert (entry.who, entry.target) == ("admin", "192.0.2.7")


def test_only_who_may_delete_may_forget() -> None:
    row = Backscatterer.objects.get(name="192.0.2.7")
    viewer = person("view_backscatterer")
    assert viewer.get("/gateway/backscatterer/").status_code == 200
    viewer.post("/gateway/backscatterer/", {"action": "forget", "_selected_action": row.pk})
    assert Backscatterer.objects.filter(name="192.0.2.7").exists()


@pytest.mark.parametrize("url", ["/gateway/storm/", "/gateway/backscatterer/"])
def test_who_lacks_the_permission_is_refused(url: str) -> None:
    assert person("view_transaction").get(url).status_code == 403


def test_the_dashboard_keeps_storms_from_who_may_not_see_them() -> None:
    assert "Storm of false bounces" not in person("view_transaction").get("/").content.decode()


def test_records_can_not_be_edited(admin: Client) -> None:
    row = Storm.objects.all()[0]
    assert admin.get("/gateway/storm/add/").status_code == 403
    assert admin.post(f"/gateway/storm/{row.pk}/change/", {"victim": "x@example.test"}).status_code == 200
    row.refresh_from_db()
    assert row.victim != "x@example.test"
