"""Quarantined copies are looked at safely, released and deleted by POST, and only by whom it is allowed."""

from pathlib import Path

import pytest
from django.test import Client

from gateway.models import AuditEntry, QuarantinedCopy, Transaction
from gateway.spool.quarantine import Quarantine
from tests.webadmin.people import a_copy, person
from webadmin.quarantine.admin import PREVIEW_POLICY

pytestmark = pytest.mark.usefixtures("seeded")

LIST = "/gateway/quarantinedcopy/"


def form(action: str, *copies: QuarantinedCopy, confirmed: bool = True) -> dict[str, object]:
    chosen: dict[str, object] = {"action": action, "_selected_action": [copy.pk for copy in copies], "index": 0}
    return chosen | ({"confirmed": "yes"} if confirmed else {})


def state_of(copy: QuarantinedCopy) -> str:
    copy.refresh_from_db()
    return copy.state


def test_the_list_shows_what_is_in_quarantine_unless_asked_otherwise(admin: Client) -> None:
    gone = a_copy()
    QuarantinedCopy.objects.filter(pk=gone.pk).update(state="released")
    shown = set(admin.get(LIST).context["cl"].result_list)
    assert shown
    assert gone not in shown
    assert list(admin.get(f"{LIST}?state=released").context["cl"].result_list) == [gone]
    assert len(admin.get(f"{LIST}?state=all").context["cl"].result_list) == QuarantinedCopy.objects.count()


def test_a_long_reason_is_cut_in_the_list_where_one_sees_it(admin: Client) -> None:
    QuarantinedCopy.objects.filter(pk=a_copy().pk).update(because="long " * 30)
    assert f"{'long ' * 17}long…" in admin.get(LIST).content.decode()


def test_the_page_shows_text_attachments_and_headers(admin: Client) -> None:
    page = admin.get(f"{LIST}{a_copy().pk}/change/").content.decode()
    assert "your mailbox is full. Please sign in" in page
    assert "Invoice 2026-11.pdf.zip" in page
    assert "application/zip" in page
    assert f"/messages/{a_copy().message}/" in page
    assert (
        f'sandbox title="The message, sanitised" referrerpolicy="no-referrer" src="{LIST}{a_copy().pk}/preview/"'
        in page
    )


def test_the_preview_holds_nothing_active_and_nothing_from_elsewhere(admin: Client) -> None:
    page = admin.get(f"{LIST}{a_copy().pk}/preview/").content.decode()
    assert "Your mailbox is full" in page
    assert "42.00" in page
    for evil in (
        "script",
        "evil.test",
        "javascript:",
        "onload",
        "onerror",
        "<img",
        "<form",
        "<iframe",
        "href",
        "pwned",
    ):
        assert evil not in page


def test_the_preview_has_a_closed_policy_of_its_own(admin: Client) -> None:
    response = admin.get(f"{LIST}{a_copy().pk}/preview/")
    assert response.headers["Content-Security-Policy"] == PREVIEW_POLICY
    assert "default-src 'none'" in PREVIEW_POLICY
    assert "sandbox" in PREVIEW_POLICY
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_the_original_is_handed_out_byte_for_byte_as_an_attachment_and_on_record(admin: Client, seeded: Path) -> None:
    copy = a_copy()
    response = admin.get(f"{LIST}{copy.pk}/original/")
    assert b"".join(response) == Quarantine(seeded / "spool").read(copy.message)[1].read()
    assert response.headers["Content-Disposition"] == f'attachment; filename="{copy.message}.eml"'
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert AuditEntry.objects.filter(who="admin", verb="download", target=str(copy)).exists()


@pytest.mark.parametrize("view", ["preview", "original", "change"])
def test_a_message_is_shown_only_to_whom_it_is_allowed(view: str) -> None:
    url = f"{LIST}{a_copy().pk}/{view}/"
    assert person("view_transaction").get(url).status_code == 403
    assert Client().get(url).status_code == 302


@pytest.mark.parametrize("action", ["release_copies", "delete_copies"])
def test_a_person_is_asked_before_anything_is_done(admin: Client, action: str) -> None:
    copy = a_copy()
    page = admin.post(LIST, form(action, copy, confirmed=False))
    assert page.status_code == 200
    assert copy.recipient in page.content.decode()
    assert state_of(copy) == "quarantined"


