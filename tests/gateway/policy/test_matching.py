"""Which part of the policy holds for whom."""

import pytest

from gateway.mail.address import Address, parse_mailbox, parse_path
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Account, DomainPolicy, Forwarder, Outbound, RecipientPolicy, Snapshot

POLICY = Policy(
    Snapshot(
        1,
        "2026-01-01T00:00:00Z",
        "test",
        domains={"example.test": DomainPolicy(route="next", recipients={"alice": RecipientPolicy()})},
        forwarders={"partner": Forwarder(("192.0.2.0/24", "2001:db8::/32"))},
        accounts={"alice": Account("account-1", ("Alice@example.test", "*@sub.test"))},
        outbound=Outbound(networks=("10.0.0.0/8",)),
        normalise_line_ends=("10.1.0.0/16",),
    )
)


def address(text: str) -> Address:
    parsed, _ = parse_path(f"<{text}>")
    assert parsed is not None
    return parsed


@pytest.mark.parametrize(
    ("recipient", "known"),
    [
        ("alice@example.test", True),
        ("ALICE@Example.TEST", True),
        ("bob@example.test", False),
        ("postmaster@example.test", True),
        ("abuse@example.test", True),
        ("postmaster", True),
    ],
)
def test_recipients_of_ours_are_looked_up_whatever_their_case(recipient: str, known: bool) -> None:
    match = POLICY.match(address(recipient))

    assert match is not None
    assert match.known is known


def test_other_domains_are_none_of_ours() -> None:
    assert POLICY.match(address("alice@elsewhere.test")) is None
    assert POLICY.match(address("alice@sub.example.test")) is None


@pytest.mark.parametrize(("ip", "name"), [("192.0.2.9", "partner"), ("2001:db8::9", "partner"), ("198.51.100.1", "")])
def test_a_forwarder_is_known_by_its_networks(ip: str, name: str) -> None:
    assert POLICY.forwarder_of(ip) == name


def test_networks_that_may_send_and_that_are_mended() -> None:
    assert POLICY.may_send_without_auth("10.9.9.9")
    assert not POLICY.may_send_without_auth("192.0.2.1")
    assert POLICY.mends_line_ends("10.1.2.3")
    assert not POLICY.mends_line_ends("10.2.2.3")


@pytest.mark.parametrize(
    ("login", "sender", "may"),
    [
        ("alice", "alice@example.test", True),
        ("alice", "anyone@sub.test", True),
        ("alice", "bob@example.test", False),
        ("mallory", "alice@example.test", False),
    ],
)
def test_an_account_sends_only_as_what_is_mapped_to_it(login: str, sender: str, may: bool) -> None:
    assert POLICY.may_send_as(login, parse_mailbox(sender)) is may
