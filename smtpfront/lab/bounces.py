"""The bounces of a storm: false ones in the forms of several programs, and genuine ones that answer mail of the victim.

It makes messages and sends nothing. The same seed gives the same bounces. Each says in a field of its own what kind it
is, for the mailbox at the end to count; nobody else reads it.
"""

import enum
import random
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from smtpfront.lab.campaign import Spam

KIND_FIELD = "X-Lab-Kind"
_KIND = re.compile(rb"^X-Lab-Kind: ([a-z-]+)\r$", re.MULTILINE)


class Forged(enum.StrEnum):
    """The false ones, to the address that was forged."""

    REPORT = "report"  # RFC 3464
    TEXT = "text"  # free text, as half of all bounces are
    PRETENDED = "pretended"  # with a made-up tag, and a made-up seal in what it quotes
    VIRUS = "virus-notice"
    AUTOREPLY = "autoreply"
    CHALLENGE = "challenge"


class Genuine(enum.StrEnum):
    """The genuine ones, by what proves them."""

    TAG = "by-tag"  # they come to the tagged address
    SEAL = "by-seal"  # to the plain address, with the seal in what they quote
    LEDGER = "by-ledger"  # to the plain address, with a Message-ID that the ledger knows
    SENDER = "from-a-sender"  # proven by any of them, and with a sender that is not null


class Original(msgspec.Struct, frozen=True):
    """A message of the victim that bounces: to which address its bounce comes, and what is quoted of it."""

    kind: Genuine
    returns_to: str
    failed: str
    message_id: str
    date: str
    seal: str = ""


class _Bounce(msgspec.Struct, frozen=True):
    """One bounce: the server that writes it, and in which form."""

    number: int
    kind: str
    host: str
    original: Original
    form: str
    has_sender: bool


# Of a hundred false ones; and of a hundred of each, how many have a sender that is not null.
SHARES = {
    Forged.REPORT: 32,
    Forged.TEXT: 28,
    Forged.PRETENDED: 10,
    Forged.VIRUS: 10,
    Forged.AUTOREPLY: 12,
    Forged.CHALLENGE: 8,
}
_WITH_SENDER = {Forged.VIRUS: 50, Forged.AUTOREPLY: 30, Forged.CHALLENGE: 70}
_WITH_SENDER_ELSE = 20

_REPORT = """\
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=-{number}"

--=-{number}
Content-Type: text/plain; charset=us-ascii

This is the mail system at host {host}.

I'm sorry to have to inform you that your message could not be delivered.

<{failed}>: unknown user: "{failed}"

--=-{number}
Content-Type: message/delivery-status

Reporting-MTA: dns; {host}

Final-Recipient: rfc822; {failed}
Action: failed
Status: 5.1.1
Diagnostic-Code: x-unix; unknown user

--=-{number}
Content-Type: text/rfc822-headers

{quoted}
--=-{number}--
"""
_EXIM = """\
Subject: Mail delivery failed: returning message to sender
X-Failed-Recipients: {failed}
Auto-Submitted: auto-replied

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {failed}
    Unrouteable address

------ This is a copy of the message, including all the headers. ------

{quoted}
"""
_QMAIL = """\
Subject: failure notice

Hi. This is the qmail-send program at {host}.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{failed}>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

{quoted}
"""
_VIRUS = """\
Subject: VIRUS (Eicar-Test-Signature) IN MAIL FROM YOU
Auto-Submitted: auto-generated

VIRUS ALERT

Our content checker found
    virus: Eicar-Test-Signature

in an email to you from the address <{victim}>.

Please check your system for viruses, or ask your system administrator
to do so. Delivery of the email was stopped!

------------------------- BEGIN HEADERS -----------------------------
{quoted}
-------------------------- END HEADERS ------------------------------
"""
_AUTOREPLY = """\
Subject: Out of Office: {about}
Auto-Submitted: auto-replied
In-Reply-To: <{message_id}>

Thank you for your message. I am out of the office until Monday and
will answer when I am back.
"""
_CHALLENGE = """\
Subject: Please confirm your message
Auto-Submitted: auto-replied

This message was created automatically by mail delivery software (TMDA).

Your message attached below is being held because the address <{victim}>
has not been verified. To release your message for delivery, please
send an empty message to the following address, or use your mailer's
"Reply" feature: confirm-{number}@{host}

{quoted}
"""
_HEAD = """\
From: {name} <{daemon}@{host}>
To: {victim}
Date: Fri, 20 Nov 2026 11:00:00 +0000
Message-ID: <{number}.{dice:x}@{host}>
{field}: {kind}
"""
_QUOTED = """\
Return-Path: <{victim}>
From: <{victim}>
To: <{failed}>
Subject: {about}
Date: {date}
Message-ID: <{message_id}>
"""
_SEAL = "X-Backstop-Seal: {seal}\n"
_BOUNCES = (_REPORT, _EXIM, _QMAIL)
_FORMS = {
    Forged.REPORT: (_REPORT,),
    Forged.TEXT: (_EXIM, _QMAIL),
    Forged.PRETENDED: _BOUNCES,
    Forged.VIRUS: (_VIRUS,),
    Forged.AUTOREPLY: (_AUTOREPLY,),
    Forged.CHALLENGE: (_CHALLENGE,),
}
_DAEMON = ("Mail Delivery System", "MAILER-DAEMON")
_PEOPLE: dict[str, tuple[str, str]] = {Forged.AUTOREPLY: ("Robin", "robin"), Forged.CHALLENGE: ("Robin", "robin")}
_SUBJECTS = ("Your parcel waits", "A better mortgage", "Re: our talk")