def test_release_asks_a_worker_to_deliver(
    admin: Client, rung: list[int], django_capture_on_commit_callbacks: object
) -> None:
    copy = a_copy()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        admin.post(LIST, form("release_copies", copy))
    assert state_of(copy) == "releasing"
    assert rung == [copy.pk]
    assert AuditEntry.objects.filter(who="admin", verb="release", target=str(copy)).exists()


def test_many_are_deleted_at_once_and_their_bytes_go(admin: Client, seeded: Path) -> None:
    copies = list(QuarantinedCopy.objects.filter(state="quarantined"))
    assert len(copies) > 1
    admin.post(LIST, form("delete_copies", *copies))
    assert {state_of(copy) for copy in copies} == {"deleted"}
    assert list(Quarantine(seeded / "spool").ids()) == []


def test_what_is_gone_is_told_and_not_shown(admin: Client) -> None:
    copy = a_copy()
    admin.post(LIST, form("delete_copies", copy))
    page = admin.get(f"{LIST}{copy.pk}/change/").content.decode()
    assert "not kept any more" in page
    assert "Release…" not in page


def test_a_get_never_releases_or_deletes(admin: Client) -> None:
    copy = a_copy()
    admin.get(LIST, form("delete_copies", copy))
    admin.get(LIST, form("release_copies", copy))
    assert state_of(copy) == "quarantined"


@pytest.mark.parametrize(
    ("permission", "action", "state"),
    [
        ("view_quarantinedcopy", "release_copies", "quarantined"),
        ("view_quarantinedcopy", "delete_copies", "quarantined"),
        ("change_quarantinedcopy", "delete_copies", "quarantined"),
        ("change_quarantinedcopy", "release_copies", "releasing"),
        ("delete_quarantinedcopy", "delete_copies", "deleted"),
    ],
)
def test_release_and_delete_are_permissions_of_their_own(permission: str, action: str, state: str) -> None:
    copy = a_copy()
    person("view_quarantinedcopy", permission).post(LIST, form(action, copy))
    assert state_of(copy) == state


def test_bytes_that_can_not_be_read_are_told_with_the_remedy(admin: Client, seeded: Path) -> None:
    copy = a_copy()
    Quarantine(seeded / "spool").delete(copy.message)
    page = admin.get(f"{LIST}{copy.pk}/change/")
    assert page.status_code == 200
    assert "removed by something else" in page.content.decode()
    assert admin.get(f"{LIST}{copy.pk}/preview/").status_code == 404
    assert admin.get(f"{LIST}{copy.pk}/original/").status_code == 404


def test_what_leaves_by_itself_is_not_in_the_list_to_review_and_can_be_filtered(admin: Client) -> None:
    leaving, original = QuarantinedCopy.objects.all()[:2]
    QuarantinedCopy.objects.filter(pk=leaving.pk).update(purpose="copy", state="releasing")
    QuarantinedCopy.objects.filter(pk=original.pk).update(purpose="original", state="quarantined")
    shown = set(admin.get(LIST).context["cl"].result_list)
    assert leaving not in shown
    assert original in shown
    page = admin.get(f"{LIST}?state=all&purpose=copy")
    assert list(page.context["cl"].result_list) == [leaving]


@pytest.mark.parametrize(
    ("purpose", "state", "words"),
    [
        ("original", "quarantined", "Releasing this delivers it whole"),
        ("original", "released", "Then this was delivered, whole, as it came."),
        ("redirect", "releasing", "It leaves by itself, from the null sender"),
        ("copy", "failed", "The mailbox did not take it: releasing tries again"),
    ],
)
def test_the_page_says_what_a_copy_is_for(admin: Client, purpose: str, state: str, words: str) -> None:
    copy = a_copy()
    QuarantinedCopy.objects.filter(pk=copy.pk).update(purpose=purpose, state=state)
    assert words in admin.get(f"{LIST}{copy.pk}/change/").content.decode()
    assert Transaction.objects.filter(pk=copy.message).exists()
    if purpose != "original":
        page = admin.get(f"/messages/{copy.message}/", follow=True).content.decode()
        assert "To other mailboxes" in page
        assert copy.recipient in page
