"""The mail of a simulated spam run."""

import email
from collections import Counter

from smtpfront.lab.campaign import Kind, campaign, kind_of

MAILS = list(campaign(1000, 0.4, 7))


def test_the_same_seed_gives_the_same_mail_and_another_seed_gives_other_mail() -> None:
    assert list(campaign(1000, 0.4, 7)) == MAILS
    assert list(campaign(1000, 0.4, 8)) != MAILS


def test_the_share_of_unknown_users_is_as_told() -> None:
    unknown = [mail for mail in MAILS if mail.kind == Kind.UNKNOWN]

    assert 350 <= len(unknown) <= 450
    assert not [mail for mail in campaign(100, 0.0, 1) if mail.kind == Kind.UNKNOWN]


def test_every_kind_occurs() -> None:
    assert Counter(mail.kind for mail in MAILS).keys() == set(Kind)


def test_the_kind_can_be_told_by_the_forged_sender() -> None:
    assert all(kind_of(mail.sender) == mail.kind for mail in MAILS)
    assert kind_of("somebody@example.org") == "other"


def test_the_content_goes_over_the_wire_as_it_is() -> None:
    for mail in MAILS:
        lines = mail.content.split(b"\r\n")
        assert not any(line.startswith(b".") or b"\n" in line for line in lines)
        assert lines[-1] == b""


def test_the_virus_is_an_attachment_that_decodes_to_the_test_file() -> None:
    virus = next(mail for mail in MAILS if mail.kind == Kind.VIRUS)

    attached = email.message_from_bytes(virus.content).get_payload()[1].get_payload(decode=True)

    assert attached.startswith(b"X5O!")
    assert len(attached) == 68
