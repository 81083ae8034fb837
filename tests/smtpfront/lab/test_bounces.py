"""The bounces of a simulated storm."""

from collections import Counter

import pytest

from gateway.backscatter.kinds import classify
from gateway.backscatter.words import Kind
from smtpfront.lab.bounces import Forged, Genuine, Original, bounces, kind_in
from smtpfront.lab.campaign import Spam

VICTIM = "a@example.test"
ORIGINALS = [
    Original(kind, f"{kind}@example.test", "customer@mx1.example.org", "1@example.test", "today", "1-seal")
    for kind in Genuine
]
KINDS = {
    Forged.REPORT: Kind.BOUNCE,
    Forged.TEXT: Kind.BOUNCE,
    Forged.PRETENDED: Kind.BOUNCE,
    Forged.VIRUS: Kind.VIRUS_NOTICE,
    Forged.AUTOREPLY: Kind.AUTOREPLY,
    Forged.CHALLENGE: Kind.CHALLENGE,
}
MAILS = list(bounces(500, ORIGINALS, VICTIM, 1))
FALSE = [mail for mail in MAILS if mail.kind in set(Forged)]


def of(kind: str) -> list[Spam]:
    return [mail for mail in MAILS if mail.kind == kind]


def test_the_same_seed_gives_the_same_bounces() -> None:
    assert list(bounces(500, ORIGINALS, VICTIM, 1)) == MAILS
    assert list(bounces(500, ORIGINALS, VICTIM, 2)) != MAILS


@pytest.mark.parametrize("kind", Forged)
def test_each_false_one_is_to_the_classifier_what_it_stands_for(kind: Forged) -> None:
    assert of(kind)
    assert {classify(mail.content, sender=mail.sender).kind for mail in of(kind)} == {KINDS[kind]}


def test_each_genuine_one_is_a_bounce_and_comes_to_where_its_original_returns() -> None:
    for original in ORIGINALS:
        (mail,) = of(original.kind)
        assert mail.recipient == original.returns_to
        assert classify(mail.content, sender=mail.sender).kind is Kind.BOUNCE
        assert b"X-Backstop-Seal: 1-seal" in mail.content


def test_false_ones_come_to_the_address_that_was_forged_or_to_a_made_up_tag_of_it() -> None:
    assert {mail.recipient for mail in FALSE if mail.kind != Forged.PRETENDED} == {VICTIM}
    assert all(mail.recipient.endswith(f"={VICTIM}") for mail in of(Forged.PRETENDED))


def test_about_a_fifth_of_bounces_and_more_of_other_answers_have_a_sender_of_their_own() -> None:
    bounced = [mail for mail in FALSE if KINDS[Forged(mail.kind)] is Kind.BOUNCE]
    others = [mail for mail in FALSE if KINDS[Forged(mail.kind)] is not Kind.BOUNCE]

    assert 0.15 < sum(bool(mail.sender) for mail in bounced) / len(bounced) < 0.25
    assert 0.3 < sum(bool(mail.sender) for mail in others) / len(others) < 0.6
    assert [mail.kind for mail in MAILS if mail.sender and mail.kind in set(Genuine)] == [Genuine.SENDER]


def test_shares_of_kinds_can_be_told() -> None:
    assert Counter(mail.kind for mail in bounces(20, (), VICTIM, 1, {Forged.TEXT: 1})) == {Forged.TEXT: 20}


def test_each_says_its_kind_in_its_header_and_goes_over_the_wire_as_it_is() -> None:
    for mail in MAILS:
        head, _, _ = mail.content.partition(b"\r\n\r\n")
        assert kind_in(head + b"\r\n") == mail.kind
        lines = mail.content.split(b"\r\n")
        assert not any(line.startswith(b".") or b"\n" in line for line in lines)
        assert lines[-1] == b""
