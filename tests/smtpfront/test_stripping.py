"""Stripping through the real SMTP front: what the next hop gets, what is kept of it, and for whom not."""

import base64
import email
from collections.abc import Iterator
from email.message import EmailMessage

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.policy import defaults
from gateway.policy.snapshot import AttachmentRule, DomainPolicy, RecipientPolicy, Rules, Snapshot
from gateway.spool.item import Item, Purpose
from gateway.spool.quarantine import Quarantine
from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import FORWARDER, Gateway, snapshot

IMAGES = AttachmentRule("images", names=("*.iso",), action=Action.STRIP)
ISO = b"not really an image " * 3


def policy(next_hop: int) -> Snapshot:
    """A domain that takes images out of its mail, but for whom they may stay; one that observes; one that copies."""
    strips = Rules(checks=defaults.CHECKS, attachments=(IMAGES,))
    spared = Rules(checks=defaults.CHECKS)
    copies = msgspec.structs.replace(strips, copy_to=("archive@strips.test",))
    people = {name: RecipientPolicy() for name in ("kim", "lee", "archive", "dotbad")}
    domains = {
        "strips.test": DomainPolicy("inner", strips, {**people, "max": RecipientPolicy(rules=spared)}),
        "observes.test": DomainPolicy("inner", msgspec.structs.replace(strips, observe=True), people),
        "copies.test": DomainPolicy("inner", copies, people),
    }
    return msgspec.structs.replace(snapshot(next_hop), domains=domains)


@pytest.fixture
def gateway(hop: NextHop, serve: Serve) -> Gateway:
    return serve(policy(hop.port))


