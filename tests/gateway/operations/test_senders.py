"""Putting a sender on a list: of the node, a domain or a recipient, with an audit entry."""

import pytest

from gateway.models import AuditEntry, Domain, Recipient, Route, SenderEntry
from gateway.operations.senders import SenderError, entries_of, list_sender
from gateway.policy.sender_lists import Scope
from gateway.policy.snapshot import ListVerdict

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ALLOW, BLOCK = ListVerdict.ALLOW, ListVerdict.BLOCK


@pytest.fixture(autouse=True)
def ours(db: None) -> Domain:  # noqa: ARG001 - the domain is a row
    """A domain of ours with two recipients, one of them an alias."""
    domain = Domain.objects.create(name="example.test", route=Route.objects.create(name="inner"))
    Recipient.objects.create(domain=domain, local_part="alice")
    Recipient.objects.create(domain=domain, local_part="ann", alias="alice@example.test")
    return domain


def last() -> tuple[str, str, str, str]:
    row = AuditEntry.objects.latest("id")
    return row.who, row.verb, row.target, row.detail


def test_a_sender_is_listed_for_all_mail_in_its_plain_form() -> None:
    row = list_sender(" *@Shop.Example ", BLOCK, Scope.NODE, "", who="admin", comment="of message 1")
    assert (row.who, row.verdict, row.domain, row.recipient) == ("shop.example", "block", None, None)
    assert last() == ("admin", "block sender", "shop.example for the node", "of message 1")


def test_a_sender_is_listed_for_a_domain(ours: Domain) -> None:
    assert list_sender("news@shop.example", ALLOW, Scope.DOMAIN, "example.test", who="admin").domain == ours


@pytest.mark.parametrize(
    "address",
    ["alice@example.test", "Alice+shop@Example.test", "ann@example.test", "prvs=1234abcdef=alice@example.test"],
)
def test_a_sender_is_listed_for_whom_the_mail_is_for(address: str) -> None:
    row = list_sender("news@shop.example", ALLOW, Scope.RECIPIENT, address, who="admin")
    assert str(row.recipient) == "alice@example.test"


def test_an_entry_that_stands_there_is_changed_and_not_doubled() -> None:
    list_sender("shop.example", ALLOW, Scope.NODE, "", who="admin", comment="a friend")
    list_sender("shop.example", BLOCK, Scope.NODE, "", who="admin")
    assert [(row.verdict, row.comment) for row in SenderEntry.objects.all()] == [("block", "a friend")]
    assert last()[3] == "it was allow"


@pytest.mark.parametrize(
    ("entry", "scope", "of", "words"),
    [
        ("nonsense", Scope.NODE, "", "is no sender; write user@example.org"),
        ("shop.example", Scope.DOMAIN, "other.test", "other.test is no domain of ours"),
        ("shop.example", Scope.RECIPIENT, "bob@example.test", "is not on the list of recipients; add it"),
        ("shop.example", Scope.RECIPIENT, "bob@other.test", "is not on the list of recipients; add it"),
        ("shop.example", Scope.RECIPIENT, "", "is not on the list of recipients; add it"),
    ],
)
def test_what_can_not_be_listed_is_refused_in_words(entry: str, scope: Scope, of: str, words: str) -> None:
    with pytest.raises(SenderError, match=words):
        list_sender(entry, BLOCK, scope, of, who="admin")
    assert not SenderEntry.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_message_offers_what_its_sender_can_be_listed_by() -> None:
    assert entries_of("prvs=1234abcdef=News@Shop.Example", '"Shop" <sales@mail.shop.example>', "192.0.2.1") == [
        "news@shop.example",
        "sales@mail.shop.example",
        "shop.example",
        "mail.shop.example",
        "192.0.2.1/32",
    ]
    assert entries_of("", "undisclosed", "2001:db8::1") == ["2001:db8::1/128"]
    assert entries_of("x", "<" * 50, "") == []
