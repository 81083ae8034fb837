"""A mail of ours, marked in every way, and the ways in which others bounce it."""

import base64
import functools
import html
import re

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.backscatter import batv, seal
from gateway.backscatter.judge import Tools
from gateway.backscatter.ledger import HashedLedger, Mac
from gateway.outbound import keys

DAY = 86_400
NOW = 1_790_000_000.0
TODAY = int(NOW // DAY)
ALICE = "alice@example.org"
BOB = "bob@example.org"
FAR = "carol@far.test"
ID = "<20261101.77@example.org>"
DATE = "Sun, 20 Sep 2026 10:00:00 +0200"
SEAL = b"seal secret"
KEY = batv.Key(1, b"batv secret")
NODE = "mx.example.org"


class Memory(dict[Mac, float]):
    """The simplest store."""

    def put(self, mac: Mac, at: float) -> None:
        self[mac] = max(at, self.get(mac) or 0)


@functools.cache
def private_key() -> str:
    """A private DKIM key, PEM."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def ledger(sender: str = ALICE, at: float | None = None) -> HashedLedger:
    """A ledger; with one message of the sender in it where a time is given."""
    made = HashedLedger(b"ledger secret", Memory(), lambda: NOW)
    if at is not None:
        made.sent(ID, sender, [FAR], at)
    return made


def tools(**changes: object) -> Tools:
    """What the judge works with for a domain that has marked everything for long."""
    record = keys.dkim_record(private_key()).encode()
    values: dict[str, object] = {
        "keys": (KEY,),
        "seal": SEAL,
        "ledger": ledger(),
        "domains": {"example.org": NOW - 100 * DAY},
        "dkim": {"s1._domainkey.example.org": record},
        "nodes": (NODE,),
    }
    return Tools(**{**values, **changes})  # type: ignore[arg-type]


def original(*fields: str, sender: str = ALICE) -> bytes:
    """A mail as it left, with more fields in front."""
    lines = [
        *fields,
        f"From: Somebody <{sender}>",
        f"To: {FAR}",
        "Subject: the offer that we talked about, and some more words to make it long",
        f"Date: {DATE}",
        f"Message-ID: {ID}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
    ]
    return "".join(f"{each}\r\n" for each in lines).encode() + b"\r\nHello,\r\nhere it is.\r\n"


def sealed(sender: str = ALICE, at: float = NOW - DAY) -> bytes:
    """A mail with a seal."""
    value = seal.make(SEAL, message_id=ID, date=DATE, sender=sender, now=at)
    return original(f"{seal.HEADER}: {value}", sender=sender)


def signed(sender: str = ALICE, at: float = NOW - DAY) -> bytes:
    """A mail with a DKIM signature of ours."""
    plain = original(sender=sender)
    signer = dkim.DKIM(plain)
    names = [b"from", b"from", b"to", b"subject", b"date", b"message-id"]
    now, dkim.time.time = dkim.time.time, lambda: at
    try:
        field = signer.sign(
            b"s1", b"example.org", private_key().encode(), canonicalize=(b"relaxed", b"relaxed"), include_headers=names
        )
    finally:
        dkim.time.time = now
    return bytes(field) + plain


TOP = (
    b"Received: from mx.far.test (mx.far.test [192.0.2.1]) by mx.example.org; Mon, 21 Sep 2026 10:00:00 +0000\r\n"
    b"From: MAILER-DAEMON@far.test (Mail Delivery System)\r\nTo: alice@example.org\r\n"
    b"Subject: Undelivered Mail Returned to Sender\r\nMessage-ID: <bounce1@far.test>\r\n"
    b"Date: Mon, 21 Sep 2026 10:00:00 +0000\r\n"
)
WORDS = (
    b"This is the mail system at host mx.far.test.\r\n\r\nI'm sorry to have to inform you that your message could\r\n"
    b"not be delivered to one or more recipients.\r\n\r\n<carol@far.test>: 550 5.1.1 User unknown\r\n\r\n"
)
STATUS = (
    b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.far.test\r\n\r\n"
    b"Final-Recipient: rfc822; carol@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
)


def head_of(mail: bytes) -> bytes:
    return mail.partition(b"\r\n\r\n")[0] + b"\r\n"


def _report(last: bytes) -> bytes:
    return (
        TOP
        + b'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="b1"\r\n\r\n'
        + b"--b1\r\nContent-Type: text/plain\r\n\r\n"
        + WORDS
        + b"--b1\r\n"
        + STATUS
        + b"--b1\r\n"
        + last
        + b"\r\n--b1--\r\n"
    )


def rfc3464(mail: bytes) -> bytes:
    return _report(b"Content-Type: message/rfc822\r\n\r\n" + mail)


def headers_only(mail: bytes) -> bytes:
    return _report(b"Content-Type: text/rfc822-headers\r\n\r\n" + head_of(mail))


def in_base64(mail: bytes) -> bytes:
    return _report(
        b"Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(head_of(mail))
    )


def qmail(mail: bytes) -> bytes:
    return TOP + b"\r\n" + WORDS + b"--- Below this line is a copy of the message.\r\n\r\n" + mail


def quoting(mail: bytes) -> bytes:
    return TOP + b"\r\n" + WORDS + b"Your message:\r\n\r\n" + re.sub(rb"(?m)^", b"> ", mail)


def close_quoting(mail: bytes) -> bytes:
    return TOP + b"\r\n" + WORDS + b"Your message:\r\n\r\n" + re.sub(rb"(?m)^", b">", mail)


def indented(mail: bytes) -> bytes:
    return TOP + b"\r\n" + WORDS + b"   ----- Headers follow -----\r\n\r\n" + re.sub(rb"(?m)^", b"    ", head_of(mail))


def refolded(mail: bytes) -> bytes:
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", head_of(mail))
    folded = re.sub(rb"; |(?<=[a-z]) (?=[a-z])", lambda m: m[0].rstrip() + b"\r\n\t", unfolded)
    return _report(b"Content-Type: text/rfc822-headers\r\n\r\n" + folded)


def recased(mail: bytes) -> bytes:
    shouted = re.sub(rb"(?m)^[A-Za-z-]+:", lambda m: m[0].upper(), head_of(mail))
    return _report(b"Content-Type: text/rfc822-headers\r\n\r\n" + shouted)


def in_html(mail: bytes) -> bytes:
    lines = "<br>\r\n".join(html.escape(each) for each in head_of(mail).decode().split("\r\n"))
    return (
        TOP
        + b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<html><body><p>Delivery has failed to these recipients:"
        + b"</p>carol@far.test<br>Diagnostic information for administrators:<br>Original message headers:<br><pre>"
        + lines.encode()
        + b"</pre></body></html>\r\n"
    )


FORMS = [
    rfc3464, headers_only, in_base64, qmail, quoting, close_quoting, indented, refolded, recased, in_html,
]  # fmt: skip
