"""Recall on automatic replies, challenges and delay notices of others (``scripts/samples``); ``-s`` shows the counts.

Those of KMail were held out but for three languages: which of the others were missed was looked at, their texts were
not read.
"""

from collections import Counter
from collections.abc import Iterable

import pytest

from gateway.backscatter.kinds import classify
from gateway.backscatter.words import Kind
from tests.gateway.backscatter.others import challenges, delays, replies, writing

SEEN = ("de", "fr", "nl")


def recall(what: str, kind: Kind, samples: Iterable[bytes], *, least: int, sender: str | None = None) -> float:
    """Give the share that is known; prints the counts. No ``sender``: the Return-Path counts."""
    kinds = Counter(classify(each, sender=sender).kind for each in samples)
    print(f"\n{what}: {kinds[kind]} of {kinds.total()}", {str(k): n for k, n in kinds.items() if k is not kind})  # noqa: T201 - the counts are asked for
    assert kinds.total() >= least, f"{kinds.total()} samples, {least} wanted; run scripts/samples"
    return kinds[kind] / kinds.total()


# ---- automatic replies


def test_of_real_and_rendered_replies_at_least_90_of_100_are_known() -> None:
    samples = [*replies.real(), *replies.of_examples(), *replies.of_postfixadmin(), *replies.of_ksieve()]
    assert recall("autoreply, all", Kind.AUTOREPLY, samples, least=60) >= 0.9


def test_postfixadmin_s_replies_are_known_by_words_in_their_languages() -> None:
    samples = replies.of_postfixadmin(marked=False)
    assert recall("autoreply, PostfixAdmin by words", Kind.AUTOREPLY, samples, least=30, sender="") >= 0.9


def test_kmail_s_replies_held_out_are_known() -> None:
    samples = replies.of_ksieve(without=SEEN)
    assert recall("autoreply, KMail (held out)", Kind.AUTOREPLY, samples, least=30) >= 0.9


def test_kmail_s_replies_held_out_are_known_by_words_in_their_languages() -> None:
    samples = replies.of_ksieve(marked=False, without=SEEN)
    assert recall("autoreply, KMail by words (held out)", Kind.AUTOREPLY, samples, least=30, sender="") >= 0.9


# ---- challenges


def test_of_real_and_rendered_challenges_at_least_90_of_100_are_known() -> None:
    samples = [*challenges.real(), *challenges.of_procmail_lib(), *challenges.of_sympa()]
    assert recall("challenge, all", Kind.CHALLENGE, samples, least=30) >= 0.9


# ---- delay notices


def test_of_real_delay_notices_at_least_90_of_100_are_known() -> None:
    assert recall("delay notice, real", Kind.DELAY_NOTICE, delays.real(), least=12) >= 0.9


def test_of_rendered_delay_notices_at_least_90_of_100_are_known() -> None:
    samples = [
        *delays.of_exim(), *delays.of_sendmail(), *delays.of_opensmtpd(), *delays.of_nullmailer(), *delays.of_courier(),
        *delays.of_postfix(),
    ]  # fmt: skip
    assert recall("delay notice, rendered", Kind.DELAY_NOTICE, samples, least=16, sender="") >= 0.9
    total = len([*delays.real(), *samples])
    if total < 30:
        pytest.fail(f"{total} delay notices, 30 wanted")


# ---- people write of such things as well

PEOPLE = (
    ("Urlaub", "Hallo Bob,\nich bin im Urlaub ab Montag, kannst du meine Blumen gießen?"),
    ("Dovolená", "Ahoj, jsem na dovolené od pondělí. Pojedeš s námi?"),
    ("Semester", "Hej! Jag är på semester i juli, ska vi ses?"),
    ("Ferie", "Ciao, sono in ferie dal 3 agosto, ci vediamo?"),
    ("Vacances", "Salut, je suis en vacances la semaine prochaine, on se voit?"),
    ("Absence de Paul", "Bonjour, Paul est malade. En cas d'urgence, appelez-moi."),
    ("Ausente em reunião", "Estarei ausente da reunião de amanhã."),
    ("Absent till Monday", "Anna is absent till Monday, says her mother. Please let the teacher know."),
    ("休假申请", "我想申请下周休假。"),
    ("Confirm your message for list of guests", "Please send the final list of guests."),
    ("Warning: delivery time", "Your parcel is still in the queue. Do not resend the form."),
)


@pytest.mark.parametrize(("subject", "text"), PEOPLE, ids=[subject for subject, _ in PEOPLE])
def test_a_person_s_mail_about_it_is_none_of_it(subject: str, text: str) -> None:
    assert classify(writing.plain(subject, text), sender="carol@far.test").kind is Kind.NONE


def test_a_delivery_status_that_failed_is_no_challenge_for_speaking_of_spam() -> None:
    text = "The email you sent with the following subject has not been delivered. Write to antispam@far.test."
    status = writing.STATUS.replace("delayed", "failed").replace("4.4.1", "5.7.1")
    raw = writing.parts(
        "**Message you sent blocked by our bulk email filter**",
        text,
        ("message/delivery-status", status),
        kind="report; report-type=delivery-status",
        sender="MAILER-DAEMON",
        fields=(),
    )
    assert classify(raw, sender="").kind is Kind.BOUNCE
