"""A trusted forwarder would make a bounce of every 5xx: it never sees one, whatever its mail is like.

Every check is enforced as a reject here, and every limit is as low as it can be.
"""

from collections.abc import Iterator

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.policy import defaults
from gateway.policy.snapshot import (
    CheckRule,
    ClientRules,
    DnsList,
    DomainPolicy,
    ListKind,
    ListVerdict,
    Mode,
    RecipientPolicy,
    Rules,
    Snapshot,
    Validation,
)
from smtpfront.lab.nameserver import Nameserver, Records
from tests.smtpfront.conftest import EICAR
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import FORWARDER, Gateway, dns, mail, snapshot

ZONE: dict[str, Records | str] = {
    "2.0.0.127.in-addr.arpa": {"PTR": ["liar.test."]},
    "liar.test": {"A": ["192.0.2.1"]},
    "2.0.0.127.bl.test": {"A": ["127.0.0.2"]},
    "2.0.0.127.null.test": {"A": ["127.0.0.2"]},
    "them.test": {"A": ["192.0.2.1"], "TXT": ['"v=spf1 -all"']},
    "_dmarc.them.test": {"TXT": ['"v=DMARC1; p=reject"']},
    "mailless.test": {"MX": ["0 ."]},
    "broken.test": "servfail",
}
OBSERVERS = {"batv", "past_gateway", "spam"}  # they only tell, or count what others found


def policy(next_hop: int) -> Snapshot:
    """Everything is refused that can be."""
    enforced = [name for name in defaults.CHECKS if name not in OBSERVERS]
    strict = defaults.CHECKS | dict.fromkeys(enforced, CheckRule(Mode.ENFORCE, Action.REJECT, Action.DELIVER))
    people = {"kim": RecipientPolicy(senders={"hated@them.test": ListVerdict.BLOCK})}
    refusing = DomainPolicy("inner", Rules(checks=strict), people)
    scoring = DomainPolicy("inner", Rules(checks=defaults.CHECKS), people)
    clients = ClientRules(
        greet_delay=0.1,
        blocked=("127.0.0.0/8",),
        connections_per_minute=0,
        messages_per_hour=0,
        network_connections_per_minute=0,
        network_messages_per_hour=0,
        unknown_per_hour=0,
        null_sender_per_hour=0,
    )
    return msgspec.structs.replace(
        snapshot(next_hop, clients=clients, max_size=20_000),
        domains={
            "refusing.test": refusing,
            "scoring.test": scoring,
            "observing.test": msgspec.structs.replace(refusing, rules=Rules(checks=strict, observe=True)),
            "careless.test": msgspec.structs.replace(
                refusing, rules=Rules(checks=strict | {"message_size": CheckRule(Mode.OFF)})
            ),
            "unchecked.test": msgspec.structs.replace(
                refusing, rules=Rules(checks=dict.fromkeys(defaults.CHECKS, CheckRule(Mode.OFF)))
            ),
            "asking.test": msgspec.structs.replace(refusing, recipients={}, validation=(Validation.NEXT_HOP,)),
        },
        dns_lists={"bl.test": DnsList(codes={"127.0.0.2": 30.0}), "null.test": DnsList(ListKind.NULL_SENDER)},
        senders={"blocked.test": ListVerdict.BLOCK, "127.0.0.0/8": ListVerdict.BLOCK},
    )


@pytest.fixture(scope="module")
def inner() -> Iterator[NextHop]:
    with NextHop() as hop:
        hop.script.rcpt = {"gone": "550 5.1.1 no such user"}
        hop.script.dot = {"dotbad": "554 5.7.1 spam"}
        yield hop


@pytest.fixture(scope="module")
def strict(
    tmp_path_factory: pytest.TempPathFactory, inner: NextHop, clamd: str, nameserver: Nameserver
) -> Iterator[Gateway]:
    with Gateway(
        tmp_path_factory.mktemp("strict"),
        policy(inner.port),
        clamd,
        **dns(nameserver),
    ) as running:
        yield running


