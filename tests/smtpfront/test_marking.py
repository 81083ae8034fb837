"""What is done to mail that leaves, and undone on the way in: over a real SMTP front."""

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path

import dkim
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.backscatter import batv, seal
from gateway.mail.message import Headers, head_of
from gateway.operations.learning import never_tags
from gateway.operations.rows import copies_of
from gateway.policy.learned import Learned, NeverTag
from gateway.policy.snapshot import BatvKey, Dkim, Marking, Outbound, Snapshot
from gateway.services.ledger import open_ledger
from gateway.spool.quarantine import Quarantine
from tests.smtpfront.conftest import Serve, prepare
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, mail, snapshot, spam, until

SECRET = "the secret of key 4"
KEY = batv.Key(4, SECRET.encode())
SEAL = "the secret of the seal"
MARKING = Marking(
    keys=(BatvKey(4, "batv-4"), BatvKey(5, "batv-5", retired=True)),
    seal="seal",
    never_tag=("lists.far.test", "picky@far.test"),
)


def today() -> int:
    return int(time.time() // 86400)


def marking_policy(next_hop: int) -> Snapshot:
    policy = snapshot(next_hop, marking=MARKING)
    ours = msgspec.structs.replace(policy.domains["example.test"], dkim=Dkim("s1", "dkim-example"))
    outbound = Outbound(("127.0.0.1/32",), "inner", policy.outbound.rules)
    return msgspec.structs.replace(policy, domains={**policy.domains, "example.test": ours}, outbound=outbound)


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def marking(
    tmp_path_factory: pytest.TempPathFactory, module_hop: NextHop, clamd: str, private_key: rsa.RSAPrivateKey
) -> Iterator[Gateway]:
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    secrets = {"batv-4": SECRET, "seal": SEAL, "dkim-example": pem.decode()}
    home = prepare(tmp_path_factory.mktemp("marking"), secrets)
    with Gateway(home, marking_policy(module_hop.port), clamd) as running:
        yield running


def send_out(
    gateway: Gateway,
    hop: NextHop,
    content: bytes,
    sender: str = "Alice@Example.Test",
    recipient: str = "f@far.test",
) -> tuple[str, bytes]:
    """Send by the outbound listener; gives the sender that the next hop was told, and what it got."""
    before = len(hop.kept)
    with gateway.client("outbound") as client:
        assert client.open(sender, recipient)[0].startswith("250")
        answer = client.data(content)
        client.say("QUIT")  # the answer was read: the same mail again is no retry
    assert answer.startswith("250"), answer
    (message,) = hop.kept[before:]
    return message.sender.partition("<")[2].partition(">")[0], message.content


def ours(**changes: str | None) -> bytes:
    return mail(**({"From": "Alice <alice@example.test>", "Message_ID": "<out-1@example.test>"} | changes))


def test_the_sender_leaves_in_lower_case_and_signed(marking: Gateway, module_hop: NextHop) -> None:
    sender, _ = send_out(marking, module_hop, ours())

    assert batv.check(sender, [KEY], today()) == batv.Checked("alice@example.test", batv.Result.VALID, 4)


def test_a_sender_that_is_signed_already_is_not_signed_twice(marking: Gateway, module_hop: NextHop) -> None:
    tagged = batv.sign("alice@example.test", KEY, today())

    sender, _ = send_out(marking, module_hop, ours(), sender=tagged)

    assert sender == tagged


@pytest.mark.parametrize(
    ("sender", "recipient"),
    [
        ("Alice@example.test", "bob@example.test"),
        ("Alice@example.test", "someone@lists.far.test"),
        ("Alice@example.test", "Picky@far.test"),
        ("L" * 49 + "@example.test", "f@far.test"),
        ('"two words"@example.test', "f@far.test"),
        ("", "f@far.test"),
    ],
)
def test_a_sender_that_must_not_be_signed_leaves_as_it_is(
    marking: Gateway, module_hop: NextHop, sender: str, recipient: str
) -> None:
    told, _ = send_out(marking, module_hop, ours(), sender=sender, recipient=recipient)

    assert told == sender


@pytest.mark.parametrize(
    ("first", "second"),
    [("f@far.test", "picky@far.test"), ("picky@far.test", "f@far.test"), ("f@far.test", "bob@example.test")],
)
def test_recipients_that_need_another_sender_come_in_a_transaction_of_their_own(
    marking: Gateway, first: str, second: str
) -> None:
    with marking.client("outbound") as client:
        replies = client.open("alice@example.test", first, second)

    assert replies[0].startswith("250")
    assert replies[1].startswith("452 4.5.3")


def test_a_message_carries_a_seal_that_holds(marking: Gateway, module_hop: NextHop) -> None:
    _, content = send_out(marking, module_hop, ours())

    headers = Headers(head_of(content))
    (value,) = seal.find(content)
    sealed = seal.verify(
        value,
        SEAL.encode(),
        message_id=headers.get("message-id"),
        date=headers.get("date"),
        sender="alice@example.test",
    )
    assert sealed is not None
    assert abs(sealed.age(time.time())) < 0.01


@pytest.mark.parametrize("lacking", ["Message_ID", "Date"])
def test_a_message_that_has_nothing_to_seal_stays_without(marking: Gateway, module_hop: NextHop, lacking: str) -> None:
    _, content = send_out(marking, module_hop, ours(**{lacking: None}))

    assert seal.HEADER.encode() not in content


def test_mail_that_leaves_has_a_signature_that_holds(
    marking: Gateway, module_hop: NextHop, private_key: rsa.RSAPrivateKey
) -> None:
    public = private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    asked = []

    _, content = send_out(marking, module_hop, ours(body="a line  \r\n" * 10 + "\r\n\r\n"))

    def dns(name: bytes, timeout: int = 5) -> bytes:  # noqa: ARG001 - dkimpy's signature
        asked.append(name)
        return record

    assert dkim.verify(content, dnsfunc=dns)
    assert asked == [b"s1._domainkey.example.test."]
    assert re.search(rb"h=[^;]*x-backstop-seal", content)


@pytest.mark.parametrize("large", [20, 200_000])
def test_the_message_itself_leaves_as_it_came(marking: Gateway, module_hop: NextHop, large: int) -> None:
    body = "0123456789 \r\n" * large if large < 1000 else "x" * 70 + "\r\n"
    content = ours(body=body * (1 if large < 1000 else 10_000))

    _, got = send_out(marking, module_hop, content)

    assert got.endswith(content)


@pytest.mark.parametrize(
    ("recipient", "lines"),
    [
        ("f@far.test", ["it leaves with a seal, with a DKIM signature, and is noted in the ledger"]),
        (
            "someone@lists.far.test",
            [
                "not tagged for <someone@lists.far.test>: the destination is never tagged",
                "it leaves with a seal, with a DKIM signature, and is noted in the ledger",
            ],
        ),
    ],
)
def test_the_trace_tells_the_marks_and_why_one_is_left_out(
    marking: Gateway, module_hop: NextHop, recipient: str, lines: list[str]
) -> None:
    send_out(marking, module_hop, ours(Message_ID=f"<told-{recipient}>"), recipient=recipient)

    told = [each.what for each in marking.traces()[-1].events]
    assert [each for each in told if each.startswith(("not tagged", "it leaves"))] == lines


def test_mail_between_our_users_is_sealed_and_not_signed(marking: Gateway, module_hop: NextHop) -> None:
    _, content = send_out(marking, module_hop, ours(), recipient="bob@example.test")

    assert seal.HEADER.encode() in content
    assert b"DKIM-Signature" not in content


def test_what_leaves_is_in_the_ledger(marking: Gateway, module_hop: NextHop) -> None:
    send_out(marking, module_hop, ours(Message_ID="<noted@example.test>"), recipient="friend@far.test")

    ledger, store = open_ledger(marking.home, marking.home / "secrets", writable=False)
    with store:
        assert ledger.message("<noted@example.test>", "alice@example.test") is not None
        assert ledger.wrote_to("alice@example.test", "friend@far.test") is not None
        assert ledger.wrote_to("alice@example.test", "stranger@far.test") is None


@pytest.mark.parametrize("sender", ["l" * 49 + "@example.test", '"two words"@example.test'])
def test_what_can_not_be_tagged_is_sealed_and_in_the_ledger(marking: Gateway, module_hop: NextHop, sender: str) -> None:
    message_id = f"<untagged-{len(sender)}@example.test>"

    told, content = send_out(marking, module_hop, ours(Message_ID=message_id), sender=sender)

    assert told == sender
    (value,) = seal.find(content)
    date = Headers(head_of(content)).get("date")
    assert seal.verify(value, SEAL.encode(), message_id=message_id, date=date, sender=sender) is not None
    ledger, store = open_ledger(marking.home, marking.home / "secrets", writable=False)
    with store:
        assert ledger.message(message_id, sender) is not None


def test_a_header_that_can_not_be_signed_is_refused(marking: Gateway, module_hop: NextHop) -> None:
    before = len(module_hop.kept)
    with marking.client("outbound") as client:
        client.open("alice@example.test", "f@far.test")
        answer = client.data(b"no colon here\r\n" + ours())

    assert answer.startswith("554 5.6.0")
    assert len(module_hop.kept) == before


@pytest.mark.parametrize("gone", ["batv-4", "seal", "dkim-example"])
def test_without_its_secrets_nothing_leaves_and_an_alarm_names_the_remedy(
    tmp_path: Path, module_hop: NextHop, serve: Serve, gone: str
) -> None:
    prepare(tmp_path, dict.fromkeys({"batv-4", "seal", "dkim-example"} - {gone}, "something"))
    gateway = serve(marking_policy(module_hop.port))
    with gateway.client("outbound") as client:
        (reply,) = client.open("alice@example.test", "f@far.test")

    assert reply.startswith("451 4.3.5")
    assert any("restore it" in alarm for alarm in gateway.alarms())


def test_a_key_that_can_not_sign_defers(tmp_path: Path, module_hop: NextHop, serve: Serve) -> None:
    prepare(tmp_path, dict.fromkeys(("batv-4", "seal", "dkim-example"), "not PEM"))
    gateway = serve(marking_policy(module_hop.port))
    with gateway.client("outbound") as client:
        client.open("alice@example.test", "f@far.test")
        answer = client.data(ours())

    assert answer.startswith("451 4.3.5")
    assert any("DKIM" in alarm for alarm in gateway.alarms())


TAGS = {
    "BATV_VALID": batv.sign("alice@example.test", KEY, today()),
    "BATV_EXPIRED": batv.sign("alice@example.test", KEY, today() - 8),
    "BATV_FORGED": "prvs=4000000000=alice@example.test",
    "BATV_SUSPECT": f"prvs=5{(today() + 3) % 1000:03d}abcdef=alice@example.test",
    "BATV_MISSING": "alice@example.test",
}


@pytest.mark.parametrize("symbol", TAGS)
def test_a_bounce_is_delivered_without_the_tag_and_the_trace_tells_what_it_was_worth(
    marking: Gateway, module_hop: NextHop, symbol: str
) -> None:
    before = len(module_hop.kept)
    with marking.client() as client:
        assert client.open("", TAGS[symbol])[0].startswith("250")
        answer = client.data(mail(Subject="Undelivered"))

    trace = marking.trace_of(answer)
    (message,) = module_hop.kept[before:]
    (seen,) = [each for each in trace.observations if each.check == "batv"]
    assert [each.symbol for each in seen.findings] == [symbol]
    assert message.recipients == ["alice@example.test"]
    assert b"prvs=" not in message.content
    assert trace.recipients[0].address == TAGS[symbol]


def test_a_tag_in_another_case_is_stripped_too(marking: Gateway, module_hop: NextHop) -> None:
    before = len(module_hop.kept)
    with marking.client() as client:
        client.open("them@other.test", TAGS["BATV_VALID"].upper())
        client.data(mail())

    assert module_hop.kept[before].recipients == ["ALICE@EXAMPLE.TEST"]


def test_a_tagged_address_of_nobody_is_refused(marking: Gateway) -> None:
    with marking.client() as client:
        (reply,) = client.open("", batv.sign("nobody@example.test", KEY, today()))

    assert reply.startswith("550 5.1.1")


def test_call_outs_keep_working(marking: Gateway) -> None:
    with marking.client() as client:
        assert client.open("", "alice@example.test")[0].startswith("250")
        assert client.say("QUIT").startswith("221")


def test_a_mailbox_named_with_and_without_its_tag_gets_one_copy(marking: Gateway, module_hop: NextHop) -> None:
    before = len(module_hop.kept)
    with marking.client() as client:
        replies = client.open("", TAGS["BATV_VALID"], "alice@example.test")
        client.data(mail())

    assert all(reply.startswith("250") for reply in replies)
    assert module_hop.kept[before].recipients == ["alice@example.test"]


def test_a_quarantined_copy_is_for_the_mailbox(marking: Gateway) -> None:
    with marking.client() as client:
        client.open("them@other.test", batv.sign("carol@example.test", KEY, today()))
        answer = client.data(spam("tagged"))

    trace = marking.trace_of(answer)
    folder = marking.quarantined(trace.id)
    assert folder is not None
    item, _ = Quarantine(marking.home / "spool").read(trace.id)
    assert [copy.recipient for copy in item.copies] == ["carol@example.test"]
    assert [copy.recipient for copy in copies_of(trace)] == ["carol@example.test"]


def test_a_destination_that_refuses_the_tag_gets_the_plain_sender_at_once_and_is_learned(
    marking: Gateway, module_hop: NextHop
) -> None:
    module_hop.script.plain_only = "550 5.7.1 <alice@example.test> is not a member, only subscribers may post"
    try:
        told, _ = send_out(marking, module_hop, ours(Message_ID="<club@example.test>"), recipient="club@picky.test")
    finally:
        module_hop.script.plain_only = ""
    assert told == "Alice@Example.Test"
    trace = marking.traces()[-1]
    assert any("refused the tag (ADDR is not a member) and took the plain sender" in each.what for each in trace.events)
    (refused,) = never_tags.of_trace(trace)
    assert (refused.destination, refused.words) == ("club@picky.test", "ADDR is not a member")
    assert open_ledger(marking.home, marking.home / "secrets")[0].wrote_to("alice@example.test", "club@picky.test")


def test_a_tag_that_is_refused_at_mail_is_left_out_too(marking: Gateway, module_hop: NextHop) -> None:
    module_hop.script.plain_mail_only = "501 5.1.7 bad sender address syntax"
    try:
        told, _ = send_out(marking, module_hop, ours(Message_ID="<club2@example.test>"), recipient="club2@picky.test")
    finally:
        module_hop.script.plain_mail_only = ""
    assert told == "Alice@Example.Test"
    assert [each.destination for each in never_tags.of_trace(marking.traces()[-1])] == ["club2@picky.test"]


def test_a_destination_that_refuses_the_plain_sender_too_teaches_nothing(marking: Gateway, module_hop: NextHop) -> None:
    module_hop.script.rcpt["closed"] = "550 5.7.1 you are not a member"
    with marking.client("outbound") as client:
        reply = client.open("alice@example.test", "closed@picky.test")[0]
        client.say("QUIT")
    assert reply.startswith("550")
    assert list(never_tags.of_trace(marking.trace_of(reply))) == []


def test_a_learned_destination_gets_the_plain_sender_and_the_trace_cites_the_entry(
    marking: Gateway, module_hop: NextHop
) -> None:
    now = time.time()
    entry = NeverTag(7, now, now + 86_400 * 90, "not a member")
    try:
        marking.learn(Learned(1, never_tag={"list@picky.test": entry}))

        def plain() -> bool:
            number = len(module_hop.kept)
            told, _ = send_out(
                marking, module_hop, ours(Message_ID=f"<l{number}@example.test>"), recipient="list@picky.test"
            )
            return told == "Alice@Example.Test"

        until("the plain sender is told", plain)
        assert any("entry 7 of what was learned" in each.what for each in marking.traces()[-1].events)
    finally:
        marking.forget()
