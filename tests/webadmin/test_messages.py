"""The list of messages, and the page of one."""

import pytest
from django.test import Client

from gateway.models import PolicyRevision, QuarantinedCopy, Transaction
from tests.webadmin.people import person

pytestmark = pytest.mark.usefixtures("seeded")


def page_of(admin: Client, **wanted: str) -> str:
    row = Transaction.objects.filter(**wanted)[0]
    return admin.get(f"/messages/{row.pk}/", follow=True).content.decode()


def listed(admin: Client, query: str) -> list[Transaction]:
    return list(admin.get(f"/gateway/transaction/?{query}").context["cl"].result_list)


@pytest.mark.parametrize("word", ["delivered", "quarantined", "rejected", "deferred", "mixed", "abandoned"])
def test_the_list_is_filtered_by_disposition(admin: Client, word: str) -> None:
    found = listed(admin, f"disposition={word}")
    assert {row.disposition for row in found} == {word}


def test_refused_ones_are_a_filter_of_their_own(admin: Client) -> None:
    assert {row.disposition for row in listed(admin, "disposition=refused")} == {"rejected", "deferred"}


def test_the_list_is_filtered_by_listener_client_and_time(admin: Client) -> None:
    assert {row.account for row in listed(admin, "listener=outbound")} == {"printer"}
    assert {row.client_ip for row in listed(admin, "client_ip__icontains=10.0.0.")} == {"10.0.0.17"}
    assert len(listed(admin, "since=168")) == 13
    Transaction.objects.update(started="2026-01-01T00:00:00Z")
    assert listed(admin, "since=24") == []


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("started_from_0=2025-12-31&started_from_1=00:00&started_to_0=2026-01-02&started_to_1=00:00", 13),
        ("started_from_0=2026-01-01&started_from_1=12:00:01", 0),
        ("started_to_0=2026-01-01&started_to_1=11:59:59", 0),
        ("started_from_0=2026-01-01&started_to_0=2026-01-01", 13),
        ("started_from_0=yesterday&started_from_1=noon", 13),
    ],
)
def test_the_list_is_filtered_by_a_span_of_time_in_utc(admin: Client, query: str, count: int) -> None:
    Transaction.objects.update(started="2026-01-01T12:00:00Z")
    assert len(listed(admin, query)) == count


@pytest.mark.parametrize("words", ["strict@example.test", "support@bulk.example", "MAILBOX"])
def test_sender_recipient_and_subject_are_searched(admin: Client, words: str) -> None:
    found = listed(admin, f"q={words}")
    assert 0 < len(found) < 13
    assert len({row.pk for row in found}) == len(found)


def test_the_short_address_leads_to_the_page(admin: Client) -> None:
    row = Transaction.objects.all()[0]
    response = admin.get(f"/messages/{row.pk}/")
    assert response.status_code == 302
    assert admin.get(response.headers["Location"]).status_code == 200


def test_checks_with_nothing_to_say_are_folded_below_what_was_found(admin: Client) -> None:
    row = Transaction.objects.get(disposition="mixed")
    page = admin.get(f"/messages/{row.pk}/", follow=True).content.decode()
    found, _, folded = page.partition("checks with nothing to say")
    assert "MISSING_MESSAGE_ID" in found
    assert "line_ends" not in found
    assert "line_ends" in folded


def test_a_message_that_is_not_there_yet_is_a_page_that_says_so(admin: Client) -> None:
    response = admin.get("/messages/absent-1/")
    assert response.status_code == 404
    assert "There is no message" in response.content.decode()


def test_the_page_tells_why_in_one_sentence(admin: Client) -> None:
    page = page_of(admin, disposition="rejected", subject="Invoice 2026-11")
    assert "Rejected, because clamav found VIRUS (Eicar-Test-Signature.UNOFFICIAL)." in page
    assert "550 5.7.1 message contains a virus" in page


def test_the_page_tells_the_next_hops_own_words(admin: Client) -> None:
    assert "250 2.0.0 Ok: queued as 4D3F2" in page_of(admin, disposition="delivered", listener="inbound")


def test_each_recipient_has_a_decision_of_its_own_and_a_link_to_its_quarantined_copy(admin: Client) -> None:
    page = page_of(admin, disposition="mixed")
    copy = QuarantinedCopy.objects.get(message=Transaction.objects.get(disposition="mixed").pk)
    assert f"/gateway/quarantinedcopy/{copy.pk}/change/" in page
    assert "the score 6.5 reaches 6.0 (quarantine)" in page
    assert "nothing speaks against it" in page


def test_findings_stand_with_their_cost_and_what_failed(admin: Client) -> None:
    page = page_of(admin, disposition="deferred")
    assert "60.00 s" in page
    assert "no answer within 60 s" in page
    assert "MISSING_MESSAGE_ID" in page


def test_the_null_sender_is_no_missing_one(admin: Client) -> None:
    assert "&lt;&gt; (null sender)" in page_of(admin, sender="")
    assert "no MAIL accepted" in page_of(admin, sender__isnull=True)


def test_what_a_message_says_is_never_markup(admin: Client) -> None:
    row = Transaction.objects.filter(disposition="delivered")[0]
    row.subject = "<script>alert(1)</script>"
    row.trace["events"][0]["what"] = "<img src=x onerror=alert(1)>"
    row.save()
    for url in ("/", "/gateway/transaction/", f"/gateway/transaction/{row.pk}/change/"):
        page = admin.get(url).content.decode()
        assert "<script>alert(1)" not in page
        assert "<img src=x" not in page


def test_a_trace_that_this_version_can_not_read_is_shown_raw(admin: Client) -> None:
    row = Transaction.objects.all()[0]
    row.trace = {"from": "the future"}
    row.save()
    page = admin.get(f"/gateway/transaction/{row.pk}/change/").content.decode()
    assert "can't be shown in full" in page
    assert "the future" in page


def test_links_to_what_a_person_may_not_see_are_left_out() -> None:
    client = person("view_transaction")
    row = Transaction.objects.get(disposition="mixed")
    page = client.get(f"/gateway/transaction/{row.pk}/change/").content.decode()
    assert "/gateway/quarantinedcopy/" not in page
    assert PolicyRevision.objects.exists()
    assert "/gateway/policyrevision/" not in page