def letter(name: str = "disk.iso", content: bytes = ISO) -> bytes:
    """A letter with a PDF, and an attachment of this name."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Them <them@other.test>", "kim@strips.test", "Lunch"
    message["Date"], message["Message-ID"] = "Fri, 20 Nov 2026 10:00:00 +0000", "<1@other.test>"
    message.set_content("Here it is.\n")
    message.add_attachment(b"%PDF-1.4\n%%EOF\n", maintype="application", subtype="pdf", filename="menu.pdf")
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    message.set_boundary("=-boundary-=")
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


def signed() -> bytes:
    return letter().replace(b"multipart/mixed;", b"multipart/signed; micalg=sha-256;")


def broken() -> bytes:
    twice = b"Content-Transfer-Encoding: base64\r\n" * 2
    return letter().replace(twice[: len(twice) // 2], twice)


def sent(gateway: Gateway, content: bytes, *recipients: str, source: str = "127.0.0.1") -> str:
    with gateway.client(source=source) as client:
        assert all(reply.startswith("250") for reply in client.open("them@other.test", *recipients))
        return client.data(content)


def kept(gateway: Gateway) -> Iterator[tuple[Item, bytes]]:
    quarantine = Quarantine(gateway.home / "spool")
    for message in quarantine.ids():
        item, content = quarantine.read(message)
        yield item, content.read()


def test_the_image_is_taken_out_the_rest_is_delivered_and_the_original_is_kept(gateway: Gateway, hop: NextHop) -> None:
    reply = sent(gateway, letter(), "kim@strips.test", "lee@strips.test")

    assert reply.startswith("250")
    (delivered,) = hop.kept
    assert delivered.recipients == ["kim@strips.test", "lee@strips.test"]
    assert base64.b64encode(ISO)[:40] not in delivered.content
    _, pdf, note = email.message_from_bytes(delivered.content).get_payload()
    assert pdf.get_payload(decode=True) == b"%PDF-1.4\n%%EOF\n"  # type: ignore[union-attr] # a message
    trace = gateway.trace_of(reply)
    words = note.get_payload()  # type: ignore[union-attr] # a message
    assert "disk.iso" in words
    assert trace.id in words
    assert f"X-Backstop-Stripped: mx.example.test; {trace.id}; 1\r\n".encode() in delivered.content
    ((item, original),) = kept(gateway)
    assert original == letter()
    assert [(each.recipient, each.purpose) for each in item.copies] == [
        ("kim@strips.test", Purpose.ORIGINAL),
        ("lee@strips.test", Purpose.ORIGINAL),
    ]
    assert trace.disposition == "delivered"
    assert trace.because.endswith("; taken out: disk.iso (part 1.3)")
    assert [(each.decision and each.decision.action, each.stripped) for each in trace.recipients] == [
        (Action.STRIP, ("disk.iso (part 1.3)",))
    ] * 2
    assert gateway.staged() == []


def test_other_attachments_stay_where_they_are(gateway: Gateway, hop: NextHop) -> None:
    sent(gateway, letter("notes.txt"), "kim@strips.test")
    assert hop.kept[0].content.endswith(letter("notes.txt"))
    assert list(kept(gateway)) == []


@pytest.mark.parametrize(("content", "why"), [(signed(), "the message is signed"), (broken(), "its MIME is broken")])
def test_what_can_not_be_stripped_is_quarantined_with_the_reason(
    gateway: Gateway, hop: NextHop, content: bytes, why: str
) -> None:
    reply = sent(gateway, content, "kim@strips.test")

    assert reply.startswith("250")
    assert hop.kept == []
    assert gateway.trace_of(reply).disposition == "quarantined"
    ((item, original),) = kept(gateway)
    assert original == content
    assert [each.purpose for each in item.copies] == [Purpose.REVIEW]
    assert why in item.copies[0].decision.because


def test_who_gets_it_whole_comes_in_a_transaction_of_its_own(gateway: Gateway) -> None:
    with gateway.client() as client:
        first, other, same = client.open("them@other.test", "kim@strips.test", "max@strips.test", "lee@strips.test")
    assert (first[:3], other[:9], same[:3]) == ("250", "452 4.5.3", "250")


def test_an_observed_domain_gets_it_whole(gateway: Gateway, hop: NextHop) -> None:
    reply = sent(gateway, letter(), "kim@observes.test")
    assert hop.kept[0].content.endswith(letter())
    (decided,) = gateway.trace_of(reply).recipients
    assert decided.decision is not None
    assert decided.decision.observed is Action.STRIP


def test_a_large_message_is_stripped_from_file_to_file(gateway: Gateway, hop: NextHop) -> None:
    large = letter(content=bytes(range(256)) * 2800)
    assert sent(gateway, large, "kim@strips.test").startswith("250")
    assert len(hop.kept[0].content) < 5000
    ((_, original),) = kept(gateway)
    assert original == large
    assert gateway.staged() == []


def test_what_the_next_hop_refuses_leaves_nothing_behind(gateway: Gateway, hop: NextHop) -> None:
    hop.script.dot = {"dotbad": "554 5.7.1 no"}
    reply = sent(gateway, letter(), "dotbad@strips.test")
    assert reply.startswith("554")
    assert list(kept(gateway)) == []
    assert gateway.staged() == []
    assert gateway.trace_of(reply).recipients[0].stripped == ()


def test_what_the_next_hop_refuses_from_a_trusted_forwarder_is_quarantined_whole(
    gateway: Gateway, hop: NextHop
) -> None:
    hop.script.dot = {"dotbad": "554 5.7.1 no"}
    assert sent(gateway, letter(), "dotbad@strips.test", source=FORWARDER).startswith("250")
    ((item, original),) = kept(gateway)
    assert original == letter()
    assert (item.copies[0].purpose, item.stripped) == (Purpose.REVIEW, ())


def test_a_blind_copy_of_it_knows_what_was_taken_out(gateway: Gateway) -> None:
    sent(gateway, letter(), "kim@copies.test")
    ((item, _),) = kept(gateway)
    purposes = {each.purpose: each.recipient for each in item.copies}
    assert purposes == {Purpose.ORIGINAL: "kim@copies.test", Purpose.COPY: "archive@strips.test"}
    assert [each.name for each in item.stripped] == ["disk.iso"]