def bounces(
    false: int, originals: Sequence[Original], victim: str, seed: int, shares: Mapping[Forged, int] = SHARES
) -> Iterator[Spam]:
    """Give so many false bounces to a victim, in these shares of kinds, and one for each original, among them."""
    dice = random.Random(seed)  # noqa: S311 - must repeat itself
    total = false + len(originals)
    places = set(dice.sample(range(total), len(originals)))
    waiting = iter(originals)
    for number in range(total):
        yield (
            _genuine(number, next(waiting), victim, dice) if number in places else _false(number, victim, shares, dice)
        )


def kind_in(head: bytes) -> str:
    """Give the kind that a message's header says it is, empty where it is none of a storm."""
    found = _KIND.search(head)
    return found[1].decode() if found else ""


def _false(number: int, victim: str, shares: Mapping[Forged, int], dice: random.Random) -> Spam:
    """Write a false one. Whose address it bears in what it quotes, the victim has never written to."""
    kind = dice.choices(tuple(shares), tuple(shares.values()))[0]
    host = f"mx{dice.randrange(400)}.example.net"
    domain = victim.rpartition("@")[2]
    original = Original(
        Genuine.TAG,  # it is none
        victim
        if kind is not Forged.PRETENDED
        else f"prvs=1{dice.randrange(1000):03}{dice.getrandbits(24):06x}={victim}",
        f"nobody{dice.randrange(100_000)}@{host}",
        f"{dice.getrandbits(64):x}@{domain}",
        f"Fri, 20 Nov 2026 10:{dice.randrange(60):02}:{dice.randrange(60):02} +0000",
        f"1-{dice.getrandbits(32):08x}-{dice.getrandbits(128):032x}" if kind is Forged.PRETENDED else "",
    )
    has_sender = dice.randrange(100) < _WITH_SENDER.get(kind, _WITH_SENDER_ELSE)
    bounce = _Bounce(number, kind, host, original, dice.choice(_FORMS[kind]), has_sender)
    return _written(bounce, victim, dice)


def _genuine(number: int, original: Original, victim: str, dice: random.Random) -> Spam:
    """Write a genuine one."""
    host = original.failed.rpartition("@")[2]
    has_sender = original.kind is Genuine.SENDER
    bounce = _Bounce(number, original.kind, host, original, dice.choice(_BOUNCES), has_sender)
    return _written(bounce, victim, dice)


def _written(bounce: _Bounce, victim: str, dice: random.Random) -> Spam:
    """Write a bounce."""
    name, daemon = _PEOPLE.get(bounce.kind, _DAEMON)
    values = {
        **msgspec.structs.asdict(bounce.original),
        "name": name,
        "daemon": daemon,
        "host": bounce.host,
        "victim": victim,
        "number": bounce.number,
        "dice": dice.getrandbits(40),
        "field": KIND_FIELD,
        "kind": bounce.kind,
        "about": dice.choice(_SUBJECTS),
    }
    values["quoted"] = _QUOTED.format(**values) + (_SEAL.format(**values) if bounce.original.seal else "")
    content = (_HEAD + bounce.form).format(**values).replace("\n", "\r\n").encode()
    sender = f"{daemon}@{bounce.host}" if bounce.has_sender else ""
    return Spam(bounce.kind, sender, bounce.original.returns_to, content)
