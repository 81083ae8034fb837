"""What each kind looks like, in samples of our own. Collections of others are in test_kinds_samples."""

import pytest

from gateway.backscatter.kinds import classify
from gateway.backscatter.words import Kind


def mail(headers: str, text: str = "", *, sender: str | None = None) -> Kind:
    return classify(f"{headers}\n\n{text}\n".encode(), sender=sender).kind


def report(
    what: str, status: str, *, text: str = "", subject: str = "Notice", head: str = "From: mx@example.com\n"
) -> Kind:
    return mail(
        f'{head}Subject: {subject}\nContent-Type: multipart/report; report-type={what}; boundary="b"',
        f"--b\nContent-Type: text/plain\n\n{text}\n--b\nContent-Type: message/{what}\n\n{status}\n--b--",
    )


# ---- what standards define


def test_a_delivery_status_that_failed_is_a_bounce() -> None:
    assert (
        report("delivery-status", "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@b\nAction: failed")
        is Kind.BOUNCE
    )


def test_a_delivery_status_that_is_delayed_is_a_delay_notice() -> None:
    assert report("delivery-status", "Reporting-MTA: dns; mx\n\nAction: delayed") is Kind.DELAY_NOTICE


def test_one_failed_recipient_makes_it_a_bounce() -> None:
    assert report("delivery-status", "Action: delayed\n\nAction: failed") is Kind.BOUNCE


def test_a_delivery_status_that_was_delivered_is_a_receipt() -> None:
    assert report("delivery-status", "Action: delivered") is Kind.RECEIPT


def test_a_delivery_status_about_a_virus_is_a_virus_notice() -> None:
    found = report(
        "delivery-status",
        "Action: failed",
        text="Our virus checker found a virus",
        subject="VIRUS (Test) in mail from you",
    )
    assert found is Kind.VIRUS_NOTICE


def test_a_disposition_notification_is_a_receipt() -> None:
    assert report("disposition-notification", "Disposition: manual-action/MDN-sent-manually; displayed") is Kind.RECEIPT


def test_a_disposition_notification_of_a_refusal_is_a_bounce() -> None:
    assert (
        report(
            "disposition-notification", "Disposition: automatic-action; deleted", subject="Automatically rejected mail"
        )
        is Kind.BOUNCE
    )


def test_a_feedback_report_is_a_report() -> None:
    assert report("feedback-report", "Feedback-Type: abuse\nVersion: 1") is Kind.REPORT


def test_a_tls_report_is_a_report() -> None:
    assert (
        mail("From: tls@example.com\nTLS-Report-Domain: example.org\nSubject: Report Domain: example.org")
        is Kind.REPORT
    )


def test_a_dmarc_aggregate_report_is_a_report() -> None:
    found = mail(
        "From: noreply-dmarc@example.com\nSubject: Report Domain: example.org Submitter: example.com Report-ID: 1\n"
        'Content-Type: application/gzip; name="example.com!example.org!1700000000!1700086399.xml.gz"'
    )
    assert found is Kind.REPORT


# ---- free text

BOUNCES = {
    "qmail": "Hi. This is the qmail-send program. I'm afraid I wasn't able to deliver your message.",
    "exim": "This message was created automatically by mail delivery software.\nA message",
    "sendmail": " ----- The following addresses had permanent fatal errors -----\n<a@b>\n ----- Transcript of",
    "exchange": "Your message did not reach some or all of the intended recipients.",
    "german": "Ihre Nachricht konnte nicht zugestellt werden: Benutzer unbekannt",
    "french": "Votre message n'a pas pu être remis au destinataire",
    "spanish": "Su mensaje no se pudo entregar",
    "russian": "Ваше сообщение не может быть доставлено",
    "japanese": "次のあて先へのメッセージはエラーのため送信できませんでした。",
}