CLIENTS = {"a name": "partner.test", "our name": "mx.example.test", "no name": "_", "another's address": "[192.0.2.9]"}
SENDERS = (
    "them@them.test",  # SPF -all, and DMARC p=reject for what From says
    "",
    "them@blocked.test",
    "hated@them.test",
    "kim@refusing.test",
    "them@mailless.test",
    "them@missing.test",
    "them@broken.test",
)
RECIPIENTS = (
    "kim@refusing.test",
    "kim@scoring.test",
    "nobody@refusing.test",
    "gone@asking.test",
    "dotbad@asking.test",
    "somebody@asking.test",
    "them@others.test",
)
LOOP = "".join(f"Received: from a by b; {number}\r\n" for number in range(60)).encode()
CONTENTS = {
    "forged": mail(From="Them <them@them.test>"),
    "a virus": mail(EICAR + "\r\n"),
    "a loop": LOOP + mail(),
    "bare line feeds": mail("one\ntwo\r\n"),
    "a smuggled dot": mail("one\n.\r\ntwo\r\n"),
    "too much": mail("x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 400),
    "no From": mail(From=None),
    "two From": b"From: a@them.test\r\n" + mail(),
    "a bounce": mail("--b--\r\n", Content_Type='multipart/report; report-type=delivery-status; boundary="b"'),
    "nothing": b"",
}


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_no_sender_and_no_recipient_gets_a_5xx(strict: Gateway, sender: str, recipient: str) -> None:
    with strict.client(source=FORWARDER) as client:
        replies = [client.banner, *client.open(sender, recipient), client.data(mail(From="Them <them@them.test>"))]

    assert [each for each in replies[:2] if each[:1] not in "24"] == []
    assert replies[2][:1] in "24" or not replies[1].startswith("250"), replies


@pytest.mark.parametrize("helo", CLIENTS.values(), ids=CLIENTS.keys())
def test_no_name_gets_a_5xx(strict: Gateway, helo: str) -> None:
    with strict.client(source=FORWARDER) as client:
        replies = [*client.open("them@them.test", "kim@refusing.test", helo=helo), client.data(mail())]

    assert [each for each in replies if each[:1] not in "24"] == []


@pytest.mark.parametrize("sender", ["them@them.test", ""])
@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
def test_no_content_gets_a_5xx(strict: Gateway, content: bytes, sender: str) -> None:
    with strict.client(source=FORWARDER) as client:
        replies = [*client.open(sender, "kim@refusing.test"), client.data(content)]

    assert [each for each in replies if each[:1] not in "24"] == []


def test_no_declared_size_gets_a_5xx(strict: Gateway) -> None:
    with strict.client(source=FORWARDER) as client:
        client.say("EHLO partner.test")
        reply = client.say("MAIL FROM:<them@them.test> SIZE=999999999")

    assert reply[:1] in "24", reply


@pytest.mark.parametrize("domain", ["refusing.test", "observing.test", "careless.test"])
def test_what_is_too_large_to_be_kept_is_dropped_on_record(strict: Gateway, inner: NextHop, domain: str) -> None:
    """Nothing of it is left that could be quarantined or delivered."""
    kept = len(inner.kept)
    with strict.client(source=FORWARDER) as client:
        client.open("them@mailless.test", f"kim@{domain}")
        reply = client.data(CONTENTS["too much"])
    trace = strict.trace_of(reply)

    assert reply.startswith("250")
    assert trace.disposition == "dropped", trace.because
    assert "29011 octets" in trace.because
    assert strict.quarantined(trace.id) is None
    assert len(inner.kept) == kept


def test_one_who_speaks_too_early_gets_no_5xx(strict: Gateway) -> None:
    with strict.client(source=FORWARDER) as client:
        client.send(b"EHLO partner.test\r\nMAIL FROM:<them@them.test>\r\nRCPT TO:<kim@refusing.test>\r\n")
        replies = [client.banner, *(client.reply() for _ in range(3))]

    assert [each[:1] for each in replies] == ["2"] * 4, replies


def test_a_stranger_is_refused_by_the_same_policy(strict: Gateway) -> None:
    with strict.client(source="127.0.0.77") as client:
        assert client.open("them@them.test", "kim@refusing.test")[0][:1] == "5"


def test_what_is_too_large_to_be_kept_is_refused_where_no_rule_asks_for_it(strict: Gateway, inner: NextHop) -> None:
    kept = len(inner.kept)
    with strict.client(source="127.0.0.77") as client:
        client.open("them@them.test", "kim@unchecked.test")
        reply = client.data(CONTENTS["too much"])

    assert reply.startswith("552 5.3.4"), reply
    assert len(inner.kept) == kept
