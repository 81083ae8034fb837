"""What a spam run consists of: messages with forged senders, each of a kind. It makes them; it sends nothing.

The same seed gives the same messages, so that two servers can be given the same mail. The local part of a forged sender
ends with the message's kind: so the sink of the forged senders' world can tell what a bounce is about.
"""

import base64
import enum
import random
import re
from collections.abc import Iterator

import msgspec

from gateway.checks.spam import GTUBE

DOMAIN = "example.test"
KNOWN = tuple(f"user{number}" for number in range(1, 21))
FULL, LATE = "full", "late"
DOMAINS = 500  # of forged senders
REFUSED_FIELD = "X-Campaign"  # the field for which the inner server refuses a message at the end of DATA

_EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"  # in pieces: this is no virus
_NAMES = ("anna", "ben", "chris", "dana", "eva", "frank", "gina", "hugo", "ines", "jan")
_SUBJECTS = (
    "Your parcel waits",
    "A better mortgage",
    "Watches from the maker",
    "Lose weight in a week",
    "Re: our talk",
)
_SENTENCES = (
    "Thousands of satisfied customers can not be wrong.",
    "This offer ends tonight, so do not wait any longer.",
    "Reply to this message and our agent will call you back.",
    "No prescription is needed and shipping is free of charge.",
    "You have been chosen from among many in your street.",
)


class Kind(enum.StrEnum):
    """What a message runs into. All but ``unknown`` go to mailboxes that exist."""

    UNKNOWN = "unknown"  # no such user
    SPAM = "spam"  # a spam filter is sure
    VIRUS = "virus"  # a virus scanner is sure
    REFUSED = "refused"  # only the inner server refuses it, at the end of DATA
    FULL = "full"  # the inner server knows at RCPT that the mailbox is full
    LATE = "late"  # the inner server accepts it, and finds the mailbox full when it delivers
    PLAIN = "plain"  # nobody minds


# Of the messages to users who exist, in hundredths.
_SHARES = {Kind.SPAM: 30, Kind.VIRUS: 8, Kind.REFUSED: 12, Kind.FULL: 4, Kind.LATE: 2, Kind.PLAIN: 44}


class Spam(msgspec.Struct, frozen=True):
    """One message; ``kind`` is a ``Kind``, or a word of another run. No line of the content begins with a dot."""

    kind: str
    sender: str
    recipient: str
    content: bytes


def campaign(messages: int, unknown: float, seed: int) -> Iterator[Spam]:
    """Give so many messages, the share ``unknown`` (0 to 1) of them to users who do not exist."""
    dice = random.Random(seed)  # noqa: S311 - must repeat itself
    kinds, weights = tuple(_SHARES), tuple(_SHARES.values())
    for number in range(messages):
        kind = Kind.UNKNOWN if dice.random() < unknown else dice.choices(kinds, weights)[0]
        sender = f"{dice.choice(_NAMES)}.{number}-{kind}@domain{dice.randrange(DOMAINS)}.example.org"
        recipient = f"{_local_part(kind, number, dice)}@{DOMAIN}"
        yield Spam(kind, sender, recipient, _content(kind, sender, recipient, number, dice))


def kind_of(address: str) -> str:
    """Give the kind that a forged sender is about, ``other`` where the address is none of a campaign."""
    word = re.match(r"[a-z]+\.[0-9]+-([a-z]+)@", address)
    return word[1] if word else "other"


def _local_part(kind: Kind, number: int, dice: random.Random) -> str:
    """Give the local part of the recipient."""
    if kind is Kind.UNKNOWN:
        return f"{dice.choice(_NAMES)}{number}"
    if kind is Kind.FULL:
        return FULL
    return LATE if kind is Kind.LATE else dice.choice(KNOWN)


def _content(kind: Kind, sender: str, recipient: str, number: int, dice: random.Random) -> bytes:
    """Write the message: a text of 1 to 4 KB, a virus in an attachment."""
    fields = (
        f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: {dice.choice(_SUBJECTS)}\r\n"
        f"Date: Fri, 20 Nov 2026 10:{number // 60 % 60:02}:{number % 60:02} +0000\r\n"
        f"Message-ID: <{number}.{dice.getrandbits(48):x}@{sender.partition('@')[2]}>\r\nMIME-Version: 1.0\r\n"
    )
    text = "".join(f"{dice.choice(_SENTENCES)}\r\n" for _ in range(dice.randint(20, 70)))
    if kind is Kind.REFUSED:
        fields += f"{REFUSED_FIELD}: {number}\r\n"
    if kind is Kind.SPAM:
        text += f"{GTUBE.decode()}\r\n"
    if kind is Kind.VIRUS:
        return _with_attachment(fields, text, f"=-{number}").encode()
    return f"{fields}Content-Type: text/plain; charset=us-ascii\r\n\r\n{text}".encode()


def _with_attachment(fields: str, text: str, boundary: str) -> str:
    """Give a message with the test virus attached."""
    return (
        f'{fields}Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n{text}\r\n"
        f'--{boundary}\r\nContent-Type: application/octet-stream; name="invoice.com"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{base64.b64encode(_EICAR).decode()}\r\n--{boundary}--\r\n"
    )
