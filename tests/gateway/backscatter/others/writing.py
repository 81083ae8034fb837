"""Puts the words of other programs into messages: what goes around them is ours."""

import re
from email.header import Header

_LITERALS = re.compile(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*')
_ESCAPES = {"n": "\n", "r": "", "t": "\t"}
STATUS = (
    "Reporting-MTA: dns; mx.far.test\n\nFinal-Recipient: rfc822; carol@far.test\nAction: delayed\nStatus: 4.4.1\n"
    "Diagnostic-Code: smtp; 451 4.4.1 connection timed out\n"
)
ORIGINAL = (
    "Received: from mail.example.org by mx.far.test; Mon, 21 Sep 2026 10:00:00 +0000\nMessage-ID: <1@example.org>\n"
    "From: Alice <alice@example.org>\nTo: carol@far.test\nSubject: the offer\n\nHere it is.\n"
)


def encoded(text: str) -> str:
    """A header's text as it is sent."""
    text = " ".join(text.split())
    return text if text.isascii() else Header(text, "utf-8").encode()


def plain(subject: str, text: str, *fields: str, sender: str = "Carol <carol@far.test>") -> bytes:
    """A message of one part."""
    head = [
        f"From: {sender}", "To: alice@example.org", f"Subject: {encoded(subject)}", "Message-ID: <2@far.test>",
        *fields, "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit",
    ]  # fmt: skip
    return ("\n".join(head) + f"\n\n{text}\n").encode()


def parts(subject: str, text: str, *others: tuple[str, str], kind: str, sender: str, fields: tuple[str, ...]) -> bytes:
    """A multipart: a text, then parts of other types."""
    head = [
        f"From: {sender}", "To: alice@example.org", f"Subject: {encoded(subject)}", *fields, "MIME-Version: 1.0",
        f'Content-Type: multipart/{kind}; boundary="b1"',
    ]  # fmt: skip
    inner = [("text/plain; charset=utf-8", text), *others]
    body = "".join(f"--b1\nContent-Type: {value}\n\n{content}\n" for value, content in inner)
    return ("\n".join(head) + f"\n\n{body}--b1--\n").encode()


def literal(source: str, beginning: str) -> str:
    """Give a string literal of a C source from some words on, its neighbours joined as a compiler does."""
    for found in _LITERALS.finditer(source):
        joined = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', found[0]))
        text = re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), joined)
        if beginning in text:
            return text[text.index(beginning) :]
    msg = f"the source has no text with {beginning!r}"
    raise AssertionError(msg)