@pytest.mark.parametrize("text", BOUNCES.values(), ids=BOUNCES.keys())
def test_a_bounce_in_free_text_is_known(text: str) -> None:
    assert mail("From: MAILER-DAEMON@example.com\nSubject: your message", text, sender="") is Kind.BOUNCE


def test_a_bounce_whose_sender_is_not_null_is_known() -> None:
    assert (
        mail(
            "From: postmaster@example.com\nSubject: Undeliverable mail",
            "550 5.1.1 <a@b>: user unknown",
            sender="postmaster@example.com",
        )
        is Kind.BOUNCE
    )


def test_a_bounce_in_an_unknown_language_is_known_by_what_it_quotes() -> None:
    original = "Received: from a by b; Mon, 1 Jan 2024\nMessage-ID: <1@example.org>\nSubject: hello"
    text = "<qu@example.net>: 550 5.1.1 xyzzy plugh undeliverable\n\n"
    assert mail("From: MAILER-DAEMON@example.com\nSubject: xyzzy", text + original, sender="") is Kind.BOUNCE


def test_a_delay_in_free_text_is_a_delay_notice() -> None:
    found = mail(
        "From: MAILER-DAEMON@example.com\nSubject: Warning: message 1abcde-0001 delayed 24 hours",
        "No action is required on your part. Delivery attempts will continue for some time.",
        sender="",
    )
    assert found is Kind.DELAY_NOTICE


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: lunch",
        "Out of Office: lunch",
        "Abwesenheitsnotiz: lunch",
        "Réponse automatique : lunch",
        "Respuesta automática: lunch",
        "Risposta automatica: lunch",
        "[Automatyczna odpowied\u017a] lunch",
        "Автоответ: lunch",
        "自动回复: lunch",
        "=?utf-8?B?6Ieq5Yqo5Zue5aSN77yabHVuY2g=?=",
    ],
)
def test_an_out_of_office_reply_is_known_by_its_subject(subject: str) -> None:
    assert mail(f"From: anne@example.com\nSubject: {subject}", "...") is Kind.AUTOREPLY


@pytest.mark.parametrize(
    "header",
    ["Auto-Submitted: auto-replied (vacation)", "X-Autoreply: yes", "Precedence: auto_reply", "X-Autorespond: 1"],
)
def test_an_automatic_reply_is_known_by_its_header(header: str) -> None:
    assert mail(f"From: anne@example.com\n{header}\nSubject: Re: lunch", "Bin weg.") is Kind.AUTOREPLY


def test_a_challenge_is_known() -> None:
    found = mail(
        "From: anne@example.com\nAuto-Submitted: auto-replied\nSubject: Please confirm your message",
        "Your message is being held because your address is not on my list of approved senders.\n"
        "Just reply to this message to prove that you are human, and it will be delivered.",
    )
    assert found is Kind.CHALLENGE


def test_a_confirmation_is_known_by_where_its_answer_goes() -> None:
    token = "0123456789abcdef"
    assert mail(f"From: l-confirm+{token}@example.com\nSubject: Liste", "...") is Kind.CONFIRMATION


def test_a_confirmation_is_known_by_words() -> None:
    found = mail(
        "From: list-request@example.com\nSubject: Confirm your subscription to the list",
        "Somebody asked to subscribe this address to the mailing list. To confirm, reply to this message.",
    )
    assert found is Kind.CONFIRMATION


def test_a_virus_notice_is_known() -> None:
    found = mail(
        "From: postmaster@example.com\nSubject: Virus found in your message",
        "Our virus scanner found a virus in the message you sent to anne. It was not delivered.",
        sender="",
    )
    assert found is Kind.VIRUS_NOTICE


def test_a_read_receipt_without_structure_is_known() -> None:
    found = mail(
        "From: anne@example.com\nSubject: Read: lunch",
        "This is a return receipt for the mail that you sent. Your message was read on Monday.",
    )
    assert found is Kind.RECEIPT


# ---- what is none of it

