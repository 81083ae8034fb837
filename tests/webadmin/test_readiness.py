"""The page of readiness, the evidence on a message's page, and what a report of theirs does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client

from gateway.models import AuditEntry, CheckSetting, Domain, DomainStage, JudgedBounce, QuarantinedCopy, Transaction
from gateway.operations import keys, publish
from gateway.operations.learning import readiness, stages
from gateway.policy.learned import Stage
from tests.webadmin import seed
from tests.webadmin.people import person

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture
def forged(seeded: Path) -> Transaction:
    """A forged bounce that was quarantined, and that was learned from."""
    return seed.forged(seeded)


@pytest.fixture
def guided(seeded: Path) -> Domain:  # noqa: ARG001 - the home is there
    """A domain that has marked all its mail for 40 days, and waits for its first move."""
    keys.make_key("admin")
    keys.make_seal("admin")
    domain = Domain.objects.get(name="example.test")
    domain.marks_since = datetime.now(UTC).date() - timedelta(days=40)
    domain.save()
    publish.publish_policy("admin")
    return domain


def move() -> None:
    snapshot = readiness.in_force()
    assert snapshot is not None
    stages.move_all(snapshot, datetime.now(UTC))


def report(client: Client, row: JudgedBounce, do: str = "mine") -> int:
    answer = client.post(f"/messages/{row.transaction_id}/mine/", {"recipient": row.recipient, "do": do})
    return answer.status_code


def test_a_messages_page_shows_each_piece_of_evidence_the_strongest_first(admin: Client, forged: Transaction) -> None:
    page = admin.get(f"/gateway/transaction/{forged.pk}/change/").content.decode()

    assert "Answers mail of ours?" in page
    assert page.index('bs-danger">against') < page.index('bs-plain">neutral')
    assert "The recipient&#x27;s tag is not of our making" in page
    assert "example.test is guided, and at stage quarantine" in page
    assert "This was mine" in page


def test_the_page_of_its_copy_in_quarantine_shows_the_same(admin: Client, forged: Transaction) -> None:
    copy = QuarantinedCopy.objects.get(message=forged.pk)
    page = admin.get(f"/gateway/quarantinedcopy/{copy.pk}/change/").content.decode()
    assert "Answers mail of ours?" in page
    assert "This was mine" in page
    assert "Release…" in page


def test_ordinary_mail_has_no_verdict(admin: Client) -> None:
    message = Transaction.objects.get(disposition="mixed")
    assert "Answers mail of ours?" not in admin.get(f"/gateway/transaction/{message.pk}/change/").content.decode()


def test_this_was_mine_is_noted_and_can_be_taken_back(admin: Client, forged: Transaction, guided: Domain) -> None:
    move()
    row = JudgedBounce.objects.get(transaction=forged)
    assert DomainStage.objects.get(domain=guided.name).stage == Stage.QUARANTINE

    assert report(admin, row) == 302

    row.refresh_from_db()
    assert row.mine is not None
    assert DomainStage.objects.get(domain=guided.name).stage == Stage.OBSERVE
    assert AuditEntry.objects.filter(who="admin", verb="this was mine").exists()
    assert "take the report back" in admin.get(f"/gateway/transaction/{forged.pk}/change/").content.decode()

    report(admin, row, "take back")
    row.refresh_from_db()
    assert row.mine is None


def test_a_report_needs_a_permission_and_a_post(admin: Client, forged: Transaction) -> None:
    row = JudgedBounce.objects.get(transaction=forged)
    assert admin.get(f"/messages/{forged.pk}/mine/").status_code == 405
    onlooker = person("view_transaction", "view_quarantinedcopy")
    assert report(onlooker, row) == 403
    assert "This was mine" not in onlooker.get(f"/gateway/transaction/{forged.pk}/change/").content.decode()
    row.refresh_from_db()
    assert row.mine is None


def test_a_report_is_refused_without_its_token(forged: Transaction, django_user_model: type) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(django_user_model.objects.get(username="admin"))  # type: ignore[attr-defined]
    assert report(strict, JudgedBounce.objects.get(transaction=forged)) == 403


def test_a_report_leads_back_to_where_it_was_made_and_nowhere_else(admin: Client, forged: Transaction) -> None:
    for to, where in (("/readiness/", "/readiness/"), ("https://evil.test/", f"/messages/{forged.pk}/")):
        answer = admin.post(f"/messages/{forged.pk}/mine/", {"recipient": "bob@example.test", "next": to})
        assert answer.headers["Location"] == where


def test_the_page_shows_stage_next_move_and_what_is_in_the_way(admin: Client) -> None:
    page = admin.get("/readiness/").content.decode()
    assert "Quarantine has no date yet" in page
    assert "Not all its mail is known to leave here, marked" in page
    assert "Make a key on the page Marking, and publish." in page


def test_the_figures_lead_to_their_messages(admin: Client, forged: Transaction, guided: Domain) -> None:
    page = admin.get("/readiness/").content.decode()
    assert f"/readiness/{guided.name}/refusable/" in page
    assert forged.pk in admin.get(f"/readiness/{guided.name}/refusable/").content.decode()
    assert forged.pk not in admin.get(f"/readiness/{guided.name}/proven/").content.decode()
    assert admin.get(f"/readiness/{guided.name}/nothing/").status_code == 404


def test_the_day_is_set_and_waits_for_a_publish(admin: Client, guided: Domain) -> None:
    admin.post("/readiness/", {"do": "day", "domain": guided.name, "switch_on": "2031-01-02"})
    guided.refresh_from_db()
    assert str(guided.switch_on) == "2031-01-02"
    assert "edits wait for publish" in admin.get("/readiness/").content.decode()

    publish.publish_policy("admin")
    assert "Quarantine on 2031-01-02 at the earliest" in admin.get("/readiness/").content.decode()


def test_what_is_no_day_changes_nothing(admin: Client, guided: Domain) -> None:
    page = admin.post("/readiness/", {"do": "day", "domain": guided.name, "switch_on": "soon"}, follow=True)
    assert "is no day; write it as 2026-11-21" in page.content.decode()
    guided.refresh_from_db()
    assert guided.switch_on is None


def test_a_domain_is_put_back_by_hand(admin: Client, guided: Domain) -> None:
    move()
    admin.post("/readiness/", {"do": "back", "domain": guided.name})
    row = DomainStage.objects.get(domain=guided.name)
    assert (row.stage, row.because) == (Stage.OBSERVE, "put back by hand")
    assert AuditEntry.objects.filter(who="admin", verb="stage").exists()


def test_who_may_only_look_changes_nothing(guided: Domain) -> None:
    onlooker = person("view_domain")
    page = onlooker.get("/readiness/").content.decode()
    assert "Set the day" not in page
    assert onlooker.post("/readiness/", {"do": "back", "domain": guided.name}).status_code == 403
    assert onlooker.get(f"/readiness/{guided.name}/judged/").status_code == 403


def test_who_may_not_see_domains_does_not_see_the_page() -> None:
    nobody = person("view_transaction")
    assert nobody.get("/readiness/").status_code == 403
    assert "/readiness/" not in nobody.get("/").content.decode()


def test_the_dashboard_tells_how_many_are_at_which_stage(admin: Client, guided: Domain) -> None:  # noqa: ARG001 - it is guided
    move()
    assert "1 at quarantine" in admin.get("/").content.decode()


def test_a_guided_domain_takes_no_setting_of_its_own_for_forged_bounces(admin: Client) -> None:
    domain = Domain.objects.get(name="example.test")
    form = {
        "name": domain.name,
        "route": domain.route_id,
        "guided": "on",
        "recipients-TOTAL_FORMS": 0,
        "recipients-INITIAL_FORMS": 0,
        "checks-TOTAL_FORMS": 1,
        "checks-INITIAL_FORMS": 0,
        "checks-0-check_name": "forged_bounce",
        "checks-0-mode": "enforce",
        "checks-0-action": "reject",
        "checks-0-on_failure": "defer",
    }
    page = admin.post(f"/gateway/domain/{domain.pk}/change/", form)
    assert page.status_code == 200
    assert "mode and action of forged_bounce would say nothing; leave them, or set guided off" in page.content.decode()
    assert not CheckSetting.objects.filter(check_name="forged_bounce").exists()

    del form["guided"]
    assert admin.post(f"/gateway/domain/{domain.pk}/change/", form).status_code == 302
    assert CheckSetting.objects.filter(check_name="forged_bounce").exists()
