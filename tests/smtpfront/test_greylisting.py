"""Greylisting over a real SMTP front, with a real name server: who waits, who comes back, and what is learned."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from gateway.mail.decisions import Action, Decision
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.mail.trace import RecipientTrace, Trace
from gateway.policy import defaults
from gateway.policy.snapshot import CheckRule, DomainPolicy, Greylisting, Mode, RecipientPolicy, Rules, Snapshot
from gateway.services.counters import LocalCounters
from smtpfront import greylist
from smtpfront.lab.nameserver import Records
from tests.gateway.services.dkim import signing
from tests.nameserving import serving
from tests.smtpfront.conftest import prepare
from tests.smtpfront.dialogues import dialogues, play
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, dns, mail, snapshot, until

DELAY = 0.5
ZONE: dict[str, Records | str] = {
    "shop.test": {"TXT": ['"v=spf1 ip4:127.0.5.1 ~all"'], "MX": ["10 mx.shop.test."]},
    "signs.test": {"MX": ["10 mx.signs.test."]},
    "spam.test": {"MX": ["10 mx.spam.test."]},
    "s1._domainkey.signs.test": {"TXT": [signing.record()]},
    "s1._domainkey.shop.test": {"TXT": [signing.record()]},
    "s1._domainkey.odd.test": {"TXT": [signing.record()]},  # a domain that takes no mail
    "s1._domainkey.spam.test": {"TXT": [signing.record()]},
}


def policy(next_hop: int) -> Snapshot:
    """Domains by what greylisting is good for to them."""
    people = {"kim": RecipientPolicy(), "lee": RecipientPolicy()}
    checks = defaults.CHECKS | {"greylisting": CheckRule(Mode.ENFORCE, Action.DEFER, Action.DELIVER)}
    made = snapshot(next_hop)
    domains = {
        "enforcing.test": DomainPolicy("inner", Rules(checks=checks), people),
        "observing.test": DomainPolicy("inner", Rules(checks=checks, observe=True), people),
        "example.test": made.domains["example.test"],
    }
    return msgspec.structs.replace(made, domains=domains, greylisting=Greylisting(delay=DELAY))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, module_hop: NextHop, clamd: str) -> Iterator[Gateway]:
    with (
        serving(ZONE) as server,
        Gateway(
            prepare(tmp_path_factory.mktemp("greylisting")),
            policy(module_hop.port),
            clamd,
            **dns(server),
        ) as running,
    ):
        yield running


@dialogues("greylisting")
def test_dialogue(gateway: Gateway, path: Path) -> None:
    play(gateway, path)


def told(gateway: Gateway, sender: str, source: str, recipient: str = "kim@enforcing.test") -> str:
    """What one attempt is told at RCPT."""
    with gateway.client(source=source) as client:
        return client.open(sender, recipient)[0][:9]


def brought(gateway: Gateway, sender: str, source: str, content: bytes, recipient: str = "kim@enforcing.test") -> Trace:
    """Bring a message, which is not deferred at RCPT; gives its trace."""
    with gateway.client(source=source) as client:
        assert client.open(sender, recipient)[0].startswith("250")
        return gateway.trace_of(client.data(content))


def come_back(gateway: Gateway, sender: str, source: str, recipient: str = "kim@enforcing.test") -> None:
    """Try until the first attempt is long enough ago."""
    assert told(gateway, sender, source, recipient) == "451 4.7.1"
    until("a pass", lambda: told(gateway, sender, source, recipient) == "250 2.1.5")


def test_who_comes_back_from_the_same_network_passes_for_the_domain(gateway: Gateway) -> None:
    come_back(gateway, "alice@back.test", "127.0.6.1")

    assert told(gateway, "alice@back.test", "127.0.6.2") == "250 2.1.5"
    assert told(gateway, "alice@back.test", "127.0.6.2", "lee@enforcing.test") == "250 2.1.5"
    assert told(gateway, "alice@back.test", "127.0.7.1") == "451 4.7.1"
    assert told(gateway, "bob@back.test", "127.0.6.1") == "451 4.7.1"


def test_an_unknown_recipient_leaves_no_attempt_behind(gateway: Gateway) -> None:
    with gateway.client(source="127.0.8.1") as client:
        reply = client.open("alice@try.test", "nobody@enforcing.test")[0]
        client.say("QUIT")
    seen = next(each for each in gateway.trace_of(reply).observations if each.check == "greylisting")
    with gateway.client(source="127.0.8.1") as client:
        again = client.open("alice@try.test", "nobody@enforcing.test")[0]
        client.say("QUIT")
    then = next(each for each in gateway.trace_of(again).observations if each.check == "greylisting")

    assert [each.findings[0].facts["state"] for each in (seen, then)] == ["first", "first"]


def test_the_trace_says_what_would_have_been_where_a_domain_observes(gateway: Gateway) -> None:
    trace = brought(gateway, "alice@observed.test", "127.0.9.1", mail(Message_ID="<g1@x.test>"), "kim@observing.test")

    decision = trace.recipients[0].decision
    assert decision is not None
    assert (trace.disposition, decision.observed) == ("delivered", Action.DEFER)
    assert "greylisting found GREYLISTED (the first attempt of alice@observed.test" in decision.because


def test_what_a_domain_observed_lets_nobody_into_another_one(gateway: Gateway) -> None:
    for _ in range(2):
        told(gateway, "carl@observed.test", "127.0.9.1", "kim@observing.test")

    assert told(gateway, "carl@observed.test", "127.0.9.1") == "451 4.7.1"


def test_spf_pass_is_said_to_be_why_nobody_waits(gateway: Gateway) -> None:
    trace = brought(gateway, "bob@shop.test", "127.0.5.1", mail(Message_ID="<g2@x.test>"))

    seen = next(each for each in trace.observations if each.check == "greylisting")
    assert (seen.outcome, seen.detail) == (Outcome.SKIPPED, "SPF proves the sender")


def test_whom_spf_does_not_prove_waits(gateway: Gateway) -> None:
    assert told(gateway, "bob@shop.test", "127.0.10.1") == "451 4.7.1"


def test_a_bounce_comes_through_at_its_second_attempt_and_the_next_one_waits_again(gateway: Gateway) -> None:
    def bounced(number: int) -> Trace:
        return brought(gateway, "", "127.0.11.1", mail(From="mailer-daemon@x.test", Message_ID=f"<b{number}@x.test>"))

    first = bounced(1)
    assert (first.disposition, first.reply and first.reply.code) == ("deferred", 451)
    until("a pass", lambda: bounced(1).disposition == "delivered")

    assert bounced(2).disposition == "deferred"


def test_a_signature_that_held_spares_its_domain_from_then_on(gateway: Gateway) -> None:
    come_back(gateway, "news@signs.test", "127.0.12.1")
    assert told(gateway, "ads@signs.test", "127.0.13.1") == "451 4.7.1"

    content = signing.signed(mail(From="News <news@signs.test>", Message_ID="<s1@signs.test>"), "signs.test")
    assert brought(gateway, "news@signs.test", "127.0.12.1", content).disposition == "delivered"

    assert told(gateway, "ads@signs.test", "127.0.13.1") == "250 2.1.5"
    assert told(gateway, "list@eu.signs.test", "127.0.14.1") == "250 2.1.5"


def test_a_signature_teaches_nothing_about_clients_that_spf_doubts(gateway: Gateway) -> None:
    content = signing.signed(mail(From="News <news@shop.test>", Message_ID="<s2@shop.test>"), "shop.test")
    trace = brought(gateway, "news@shop.test", "127.0.5.1", content)
    assert trace.recipients[0].decision is not None
    assert trace.recipients[0].decision.action is Action.DELIVER

    assert told(gateway, "news@shop.test", "127.0.15.1") == "451 4.7.1"


def test_a_signed_message_that_something_speaks_against_teaches_nothing(gateway: Gateway) -> None:
    come_back(gateway, "ads@spam.test", "127.0.16.1")
    gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
    content = signing.signed(mail(gtube, From="Ads <ads@spam.test>", Message_ID="<s3@spam.test>"), "spam.test")
    assert brought(gateway, "ads@spam.test", "127.0.16.1", content).disposition != "delivered"

    assert told(gateway, "more@spam.test", "127.0.17.1") == "451 4.7.1"


def test_a_signed_message_that_is_delivered_with_a_tag_teaches_nothing(gateway: Gateway) -> None:
    come_back(gateway, "ads@odd.test", "127.0.19.1")
    content = signing.signed(mail(From="Ads <ads@odd.test>", Message_ID="<s4@odd.test>"), "odd.test")
    trace = brought(gateway, "ads@odd.test", "127.0.19.1", content)
    assert trace.recipients[0].decision is not None
    assert (trace.disposition, trace.recipients[0].decision.action) == ("delivered", Action.TAG)
    signature = next(each for each in trace.observations if each.check == "dkim").findings[0]
    assert signature.facts["result"] == "pass"

    assert told(gateway, "more@odd.test", "127.0.20.1") == "451 4.7.1"


def test_of_one_network_so_many_attempts_are_noted_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greylist, "MAX_ATTEMPTS", 2)
    counters = LocalCounters()

    for number in range(3):
        facts = {"state": "first", "network": "192.0.2.0/24", "attempt": f"try-{number}"}
        seen = Observation("greylisting", Stage.RCPT, Outcome.HIT, (Finding("GREYLISTED", facts=facts),), "kim@x.test")
        about = SimpleNamespace(
            trace=SimpleNamespace(observations=[seen]),
            policy=SimpleNamespace(snapshot=policy(9)),
            front=SimpleNamespace(counters=counters),
        )
        asyncio.run(greylist.note(about, RecipientTrace("kim@x.test"), Decision(Action.DEFER, "it is new")))  # type: ignore[arg-type] # what is looked at of a transaction

    assert [counters.get(f"try-{number}") is not None for number in range(3)] == [True, True, False]


def test_mail_that_leaves_makes_its_recipient_a_known_correspondent(gateway: Gateway) -> None:
    with gateway.client("outbound") as client:
        assert client.open("kim@enforcing.test", "dave@friend.test") == ["250 2.1.5 recipient ok"]
        assert client.data(mail(From="kim@enforcing.test", Message_ID="<o1@enforcing.test>")).startswith("250")

    assert told(gateway, "dave@friend.test", "127.0.18.1") == "250 2.1.5"
    assert told(gateway, "eve@friend.test", "127.0.18.1") == "250 2.1.5"
    assert told(gateway, "dave@friend.test", "127.0.18.1", "lee@enforcing.test") == "451 4.7.1"
