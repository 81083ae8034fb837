"""Delay notices: of mail servers, rendered from their sources, once as RFC 3464 and once as text, and real ones."""

import re
import subprocess
from collections.abc import Iterator
from shutil import which

from tests.gateway.backscatter.others import places, writing

EXIM = "src/exim4/*/src/deliver.c"
SENDMAIL = ("src/sendmail/**/sendmail/envelope.c", "src/sendmail/**/sendmail/savemail.c")
OPENSMTPD = "src/opensmtpd/*/usr.sbin/smtpd/bounce.c"
NULLMAILER = "src/nullmailer/*/src/dsn.cc"
COURIER = "deb/courier-mta/etc/courier/"
FLUFL = "flufl_bounce-*/tests/"
PARSER = "src/libmail-deliverystatus-bounceparser-perl/*/t/corpus/*.msg"
BOGOFILTER = "src/bogofilter/*/src/tests/inputs/good.mbx"
_DAEMON = "Mail Delivery System <MAILER-DAEMON@mx.far.test>"
_REASON = "  carol@far.test\n    Delay reason: Connection timed out\n"


def _both(subject: str, text: str, sender: str = _DAEMON) -> Iterator[bytes]:
    """The same notice as a delivery status, and as servers without that form send it."""
    others = (("message/delivery-status", writing.STATUS), ("message/rfc822", writing.ORIGINAL))
    kind = "report; report-type=delivery-status"
    fields = ("Auto-Submitted: auto-replied",)
    yield writing.parts(subject, text, *others, kind=kind, sender=sender, fields=fields)
    yield writing.plain(subject, f"{text}\n{writing.ORIGINAL}", sender=sender)


def of_exim() -> Iterator[bytes]:
    """Exim's warning: to who sent it himself, for one address and for several, and to another sender."""
    (path,) = places.needed(EXIM)
    source = path.read_text("latin-1")
    created = writing.literal(source, "This message was created automatically")
    own = writing.literal(source, "A message that you sent has not yet been delivered")
    other = writing.literal(source, "A message sent by\n\n  <%s>\n\nhas not yet been").replace(
        "%s", "alice@example.org"
    )
    queue = writing.literal(source, "%s on the queue on") % ("24 hours", "mx.far.test", "1abcde-0001Xy-00")
    to_which = writing.literal(source, "The address%s to which the message has not")
    last = writing.literal(source, "No action is required on your part")
    subject = writing.literal(source, "Subject: Warning: message") % ("1abcde-0001Xy-00", "24 hours")
    for who, many, verb in ((own, "", "is"), (own, "es", "are"), (other, "", "is")):
        text = f"{created}{who}{queue}\n{to_which % (many, verb)}\n{_REASON}\n{last}"
        yield from _both(subject.removeprefix("Subject: "), text)


def of_sendmail() -> Iterator[bytes]:
    """Sendmail's warnings: still queued, and past the time that the sender gave (RFC 2852)."""
    queueing, saving = (path.read_text("latin-1") for path in places.needed(*SENDMAIL))
    box = re.findall(r'"(    \*\*[^"]*\*\*)"', saving)
    received = writing.literal(saving, "The original message was received at") % "Mon, 21 Sep 2026 10:00:00 +0200"
    failed = writing.literal(saving, "----- The following addresses had transient")
    for subject in (
        writing.literal(queueing, "Warning: could not send message for past") % "4 hours",
        writing.literal(queueing, "Warning: Delivery time") % 3600,
    ):
        text = "\n".join(
            [*box, "", received, "from mail.example.org", "", failed, "<carol@far.test>", "", f"{subject}\n"]
        )
        yield from _both(subject, text, "Mail Delivery Subsystem <MAILER-DAEMON@mx.far.test>")


def of_opensmtpd() -> Iterator[bytes]:
    """OpenSMTPD's."""
    (path,) = places.needed(OPENSMTPD)
    source = path.read_text("latin-1")
    text = (
        writing.literal(source, "Hi!")
        + "\n"
        + writing.literal(source, "A message is delayed for more than") % "4 hours"
        + "carol@far.test: 421 4.4.1 timed out\n\n"
        + writing.literal(source, "Please note that this is only a temporary") % "4 days"
    )
    yield from _both("Delivery status notification: delayed", text, "Mailer Daemon <MAILER-DAEMON@mx.far.test>")


def of_nullmailer() -> Iterator[bytes]:
    """Nullmailer's."""
    (path,) = places.needed(NULLMAILER)
    source = path.read_text("latin-1")
    text = (
        writing.literal(source, "This is the nullmailer delivery system")
        + "has not been "
        + writing.literal(source, "delivered to one or more")
        + "\t<carol@far.test>\n"
        + writing.literal(source, "Delivery will continue to be attempted until")
        + "Fri, 25 Sep 2026 10:00:00 +0000\n"
        + writing.literal(source, "A final delivery status notification will be")
    )
    subject = writing.literal(source, "Subject: ").removeprefix("Subject: ").partition("\n")[0]
    yield from _both(subject, text, "Message Delivery Subsystem <MAILER-DAEMON@mx.far.test>")


def of_courier() -> Iterator[bytes]:
    """Courier's."""
    header, delayed, footer, subject = (
        path.read_text("utf-8")
        for name in ("dsnheader", "dsndelayed", "dsnfooter", "dsnsubjectwarn")
        for path in places.needed(f"{COURIER}{name}.txt")
    )
    head = header.partition("\n\n")[2].replace("[#ME#]", "mx.far.test").replace("[#FROMMTA#]", "mail.example.org")
    text = f"{head.replace('[#FROMTIME#]', 'Mon, 21 Sep 2026 10:00:00 +0000')}{delayed}\n<carol@far.test>:\n{footer}"
    yield from _both(subject.strip(), text, '"Courier mail server at mx.far.test" <@>')


def of_postfix() -> Iterator[bytes]:
    """Postfix's, as its own postconf prints it."""
    program = which("postconf", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program:
        said = subprocess.run([program, "-b"], capture_output=True, text=True, check=True).stdout
        text = re.search(r"expanded_delay_text = <<EOF\n(.*?)\nEOF", said, re.DOTALL)
        assert text, "postconf -b prints no delay notice"
        yield from _both("Delayed Mail (still being retried)", f"{text[1]}\n\n<carol@far.test>: connection timed out\n")


def real() -> Iterator[bytes]:
    """What flufl.bounce calls temporary, and every other real message whose delivery status says delayed."""
    (detectors,) = places.needed(f"{FLUFL}test_detectors.py")
    called = set(re.findall(r"\('\w+', '(\w+\.txt)', [^\n]*, True\)", detectors.read_text("utf-8")))
    for path in places.needed(f"{FLUFL}data/*.txt", PARSER):
        octets = path.read_bytes()
        if path.name in called or _delayed(octets):
            yield octets
    for path in places.found(BOGOFILTER):
        for octets in re.split(
            rb"^(?=From \S+ +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )", path.read_bytes(), flags=re.MULTILINE
        ):
            if _delayed(octets) and b"report-type=delivery-status" in octets.partition(b"\n\n")[0]:
                yield octets


def _delayed(octets: bytes) -> bool:
    """Whether all that a delivery status says is that it is delayed."""
    actions = {each.lower() for each in re.findall(rb"^action:[ \t]*([a-z]+)", octets, re.IGNORECASE | re.MULTILINE)}
    return actions == {b"delayed"}
