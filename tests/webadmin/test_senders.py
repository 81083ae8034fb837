"""The form on the pages of a message and of its copy that allows or blocks the sender."""

import pytest
from django.test import Client

from gateway.models import AuditEntry, SenderEntry, Transaction
from tests.webadmin.people import a_copy, person

pytestmark = [pytest.mark.usefixtures("seeded"), pytest.mark.database]


def a_message() -> Transaction:
    """Give a transaction that came in from somebody."""
    return Transaction.objects.filter(disposition="mixed")[0]


def test_a_messages_page_offers_its_sender_for_recipient_domain_and_all_mail(admin: Client) -> None:
    message = a_message()
    page = admin.get(f"/gateway/transaction/{message.pk}/change/").content.decode()
    assert f"<option>{message.sender}</option>" in page
    assert '<option value="node">all mail</option>' in page
    assert '<option value="domain example.test">' in page
    assert "Block this sender" in page


def test_the_page_of_a_copy_offers_it_too(admin: Client) -> None:
    copy = a_copy()
    page = admin.get(f"/gateway/quarantinedcopy/{copy.pk}/change/").content.decode()
    assert "Allow this sender" in page
    assert f'<option value="recipient {copy.recipient}">' in page


def test_a_sender_is_blocked_and_the_page_says_what_is_left_to_do(admin: Client) -> None:
    message = a_message()
    asked = {"entry": message.sender, "list": "domain example.test", "verdict": "block"}
    answer = admin.post(f"/messages/{message.pk}/sender/", asked, follow=True)

    row = SenderEntry.objects.latest("id")
    assert (row.who, row.verdict, str(row.domain)) == (message.sender, "block", "example.test")
    assert row.comment == f"of message {message.pk}"
    assert AuditEntry.objects.latest("id").verb == "block sender"
    assert "it holds once you publish" in answer.content.decode()


@pytest.mark.parametrize(
    "asked",
    [
        {"entry": "shop.example", "list": "domain nowhere.test", "verdict": "block"},
        {"entry": "shop.example", "list": "everything", "verdict": "block"},
        {"entry": "shop.example", "list": "node", "verdict": "maybe"},
        {"entry": "<script>", "list": "node", "verdict": "block"},
        {},
    ],
)
def test_what_makes_no_sense_changes_nothing(admin: Client, asked: dict[str, str]) -> None:
    before = SenderEntry.objects.count()
    assert admin.post(f"/messages/{a_message().pk}/sender/", asked).status_code == 302
    assert SenderEntry.objects.count() == before


def test_who_may_only_look_is_offered_nothing_and_may_do_nothing() -> None:
    client = person("view_transaction")
    message = a_message()
    assert "this sender" not in client.get(f"/gateway/transaction/{message.pk}/change/").content.decode()
    asked = {"entry": "shop.example", "list": "node", "verdict": "block"}
    assert client.post(f"/messages/{message.pk}/sender/", asked).status_code == 403
    assert client.get(f"/messages/{message.pk}/sender/").status_code == 405