ORDINARY = {
    "person": ("From: anne@example.com\nSubject: lunch", "At one?"),
    "person about a bounce": (
        "From: anne@example.com\nSubject: Re: Undelivered Mail Returned to Sender\nIn-Reply-To: <1@x>",
        "I got this back, could not be delivered, user unknown. What is wrong?",
    ),
    "bounce sent on": (
        "From: anne@example.com\nSubject: Fwd: failure notice",
        "Look at this.\n> I'm afraid I wasn't able to deliver your message",
    ),
    "list about bounces": (
        "From: bob@example.com\nList-Id: <mailop.example.org>\nSubject: Delivery Status Notification (Failure) parsing",
        "How do you parse action: failed and 550 5.1.1 user unknown?",
    ),
    "newsletter": (
        "From: news@shop.example\nList-Unsubscribe: <https://shop.example/u>\nSubject: Out of office? Save",
        "Pack your bags: on vacation you save. Unsubscribe here.",
    ),
    "parcel": (
        "From: parcels@example.com\nSubject: Delivery failed: your parcel",
        "Your parcel could not be delivered. Please choose another day.",
    ),
    "order": (
        "From: shop@example.com\nAuto-Submitted: auto-generated\nSubject: Your order was received",
        "Thank you. It will be delivered on Monday. Please confirm that the address is right.",
    ),
    "ticket": (
        "From: help@example.com\nRT-Ticket: example #7\nPrecedence: bulk\nSubject: [example #7] mail delivery problem",
        "A ticket has been opened: the message could not be delivered.",
    ),
    "calendar": (
        "From: anne@example.com\nSubject: Accepted: meeting\nContent-Type: text/calendar; method=REPLY",
        "BEGIN:VCALENDAR",
    ),
    "postmaster as a person": ("From: postmaster@example.com\nSubject: work on Monday", "Mail will be slow at ten."),
    "account": ("From: no-reply@example.com\nSubject: Confirm your email address", "Click the link below."),
    "empty": ("", ""),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "text"), ORDINARY.values(), ids=ORDINARY.keys())
def test_ordinary_mail_is_none_of_it(headers: str, text: str) -> None:
    assert mail(headers, text) is Kind.NONE


# ---- how it is said, and to whom


def test_the_evidence_is_in_words() -> None:
    found = classify(b"From: MAILER-DAEMON@example.com\nSubject: failure notice\n\nuser unknown\n", sender="")
    assert found.evidence[0] == "the sender is null"
    assert any('the text says "user unknown"' in fact for fact in found.evidence)


def test_the_return_path_stands_for_a_sender_that_is_not_known() -> None:
    raw = b"Return-Path: <>\nFrom: MAILER-DAEMON@example.com\nSubject: failure notice\n\nuser unknown\n"
    assert "the sender is null" in classify(raw).evidence
    assert "the sender is null" not in classify(raw, sender="a@example.com").evidence


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_every_line_end_is_read(end: str) -> None:
    text = "Return-Path: <>\nFrom: MAILER-DAEMON@example.com\nSubject: failure notice\n\nuser unknown\n"
    assert classify(text.replace("\n", end).encode()).kind is Kind.BOUNCE


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("base64", b"VGhpcyBpcyB0aGUgbWFpbCBzeXN0ZW0gYXQgaG9zdCBteC4gdXNlciB1bmtub3du"),
        ("quoted-printable", b"This is the mail system at ho=\r\nst mx. user=20unknown"),
    ],
)
def test_transfer_encodings_are_undone(encoding: str, body: bytes) -> None:
    head = f"From: MAILER-DAEMON@example.com\r\nSubject: x\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    assert classify(head.encode() + body, sender="").kind is Kind.BOUNCE


def test_words_behind_tags_are_read() -> None:
    raw = b"From: MAILER-DAEMON@x\nSubject: x\nContent-Type: text/html\n\n<p>user unknown, <b>was not delivered</b>"
    assert classify(raw, sender="").kind is Kind.BOUNCE
