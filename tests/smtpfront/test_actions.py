"""Redirect and blind copies through the real SMTP front: what the next hop gets, and what is kept for others."""

from collections.abc import Iterator

import msgspec
import pytest

from gateway.mail.decisions import Action, Disposition
from gateway.policy import defaults
from gateway.policy.snapshot import DomainPolicy, RecipientPolicy, Rules, Snapshot, Thresholds
from gateway.spool.item import Item, Purpose
from gateway.spool.quarantine import Quarantine
from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import FORWARDER, Gateway, mail, snapshot, spam

SIXES = Thresholds(tag=5.0, redirect=5.5, quarantine=8.0)  # what spam("tagged") scores lies between
REDIRECTS = Rules(SIXES, defaults.CHECKS, redirect_to="spam@copies.test")
ARCHIVE = "archive@copies.test"


def policy(next_hop: int, **changes: object) -> Snapshot:
    """A domain whose spam is redirected, one that only observes, and one of which all is copied."""
    people = {name: RecipientPolicy() for name in ("kim", "lee", "full", "dotbad", "dotfull", "spam")}
    domains = {
        "redirects.test": DomainPolicy("inner", REDIRECTS, people),
        "observes.test": DomainPolicy("inner", msgspec.structs.replace(REDIRECTS, observe=True), people),
        "copies.test": DomainPolicy(
            "inner",
            Rules(checks=defaults.CHECKS, copy_to=(ARCHIVE, "kim@copies.test")),
            {**people, "archive": RecipientPolicy()},
        ),
    }
    return msgspec.structs.replace(snapshot(next_hop), domains=domains, **changes)


@pytest.fixture
def gateway(hop: NextHop, serve: Serve) -> Gateway:
    return serve(policy(hop.port))


def sent(gateway: Gateway, content: bytes, *recipients: str, source: str = "127.0.0.1") -> str:
    """Send a message; gives the reply to the final dot."""
    with gateway.client(source=source) as client:
        assert all(reply.startswith("250") for reply in client.open("them@other.test", *recipients))
        return client.data(content)


def kept(gateway: Gateway) -> Iterator[Item]:
    quarantine = Quarantine(gateway.home / "spool")
    for message in quarantine.ids():
        item, content = quarantine.read(message)
        assert content.size == item.size
        yield item


def test_what_is_redirected_is_on_disk_before_its_250_and_the_next_hop_gets_nothing(
    gateway: Gateway, hop: NextHop
) -> None:
    reply = sent(gateway, spam("tagged"), "kim@redirects.test")

    assert reply.startswith("250")
    (item,) = kept(gateway)
    (copy,) = item.copies
    assert (copy.recipient, copy.route, copy.purpose) == ("spam@copies.test", "inner", Purpose.REDIRECT)
    assert copy.instead_of == "kim@redirects.test"
    assert hop.kept == []
    trace = gateway.trace_of(reply)
    assert (trace.disposition, trace.copies) == ("redirected", item.copies)
    assert trace.because.startswith("the score 6.0")
    assert trace.because.endswith("reaches 5.5 (redirect)")


def test_two_who_are_redirected_alike_make_one_copy_and_no_copy_is_copied(gateway: Gateway) -> None:
    sent(gateway, spam("tagged"), "kim@redirects.test", "lee@redirects.test")

    (item,) = kept(gateway)
    assert [(each.recipient, each.instead_of) for each in item.copies] == [
        ("spam@copies.test", "kim@redirects.test, lee@redirects.test")
    ]


def test_a_domain_that_only_observes_redirects_nothing(gateway: Gateway, hop: NextHop) -> None:
    reply = sent(gateway, spam("tagged"), "kim@observes.test")

    assert [each.recipients for each in hop.kept] == [["kim@observes.test"]]
    assert list(kept(gateway)) == []
    (decided,) = gateway.trace_of(reply).recipients
    assert decided.decision is not None
    assert (decided.decision.action, decided.decision.observed) == (Action.DELIVER, Action.REDIRECT)


def test_a_trusted_forwarder_may_bring_what_is_redirected(gateway: Gateway) -> None:
    assert sent(gateway, spam("tagged"), "kim@redirects.test", source=FORWARDER).startswith("250")
    assert [each.copies[0].purpose for each in kept(gateway)] == [Purpose.REDIRECT]


def test_a_blind_copy_is_kept_for_those_who_did_not_get_the_message_and_does_not_show(
    gateway: Gateway, hop: NextHop
) -> None:
    reply = sent(gateway, mail(), "lee@copies.test", "spam@copies.test")

    assert reply.startswith("250")
    (delivered,) = hop.kept
    assert delivered.recipients == ["lee@copies.test", "spam@copies.test"]
    assert b"archive" not in delivered.content
    assert delivered.content.endswith(mail())
    (item,) = kept(gateway)
    assert [(each.recipient, each.purpose, each.instead_of) for each in item.copies] == [
        (ARCHIVE, Purpose.COPY, "lee@copies.test, spam@copies.test"),
        ("kim@copies.test", Purpose.COPY, "lee@copies.test, spam@copies.test"),
    ]
    trace = gateway.trace_of(reply)
    assert (trace.disposition, trace.copies) == ("delivered", item.copies)


