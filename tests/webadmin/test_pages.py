"""Every page opens for whom it is meant, for nobody else, and under the console's policy."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from gateway.models import Domain, QuarantinedCopy, Transaction
from tests.webadmin.people import a_copy, person
from webadmin.csp import POLICY

LISTS = (
    "transaction",
    "quarantinedcopy",
    "domain",
    "recipient",
    "route",
    "forwarder",
    "account",
    "checksetting",
    "policyrevision",
    "alarm",
    "auditentry",
)
OWN = (
    "/",
    "/publish/",
    "/marking/",
    "/records/",
    "/health/",
    "/gateway/nodepolicy/1/change/",
    "/auth/user/",
    "/auth/group/",
)


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("url", [*OWN, *(f"/gateway/{model}/" for model in LISTS)])
def test_a_page_opens_for_the_administrator(admin: Client, url: str) -> None:
    response = admin.get(url)
    assert response.status_code == 200
    assert response.headers["Content-Security-Policy"] == POLICY


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("model", ["domain", "recipient", "route", "forwarder", "account", "checksetting"])
def test_a_rows_form_opens_to_add_and_to_change(admin: Client, model: str) -> None:
    assert admin.get(f"/gateway/{model}/add/").status_code == 200
    listed = admin.get(f"/gateway/{model}/").context["cl"].result_list
    assert admin.get(f"/gateway/{model}/{listed[0].pk}/change/").status_code == 200


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("url", [*OWN, *(f"/gateway/{model}/" for model in LISTS), "/messages/x/"])
def test_who_is_not_signed_in_sees_the_sign_in_page_only(url: str) -> None:
    response = Client().get(url)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login/")


@pytest.mark.django_db
def test_who_is_no_staff_is_not_let_in() -> None:
    User.objects.create_user("guest", password="guest-password-1")
    client = Client()
    client.login(username="guest", password="guest-password-1")
    assert client.get("/").status_code == 302


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(
    "url", ["/publish/", "/marking/", "/health/", "/gateway/quarantinedcopy/", "/gateway/domain/", "/auth/user/"]
)
def test_who_lacks_the_permission_is_refused(url: str) -> None:
    assert person("view_transaction").get(url).status_code == 403


@pytest.mark.usefixtures("seeded")
def test_the_sidebar_shows_what_the_person_may_see() -> None:
    page = person("view_transaction").get("/").content.decode()
    assert "/gateway/transaction/" in page
    assert "/gateway/quarantinedcopy/" not in page
    assert "/publish/" not in page


@pytest.mark.usefixtures("seeded")
def test_the_dashboard_counts_the_last_day_and_says_what_needs_a_person(admin: Client) -> None:
    page = admin.get("/")
    assert page.context["total"] == Transaction.objects.count() == 13
    tiles = {tile.word: tile.count for tile in page.context["tiles"]}
    assert tiles["quarantined"] == Transaction.objects.filter(disposition="quarantined").count() > 0
    assert sum(bar.count for bar in page.context["bars"]) == 13
    text = page.content.decode()
    assert "2 open alarms" in text
    assert "no virus signatures" in text


def test_the_banner_is_gone_once_there_are_signatures(admin: Client, seeded: Path) -> None:
    (seeded / "status/clamd.json").write_text('{"protection": "full", "detail": "Signatures of the system."}')
    assert "No virus protection" not in admin.get("/").content.decode()


@pytest.mark.usefixtures("seeded")
def test_every_page_says_loudly_that_there_is_no_virus_protection(admin: Client) -> None:
    assert "No virus protection" in admin.get("/gateway/domain/").content.decode()


@pytest.mark.usefixtures("seeded")
def test_the_health_page_tells_the_revision_that_each_process_applies(admin: Client) -> None:
    text = admin.get("/health/").content.decode()
    assert "smtpd 0" in text
    assert "not 2" in text
    assert "SQLite" in text or "PostgreSQL" in text


@pytest.mark.usefixtures("seeded")
def test_an_alarm_is_cleared_by_post_and_only_with_permission(admin: Client) -> None:
    alarm = admin.get("/gateway/alarm/").context["cl"].result_list[0]
    form = {"action": "clear_alarms", "_selected_action": alarm.pk}
    person("view_alarm").post("/gateway/alarm/", form)
    alarm.refresh_from_db()
    assert alarm.cleared is None
    admin.post("/gateway/alarm/", form)
    alarm.refresh_from_db()
    assert alarm.cleared is not None


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("model", ["transaction", "quarantinedcopy", "policyrevision", "auditentry", "alarm"])
def test_records_can_not_be_edited_or_removed_even_by_the_administrator(admin: Client, model: str) -> None:
    row = admin.get(f"/gateway/{model}/").context["cl"].result_list[0]
    assert admin.get(f"/gateway/{model}/add/").status_code == 403
    assert admin.post(reverse(f"admin:gateway_{model}_delete", args=[row.pk])).status_code == 403
    admin.post(f"/gateway/{model}/", {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    assert type(row).objects.filter(pk=row.pk).exists()


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("url", ["/publish/", "/gateway/quarantinedcopy/", "/gateway/domain/add/"])
def test_a_post_without_the_token_is_refused(url: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="admin"))
    before = (Domain.objects.count(), QuarantinedCopy.objects.filter(state="quarantined").count())
    form = {"action": "delete_copies", "confirmed": "yes", "_selected_action": a_copy().pk}
    assert client.post(url, form).status_code == 403
    assert (Domain.objects.count(), QuarantinedCopy.objects.filter(state="quarantined").count()) == before
