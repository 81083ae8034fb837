"""The messages of the demo, each with what must become of it. It builds them; it sends nothing.

Virus and spam test strings are put together here, so that no file of the project holds one whole.
"""

import email.utils
import io
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP

import msgspec

from gateway.checks.spam import GTUBE
from gateway.embedded.clamav import EICAR
from gateway.embedded.firststart import DOMAIN, STRICTER
from gateway.mail.decisions import Disposition

ALICE, BOB, CAROL = f"alice@{DOMAIN}", f"bob@{DOMAIN}", f"{STRICTER}@{DOMAIN}"
STRANGER = "someone@demo.example.net"
ELSEWHERE = "friend@elsewhere.example.net"
LARGEST_UNDECLARED = 64 * 1024 * 1024  # octets; a message larger than that is not sent to prove a point


class Sample(msgspec.Struct, frozen=True):
    """One message of the demo and what is expected.

    ``content`` ends its lines with CRLF and is sent with its dots stuffed, unless ``raw``: then it is what goes over
    the wire after DATA, its end included. ``declared`` is the SIZE that MAIL names, in octets, 0 for none. ``code`` and
    ``enhanced`` are the deciding reply's; ``fates`` says what becomes of it for each recipient. ``never`` are octets
    that must appear nowhere at the sink.
    """

    name: str
    sender: str
    fates: dict[str, Disposition]
    content: bytes
    code: int = 250
    enhanced: str = "2.0.0"
    listener: str = "inbound"
    declared: int = 0
    raw: bool = False
    tagged: bool = False
    never: bytes = b""

    @property
    def recipients(self) -> tuple[str, ...]:
        """To whom it is sent."""
        return tuple(self.fates)

    @property
    def delivered_to(self) -> tuple[str, ...]:
        """Who must have it at the sink."""
        return tuple(who for who, what in self.fates.items() if what is Disposition.DELIVERED)


def samples(token: str, max_size: int) -> Iterator[Sample]:
    """Give the messages. ``token`` is in each, so that runs are told apart; ``max_size`` is the policy's, in octets."""
    plain = _message(token, "Lunch on Thursday", "Shall we say noon?\n.\nA line with a lone dot stands above.\n")
    yield Sample("clean text", STRANGER, {ALICE: Disposition.DELIVERED}, plain.as_bytes())
    yield Sample(
        "clean multipart with attachment", STRANGER, {BOB: Disposition.DELIVERED}, _with_attachment(token).as_bytes()
    )
    rejected = {ALICE: Disposition.REJECTED}
    yield Sample("EICAR test virus in a zip", STRANGER, rejected, _with_virus(token).as_bytes(), 550, "5.7.1")
    spam = _message(token, "Wonderful offer", f"{GTUBE.decode()}\n")
    yield Sample("GTUBE spam test", STRANGER, rejected, spam.as_bytes(), 550, "5.7.1")
    nobody = {f"nobody-{token}@{DOMAIN}": Disposition.REJECTED}
    yield Sample("unknown recipient", STRANGER, nobody, plain.as_bytes(), 550, "5.1.1")
    yield Sample("bounce with the null sender", "", {ALICE: Disposition.DELIVERED}, _bounce(token))
    yield from _too_large(token, max_size)
    yield _smuggled(token)
    yield Sample(
        "one message, two policies",
        STRANGER,
        {ALICE: Disposition.DELIVERED, CAROL: Disposition.QUARANTINED},
        _suspicious(token),
        tagged=True,
    )
    outgoing = _message(token, "Minutes of the meeting", "As promised.\n", sender=ALICE, to=ELSEWHERE)
    yield Sample(
        "outbound, from a listed network",
        ALICE,
        {ELSEWHERE: Disposition.DELIVERED},
        outgoing.as_bytes(),
        listener="outbound",
    )


def _message(token: str, subject: str, text: str, *, sender: str = STRANGER, to: str = ALICE) -> EmailMessage:
    """Give a message with all the fields that RFC 5322 asks for."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"<{sender}>"
    message["To"] = to
    message["Subject"] = f"{subject} [{token}]"
    message["Date"] = email.utils.localtime()
    message["Message-ID"] = email.utils.make_msgid(token, "demo.example.net")
    message.set_content(text)
    return message


def _with_attachment(token: str) -> EmailMessage:
    """Give text and HTML with a table attached."""
    message = _message(token, "The figures", "Attached.\n", to=BOB)
    message.add_alternative("<p>Attached.</p>\n", subtype="html")
    message.add_attachment("month,messages\nMay,1204\nJune,1377\n", subtype="csv", filename="figures.csv")
    return message


def _with_virus(token: str) -> EmailMessage:
    """Give a message with the EICAR test file in a zip."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("invoice.com", EICAR)
    message = _message(token, "Your invoice", "See the archive.\n")
    message.add_attachment(archive.getvalue(), maintype="application", subtype="zip", filename="invoice.zip")
    return message


def _bounce(token: str) -> bytes:
    """Give a non-delivery report (RFC 3464) about a message that Alice may have sent."""
    boundary = f"=-{token}"
    return f"""\
From: Mail Delivery System <mailer-daemon@mx.example.net>
To: {ALICE}
Subject: Undelivered mail [{token}]
Date: {email.utils.format_datetime(email.utils.localtime())}
Message-ID: {email.utils.make_msgid(token, "mx.example.net")}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"

--{boundary}
Content-Type: text/plain; charset=us-ascii

Your message could not be delivered to {ELSEWHERE}.

--{boundary}
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {ELSEWHERE}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 unknown user

--{boundary}
Content-Type: text/rfc822-headers

From: {ALICE}
To: {ELSEWHERE}
Subject: Hello
Message-ID: <{token}@{DOMAIN}>

--{boundary}--
""".replace("\n", "\r\n").encode()


def _too_large(token: str, max_size: int) -> Iterator[Sample]:
    """Give an over-size message twice: declared by SIZE, and found out as it comes."""
    rejected = {ALICE: Disposition.REJECTED}
    small = _message(token, "Holiday pictures", "Many of them.\n").as_bytes()
    yield Sample("over-size, declared", STRANGER, rejected, small, 552, "5.3.4", declared=max_size + 1)
    if max_size < LARGEST_UNDECLARED:
        line = b"0123456789abcdef" * 4 + b"\r\n"
        large = small + line * (max_size // len(line) + 1)
        yield Sample("over-size, not declared", STRANGER, rejected, large, 552, "5.3.4")


def _smuggled(token: str) -> Sample:
    """Give a message with a second one behind a lone dot whose line ends are odd (CVE-2023-51764 and its kin)."""
    hidden = b"smuggled-" + token.encode()
    first = _message(token, "Nothing to see", "Here.\n").as_bytes()
    second = (
        b"MAIL FROM:<admin@example.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
        b"From: admin@example.test\r\nSubject: " + hidden + b"\r\n\r\nPay at once.\r\n"
    )
    return Sample(
        "smuggled lone dot",
        STRANGER,
        {ALICE: Disposition.REJECTED},
        first + b"\n.\r\n" + second + b".\r\n",
        550,
        "5.5.2",
        raw=True,
        never=hidden,
    )


def _suspicious(token: str) -> bytes:
    """Give a message that lacks so much that it scores 6 points: tagged by the domain's rules, too much for Carol's."""
    lines = (f"From: <{STRANGER}>", f"Subject: LAST CHANCE TO WIN !!! [{token.upper()}]", "", "Answer today.", "")
    return "\r\n".join(lines).encode()