def test_who_gets_the_message_anyway_gets_no_copy_of_it(gateway: Gateway) -> None:
    sent(gateway, mail(), "kim@copies.test", "archive@copies.test")
    assert list(kept(gateway)) == []


@pytest.mark.parametrize("who", ["dotbad", "dotfull"])
def test_what_the_next_hop_refuses_leaves_no_copy_behind(gateway: Gateway, hop: NextHop, who: str) -> None:
    hop.script.dot = {"dotfull": "452 4.3.1 disk full", "dotbad": "554 5.7.1 spam"}

    assert sent(gateway, mail(), f"{who}@copies.test")[0] in "45"

    assert list(kept(gateway)) == []
    assert gateway.staged() == []


def test_what_is_quarantined_is_not_copied(hop: NextHop, serve: Serve) -> None:
    made = policy(hop.port)
    strict = msgspec.structs.replace(made.domains["copies.test"].rules, thresholds=Thresholds(5, 5, 15))
    domain = msgspec.structs.replace(made.domains["copies.test"], rules=strict)
    gateway = serve(msgspec.structs.replace(made, domains={**made.domains, "copies.test": domain}))

    sent(gateway, spam("tagged"), "lee@copies.test")

    assert [each.purpose for item in kept(gateway) for each in item.copies] == [Purpose.REVIEW]


@pytest.mark.parametrize(
    ("recipient", "content"), [("kim@redirects.test", spam("tagged")), ("lee@copies.test", mail())]
)
def test_a_full_quarantine_defers_what_asks_for_a_copy(
    hop: NextHop, serve: Serve, recipient: str, content: bytes
) -> None:
    gateway = serve(policy(hop.port), BACKSTOP_RETENTION__QUARANTINE_BYTES="10")

    assert sent(gateway, content, recipient).startswith("452 4.3.1")

    assert hop.kept == []
    assert any("quarantine is full" in alarm for alarm in gateway.alarms())


def test_a_retry_of_what_was_redirected_is_not_redirected_again(gateway: Gateway) -> None:
    first = sent(gateway, spam("tagged"), "kim@redirects.test")
    (item,) = kept(gateway)
    gateway.stop()
    gateway.start()

    again = sent(gateway, spam("tagged"), "kim@redirects.test")

    assert again.startswith("250 2.0.0 accepted before")
    assert [each.id for each in kept(gateway)] == [item.id]
    trace = gateway.trace_of(again)
    assert first.split("id ")[1].strip() in trace.because
    assert trace.recipients[0].disposition is Disposition.REDIRECTED


@pytest.mark.parametrize("recipient", ["kim@redirects.test", "lee@copies.test"])
def test_the_same_octets_again_are_no_retry_once_the_client_has_read_our_answer(
    gateway: Gateway, recipient: str
) -> None:
    # A device that reports without a date sends the same octets each time.
    for _ in range(2):
        with gateway.client() as client:
            client.open("them@other.test", recipient)
            assert client.data(spam("tagged")).startswith("250 2.0.0 accepted, id ")
            assert client.say("QUIT").startswith("221")

    assert len(list(kept(gateway))) == 2


def test_a_confirmed_retry_is_the_last(gateway: Gateway) -> None:
    def quitting() -> str:
        with gateway.client() as client:
            client.open("them@other.test", "kim@redirects.test")
            reply = client.data(spam("tagged"))
            client.say("QUIT")
        return reply

    sent(gateway, spam("tagged"), "kim@redirects.test")

    assert quitting().startswith("250 2.0.0 accepted before")
    assert quitting().startswith("250 2.0.0 accepted, id ")


def test_copies_of_what_leaves_go_to_our_own(hop: NextHop, serve: Serve) -> None:
    made = policy(hop.port)
    rules = msgspec.structs.replace(made.outbound.rules, copy_to=(ARCHIVE,))
    gateway = serve(msgspec.structs.replace(made, outbound=msgspec.structs.replace(made.outbound, rules=rules)))
    with gateway.client("outbound") as client:
        client.open("kim@redirects.test", "stranger@elsewhere.example")
        assert client.data(mail()).startswith("250")

    (item,) = kept(gateway)
    assert [(each.recipient, each.instead_of) for each in item.copies] == [(ARCHIVE, "stranger@elsewhere.example")]


def test_who_refuses_what_others_take_has_it_dropped_above_the_line_only_and_on_record(
    hop: NextHop, serve: Serve
) -> None:
    refuses = RecipientPolicy(rules=Rules(Thresholds(5, 5, 5), defaults.CHECKS))
    drops = RecipientPolicy(rules=Rules(Thresholds(5, 5, 5, drop=5.5), defaults.CHECKS))
    people = {"kim": RecipientPolicy(), "refuses": refuses, "drops": drops}
    domain = DomainPolicy("inner", Rules(checks=defaults.CHECKS), people)
    gateway = serve(msgspec.structs.replace(snapshot(hop.port), domains={"mixed.test": domain}))

    reply = sent(gateway, spam("tagged"), "kim@mixed.test", "refuses@mixed.test", "drops@mixed.test")

    assert reply.startswith("250")
    assert [each.disposition for each in gateway.trace_of(reply).recipients] == ["delivered", "quarantined", "dropped"]
    assert [copy.recipient for item in kept(gateway) for copy in item.copies] == ["refuses@mixed.test"]
