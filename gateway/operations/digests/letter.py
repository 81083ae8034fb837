"""A digest as a message: plain text, and the same as simple HTML. Pure.

What strangers wrote is made harmless and short. It has no attachment, script, style sheet, picture or form; the one
thing to follow is a link to our own console, and following it changes nothing.
"""

import base64
import email.utils
import html
import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime

import msgspec

from gateway.mime.text import encoded_words

LINES = 100  # messages that are listed; the rest is counted
_WIDTH = 120  # characters of what strangers wrote that are shown
_REASON_WIDTH = 240
_LINKING = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)  # what mail programs make links of by themselves
_VIRUS = "It contains a virus, and is not handed out."


class Line(msgspec.Struct, frozen=True):
    """One quarantined message. ``page`` is its address in the console; empty where it is not offered."""

    id: str
    received: datetime
    header_from: str
    sender: str
    subject: str
    because: str
    recipient: str
    virus: bool = False
    page: str = ""


class Letter(msgspec.Struct, frozen=True):
    """One digest.

    ``to`` gets it, ``about`` is the address or the domain that it is of, ``ask`` whom a recipient asks, empty in an
    administrator's. ``author`` stands in From, ``count`` is of all messages, of which ``lines`` has the first;
    ``days`` is for how long they are kept.
    """

    id: str
    node: str
    made: datetime
    author: str
    to: str
    about: str
    ask: str
    count: int
    lines: tuple[Line, ...]
    days: int

    @property
    def subject(self) -> str:
        """Say how many messages for whom."""
        return f"{_messages(self.count)} in quarantine for {self.about}"


def as_message(letter: Letter) -> bytes:
    """Give the whole message (RFC 5322), with CRLF. An address that is not ASCII stands in it as SMTPUTF8 allows."""
    boundary = f"=_{letter.id}"
    head = (
        f"From: Backstop <{letter.author}>",
        f"To: <{letter.to}>",
        f"Subject: {letter.subject}",
        f"Date: {email.utils.format_datetime(letter.made)}",
        f"Message-ID: <{letter.id}@{letter.node}>",
        "Auto-Submitted: auto-generated",  # RFC 3834 5
        f"X-Backstop-Digest: {letter.node}; {letter.id}",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
    )
    parts = (("plain", as_text(letter)), ("html", as_html(letter)))
    body = "".join(
        f"\r\n--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(text.encode()).decode().replace("\n", "\r\n")
        for kind, text in parts
    )
    return "".join((*(f"{line}\r\n" for line in head), body, f"\r\n--{boundary}--\r\n")).encode()


def as_text(letter: Letter) -> str:
    """Give the plain text."""
    blocks = ["\n".join(_opening(letter))]
    for line in letter.lines:
        rows = [f"{name + ':':<10} {value}" for name, value in _rows(letter, line)]
        blocks.append("\n".join([*rows, *([_VIRUS] if line.virus else []), *([line.page] if line.page else [])]))
    return "\n\n".join([*blocks, *_rest(letter)]) + "\n"


def as_html(letter: Letter) -> str:
    """Give the HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(letter.subject)}</title></head>\n"
        '<body style="font-family: sans-serif; line-height: 1.4; max-width: 50em">\n'
        + "".join(f"<p>{html.escape(text)}</p>\n" for text in _opening(letter))
        + "".join(_block(letter, line) for line in letter.lines)
        + "".join(f"<p>{html.escape(text)}</p>\n" for text in _rest(letter))
        + "</body></html>\n"
    )


def _block(letter: Letter, line: Line) -> str:
    """Give one message as HTML."""
    rows = "".join(
        f'<tr><th scope="row" style="text-align: left; vertical-align: top; font-weight: normal; color: #555; '
        f'padding-right: 1em">{name}</th><td style="overflow-wrap: anywhere">{html.escape(value)}</td></tr>\n'
        for name, value in _rows(letter, line)
    )
    virus = f'<p style="color: #b00020; font-weight: bold">{_VIRUS}</p>\n' if line.virus else ""
    link = f'<p><a href="{html.escape(line.page)}">Look at it in the console</a></p>\n' if line.page else ""
    return f'<hr style="border: 0; border-top: 1px solid #ccc">\n<table>\n{rows}</table>\n{virus}{link}'


def _opening(letter: Letter) -> Iterator[str]:
    """Give the sentences that it begins with."""
    verb = "was" if letter.count == 1 else "were"
    yield f"{_messages(letter.count)} for {letter.about} {verb} quarantined, and not delivered."
    kept = f"What is quarantined is kept for up to {letter.days} days."
    if letter.ask:
        yield f"{kept} If you expected one of them, ask {letter.ask} for it, and name its id."
    elif any(line.page for line in letter.lines):
        yield f"{kept} Nothing happens by following a link: the console's page asks first."
    else:
        yield f"{kept} The console has them, each by its id."


def _rows(letter: Letter, line: Line) -> Iterator[tuple[str, str]]:
    """Give what is told of a message, each with its label."""
    yield "Time", f"{line.received:%Y-%m-%d %H:%M} UTC"
    if line.recipient.lower() != letter.about:
        yield "For", harmless(line.recipient)
    yield "From", harmless(_decoded(line.header_from)) or "(none)"
    yield "Sender", harmless(line.sender) or "<> (null sender)"
    yield "Subject", harmless(_decoded(line.subject)) or "(none)"
    yield "Because", harmless(line.because, _REASON_WIDTH)
    yield "Id", line.id


def _rest(letter: Letter) -> Iterator[str]:
    """Say how many more there are, where not all are listed."""
    if more := letter.count - len(letter.lines):
        yield f"and {more} more"


def _decoded(field: str) -> str:
    """Give a header field with its encoded words (RFC 2047) decoded."""
    return next(encoded_words(field.encode("utf-8", "replace")))


def harmless(text: str, width: int = _WIDTH) -> str:
    """Give what a stranger wrote as one short line.

    Characters that can't be seen or that turn the line around are left out, and addresses of the web are broken.
    """
    seen = "".join(map(_seen, text[: 4 * width]))
    line = _LINKING.sub(lambda found: f"[{found[0]}]", " ".join(seen.split()))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _seen(letter: str) -> str:
    """Give a character as it may stand in a line: nothing for one that only formats, a blank for one without a form."""
    category = unicodedata.category(letter)
    return "" if category == "Cf" else " " if category[0] in "CZ" else letter


def _messages(count: int) -> str:
    """Give a number of messages in words."""
    return "1 message" if count == 1 else f"{count} messages"
