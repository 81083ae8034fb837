"""A storm of false bounces to one victim, with a few genuine ones among them: what a forged spam run leaves behind.

It stands for the mail servers of the world that accept first and bounce later. The bounces have the null sender and
come in the forms of several programs. Genuine ones go to the tagged sender address that they answer; false ones to the
bare address that was forged. Prints JSON lines as the spam run does, with the kinds ``false`` and ``genuine``.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence

from smtpfront.lab.campaign import Spam
from smtpfront.lab.spamrun import AT_ONCE, SpamRun

FALSE, GENUINE = "false", "genuine"

_HEAD = """\
From: Mail Delivery System <MAILER-DAEMON@{host}>
To: {to}
Subject: {subject}
Date: Fri, 20 Nov 2026 11:00:00 +0000
Message-ID: <{number}.{dice:x}@{host}>
"""
_REPORT = """\
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

Hi. This is the qmail-send program at {host}.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{failed}>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

{quoted}
"""
_QUOTED = """\
Return-Path: <{victim}>
From: <{victim}>
To: <{failed}>
Subject: {about}
Message-ID: <{id:x}@{domain}>
"""
_FORMS = (
    ("Undelivered Mail Returned to Sender", _REPORT),
    ("Mail delivery failed: returning message to sender", _EXIM),
    ("failure notice", _QMAIL),
)


def bounces(false: int, genuine: int, victim: str, tagged: str, seed: int) -> Iterator[Spam]:
    """Give the bounces, the genuine ones spread among the false. ``tagged`` is the victim's address as we sent it."""
    dice = random.Random(seed)  # noqa: S311 - must repeat itself
    total = false + genuine
    places = set(dice.sample(range(total), genuine))
    for number in range(total):
        kind = GENUINE if number in places else FALSE
        recipient = tagged if kind == GENUINE else victim
        yield Spam(kind, "", recipient, _bounce(number, recipient, victim, dice))


def _bounce(number: int, recipient: str, victim: str, dice: random.Random) -> bytes:
    """Write one bounce."""
    host = f"mx{dice.randrange(400)}.example.net"
    values = {
        "host": host,
        "to": recipient,
        "number": number,
        "dice": dice.getrandbits(40),
        "failed": f"nobody{dice.randrange(100_000)}@{host}",
        "victim": victim,
        "about": dice.choice(("Your parcel waits", "A better mortgage", "Re: our talk")),
        "id": dice.getrandbits(64),
        "domain": victim.rpartition("@")[2],
    }
    subject, form = dice.choice(_FORMS)
    values["quoted"] = _QUOTED.format(**values)
    return (_HEAD + form).format(subject=subject, **values).replace("\n", "\r\n").encode()


async def _run(options: argparse.Namespace) -> None:
    """Send the storm and print what came of it."""
    host, _, port = options.to.rpartition(":")
    mails = bounces(options.false, options.genuine, options.victim, options.tagged, options.seed)
    run = SpamRun(host, int(port), mails)
    began = time.monotonic()
    await run.send(options.at_once)
    said = {"sent": run.sent, "seconds": time.monotonic() - began, "outcomes": run.outcomes}
    print(json.dumps(said), flush=True)  # noqa: T201 - how it is read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m smtpfront.lab.storm", description="Send a storm of bounces.")
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="the server that gets it")
    parser.add_argument("--victim", required=True, metavar="ADDRESS", help="whose address was forged")
    parser.add_argument("--tagged", required=True, metavar="ADDRESS", help="the same with a valid BATV tag")
    parser.add_argument("--false", type=int, default=720, metavar="N", help="false bounces (default: %(default)s)")
    parser.add_argument("--genuine", type=int, default=10, metavar="N", help="genuine ones (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same bounces")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, metavar="N", help="connections (default: %(default)s)")
    asyncio.run(_run(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
