"""Virus notices: amavis's to sender, recipient and administrator, and Sympa's in all its languages."""

import re
from collections.abc import Callable, Iterator
from email.header import Header

from tests.gateway.backscatter.others import amavis, places

SENDERS = "deb/amavisd-new/etc/amavis/*/template-virus-sender.txt"
OTHERS = (
    "deb/amavisd-new/etc/amavis/*/template-virus-recipient.txt",
    "deb/amavisd-new/etc/amavis/*/template-virus-admin.txt",
)
SYMPA = "deb/sympa/usr/share/sympa/default/mail_tt2/your_infected_msg.tt2"
SYMPA_CATALOGUES = "deb/sympa/usr/share/locale/*/LC_MESSAGES/sympa.mo"
Translate = Callable[[str], str]
MAJOR = {"banned": "8", "virus": "9"}
_FOUND: dict[str, list[amavis.Names]] = {
    "virus": [{"V": ["Eicar-Test-Signature"]}, {"V": ["Worm.Mydoom.I", "HTML.Phishing"]}],
    "banned": [{"F": ["invoice.exe"]}, {"F": [".exe,.exe-ms,report.pif"]}],
}


def _values(kind: str, found: amavis.Names) -> amavis.Names:
    """What amavis knows of a message in which it found something."""
    return {
        "f": '"Content-filter at mx.far.test" <postmaster@mx.far.test>', "d": "Mon, 21 Sep 2026 10:00:00 +0000",
        "h": "mx.far.test", "i": "uB4jPfS0", "n": "24242-08", "m": "<20261101.77@example.org>",
        "s": "<alice@example.org>",
        "o": "alice@example.org", "R": ["<carol@far.test>"], "N": ["<carol@far.test>"], "T": ["virusalert@far.test"],
        "a": "192.0.2.7", "j": "the offer that we talked about", "q": "virus-uB4jPfS0", "W": ["ClamAV-clamd"],
        "ccat|major": MAJOR[kind], "ccat|name": kind.capitalize(), "ccat|is_blocked_by_nonmain": "",
        "header_field|From": "Alice <alice@example.org>", "header_field|To": "carol@far.test",
        "header_field|Subject": "the offer that we talked about", "client_addr_port": "[192.0.2.7]:4711 ",
        **found,
    }  # fmt: skip


def encoded(text: str) -> str:
    """A header's text as it is sent."""
    return text if text.isascii() else Header(text, "utf-8").encode()


def plain(text: str, *headers: str) -> bytes:
    """A message of headers that are given, and of a text that begins with headers of its own."""
    own, _, body = text.lstrip().partition("\n\n")
    fields = [line for line in own.splitlines() if line.strip() and line.strip() != "#"]
    head = [
        *headers,
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        *fields,
    ]
    return ("\n".join(head) + "\n\n" + body).encode()


def _status(text: str) -> bytes:
    """The same notice as amavis sends it to a sender: in front of a delivery status (RFC 3464)."""
    own, _, body = text.lstrip().partition("\n\n")
    subject = next(line for line in own.splitlines() if line.startswith("Subject:"))
    return (
        'From: "Content-filter at mx.far.test" <postmaster@mx.far.test>\nTo: <alice@example.org>\n'
        f'{subject}\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="b1"\n\n'
        f"--b1\nContent-Type: text/plain; charset=us-ascii\n\n{body}\n--b1\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.far.test\nReceived-From-MTA: smtp; mx.far.test ([192.0.2.7])\n\n"
        "Original-Recipient: rfc822;carol@far.test\nFinal-Recipient: rfc822;carol@far.test\nAction: failed\n"
        "Status: 5.7.0\nDiagnostic-Code: smtp; 554 5.7.0 Reject, id=24242-08\n\n--b1\n"
        "Content-Type: text/rfc822-headers\n\n"
        "From: Alice <alice@example.org>\nSubject: the offer that we talked about\n\n--b1--\n"
    ).encode()


def of_amavis() -> Iterator[bytes]:
    """Notices of viruses and banned files, to sender (as a delivery status, and plain), recipient and administrator."""
    for path in places.needed(SENDERS, *OTHERS):
        template = path.read_text("utf-8")
        for kind, cases in _FOUND.items():
            for found in cases:
                text = amavis.expand(template, _values(kind, found))
                if "sender" in path.name:
                    yield _status(text)
                    yield plain(text, "From: postmaster@mx.far.test", "To: <alice@example.org>")
                else:
                    yield plain(text)


def of_sympa() -> Iterator[bytes]:
    """The notice to the sender in each language that has it, and in English."""
    (template,) = places.needed(SYMPA)
    text = template.read_text("utf-8")
    yield _of_sympa(text, str)
    for path in places.needed(SYMPA_CATALOGUES):
        translate = places.catalogue(path).gettext
        if translate("A virus in your email") != "A virus in your email":
            yield _of_sympa(text, translate)


def tt2(text: str, translate: Translate, values: dict[str, str]) -> str:
    """Render as much of Sympa's Template Toolkit files as translated texts need; all else in brackets goes."""

    def block(match: re.Match[str]) -> str:
        names = [name.strip() for name in (match[1] or "").split(",")]
        said = translate(match[2])
        for number, name in enumerate(names, 1):
            said = said.replace(f"%{number}", values.get(name, name))
        return said

    def subject(match: re.Match[str]) -> str:
        said = translate(match[1])
        for number, name in enumerate((match[2] or "").split(","), 1):
            said = said.replace(f"%{number}", values.get(name.strip(), name.strip()))
        return encoded(said)

    text = re.sub(r"\[%-?\s*\|loc(?:\(([^)]*)\))?\s*[-~]?%\](.*?)\[%-?\s*END\s*[-~]?%\]", block, text, flags=re.DOTALL)
    text = re.sub(r'\[%"([^"]*)"\|loc(?:\(([^)]*)\))?\|qencode%\]', subject, text)
    text = re.sub(r"\[%#.*?%\]\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"\[%-?\s*([\w.]+)\s*-?%\]", lambda match: values.get(match[1], ""), text)
    return re.sub(r"\[%.*?%\]", "", text, flags=re.DOTALL)


def _of_sympa(text: str, translate: Translate) -> bytes:
    values = {"virus_name": "Eicar-Test-Signature", "recipient": "test@far.test", "sender": "alice@example.org"}
    return plain(
        tt2(text, translate, values),
        "From: SYMPA <sympa@far.test>",
        "To: alice@example.org",
        "Auto-Submitted: auto-generated",
    )
