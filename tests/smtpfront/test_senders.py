"""Who sends, over a real SMTP front with a real name server: sender domains, our own name, and lists of senders."""

from pathlib import Path

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.mail.findings import Outcome
from gateway.mail.trace import Trace
from gateway.policy import defaults
from gateway.policy.snapshot import CheckRule, DomainPolicy, ListVerdict, Mode, RecipientPolicy, Rules, Snapshot
from smtpfront.lab.nameserver import Records
from tests.gateway.services.dkim import signing
from tests.smtpfront.conftest import Begun
from tests.smtpfront.dialogues import FOLDER, dialogues, play
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, mail, snapshot, until

ALLOW, BLOCK = ListVerdict.ALLOW, ListVerdict.BLOCK
FINE: Records = {"MX": ["10 mx.shop.test."], "TXT": ['"v=spf1 ip4:127.0.0.1 ?all"']}
ZONE: dict[str, Records | str] = {
    "s1._domainkey.blocked.test": {"TXT": [signing.record()]},
    "shop.test": FINE,
    "blocked.test": FINE,
    "eu.blocked.test": FINE,
    "old.test": {"A": ["192.0.2.1"]},
    "words.test": {"TXT": ['"nothing else"']},
    "nullmx.test": {"MX": ["0 ."]},
    "silent.test": "silent",
    "malformed.test": "malformed",
    "loop.test": "loop",
    "enforcing.test": {"MX": ["10 mx.enforcing.test."], "TXT": ['"v=spf1 ?all"']},
    "scoring.test": FINE,
}
CHECKS = ("sender_domain", "own_sender", "sender_lists")


def policy(next_hop: int) -> Snapshot:
    """Four domains, by what the checks of senders are good for to them; some people have lists of their own."""
    people = {
        "kim": RecipientPolicy(),
        "lee": RecipientPolicy(senders={"news@blocked.test": ALLOW, "shop.test": ALLOW}),
        "mo": RecipientPolicy(senders={"127.0.3.1/32": ALLOW}),
    }

    def domain(rule: CheckRule) -> DomainPolicy:
        return DomainPolicy("inner", Rules(checks=defaults.CHECKS | dict.fromkeys(CHECKS, rule)), people)

    domains = {
        "enforcing.test": domain(CheckRule(Mode.ENFORCE, Action.REJECT, Action.DELIVER)),
        "insisting.test": domain(CheckRule(Mode.ENFORCE, Action.REJECT, Action.DEFER)),
        "scoring.test": domain(CheckRule(Mode.SCORE, on_failure=Action.DELIVER)),
        "observing.test": domain(CheckRule(Mode.OBSERVE)),
    }
    senders = {".blocked.test": BLOCK, "127.0.3.0/29": BLOCK, "127.0.0.2/32": BLOCK}
    return msgspec.structs.replace(snapshot(next_hop, senders=senders), domains=domains)


@pytest.fixture(scope="module")
def gateway(begun: Begun) -> Gateway:
    """A gateway that waits for answers."""
    return begun()


@dialogues("senders")
def test_dialogue(gateway: Gateway, hasty: Gateway, path: Path) -> None:
    play(hasty if path.stem.endswith("silent") else gateway, path)


def brought(gateway: Gateway, recipient: str, sender: str, source: str = "127.0.0.1", **fields: str) -> Trace:
    """Bring a message; gives its trace."""
    with gateway.client(source=source) as client:
        assert client.open(sender, recipient)[0].startswith("250")
        return gateway.trace_of(client.data(mail("hello\r\n", **fields)))


def because(trace: Trace) -> str:
    assert trace.recipients[0].decision is not None
    return trace.recipients[0].decision.because


def test_the_sentence_names_list_entry_and_proof(gateway: Gateway) -> None:
    trace = brought(
        gateway, "lee@enforcing.test", "news@shop.test", From="lee@enforcing.test", Message_ID="<a1@x.test>"
    )
    assert because(trace).startswith(
        "the recipient's own list allows shop.test, proven by SPF; else: reject, because own_sender found OWN_FROM"
    )


def test_the_sentence_says_that_nothing_proves_an_allowed_sender(gateway: Gateway) -> None:
    trace = brought(gateway, "lee@enforcing.test", "news@blocked.test", source="127.0.3.9", Message_ID="<a2@x.test>")
    assert trace.disposition == "rejected"
    assert because(trace).endswith("news@blocked.test is listed as allowed, but nothing proves the sender")


def test_a_signature_lifts_what_waited_for_it_and_the_next_hop_gets_the_message(
    gateway: Gateway, module_hop: NextHop
) -> None:
    raw = signing.signed(mail("hello\r\n", From="News <news@blocked.test>", Message_ID="<a4@x.test>"), "blocked.test")
    with gateway.client(source="127.0.3.9") as client:
        assert client.open("news@blocked.test", "lee@enforcing.test") == ["250 2.1.5 recipient ok"]
        trace = gateway.trace_of(client.data(raw))
    assert trace.disposition == "delivered"
    assert because(trace).startswith(
        "the recipient's own list allows news@blocked.test, proven by DKIM; else: reject, because sender_lists found"
    )
    assert any(b"<a4@x.test>" in each.content for each in module_hop.kept)


def test_a_forwarder_brings_a_blocked_sender_into_quarantine(gateway: Gateway) -> None:
    trace = brought(gateway, "kim@enforcing.test", "ads@blocked.test", source="127.0.0.2", Message_ID="<a3@x.test>")
    assert (trace.disposition, trace.reply and trace.reply.code) == ("quarantined", 250)


def test_a_hostile_sender_leaves_a_trace_with_what_each_check_saw(gateway: Gateway) -> None:
    sender = '"%{d} \\" @x"@_x.none.test'
    with gateway.client() as client:
        reply = client.open(sender, "kim@insisting.test")[0]
        client.say("QUIT")
    trace = gateway.trace_of(reply)
    seen = {each.check: each.outcome for each in trace.observations}
    assert trace.sender == sender
    assert seen["sender_domain"] is Outcome.HIT
    assert "spf" in seen
    assert not any("Error" in each.detail for each in trace.observations)


def test_senders_of_no_form_are_refused_in_words_and_leave_a_trace(gateway: Gateway) -> None:
    before = len(gateway.traces())
    play(gateway, FOLDER / "hostile-senders.txt")
    until("the trace", lambda: len(gateway.traces()) > before)
    told = [event for trace in gateway.traces()[before:] for event in trace.events if event.what.startswith("MAIL")]
    assert [event.reply[:9] for event in told if event.reply[:1] == "5"] == ["553 5.1.7"] * 6 + ["553 5.6.7"]


def test_a_strangers_broken_dns_raises_no_alarm(gateway: Gateway) -> None:
    for number in range(3):
        with gateway.client() as client:
            client.open(f"a@x{number}.malformed.test", "kim@scoring.test")
            client.open(f"a{number}@malformed.test", "kim@scoring.test")
    assert not [each for each in gateway.alarms() if "sender_domain" in each or "malformed" in each]
