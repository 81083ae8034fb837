"""A quarantined message, taken apart for people to look at. Nothing that the message names is ever fetched.

Written for hostile mail: Python's parser runs under ``compat32``, and whatever still goes wrong in one part leaves that
part out and is told, so that nothing here raises because of what a message holds.
"""

import email
import email.header
import html
import re
from collections.abc import Iterator
from email.message import Message

import msgspec
import nh3

from gateway.mail.message import Content, Headers

PARSED = 8 * 1024 * 1024  # octets of a message that are looked at
TEXT_SHOWN = 200_000  # letters of the text part
HTML_SHOWN = 1_000_000  # letters of the HTML part
PARTS = 200
LINKS = 100

_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "center", "code", "dd", "div", "dl", "dt", "em", "h1",
    "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "s", "small", "span",
    "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
_DROPPED = {"script", "style", "title", "noscript", "template", "iframe", "object", "svg", "math"}
_TARGET = re.compile(r"""\b(?:href|src|action|background)\s{0,9}=\s{0,9}["']?([^"'<>\s]{1,2000})""", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


class Attachment(msgspec.Struct, frozen=True):
    """A part that is only listed. ``size`` is in octets, decoded."""

    name: str
    type: str
    size: int


class Preview(msgspec.Struct, frozen=True):
    """What there is to see. ``text`` is plain, ``html`` is sanitised, ``links`` are the targets taken out of it.

    ``notes`` say what was left out, and why.
    """

    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    links: tuple[str, ...]
    notes: tuple[str, ...]


def preview(content: Content) -> Preview:
    """Take a message apart. Never raises because of what it holds; OSError where it can't be read."""
    notes: list[str] = []
    raw = content.read(PARSED)
    if content.size > PARSED:
        notes.append(f"Only the first {PARSED // 1024 // 1024} MiB are shown.")
    headers = tuple((name.title(), _decoded(value)) for name, value in Headers(content.head).fields)
    text: list[str] = []
    markup: list[str] = []
    attachments: list[Attachment] = []
    for part in _parts(raw, notes):
        try:
            kind = part.get_content_type()
            payload = part.get_payload(decode=True)
            octets = payload if isinstance(payload, bytes) else b""
            name = _decoded(part.get_filename() or "")
            if name or part.get_content_disposition() == "attachment" or kind not in {"text/plain", "text/html"}:
                attachments.append(Attachment(_clean(name) or "(no name)", _clean(kind), len(octets)))
            else:
                (markup if kind == "text/html" else text).append(_text(octets, part))
        except Exception as error:  # noqa: BLE001 - the parser meets whatever people send; a bad part must not hide the others
            notes.append(f"A part can't be read: {type(error).__name__}.")
    links: list[str] = []
    joined = "\n".join(markup)
    return Preview(
        headers=headers,
        text=_clean("\n".join(text))[:TEXT_SHOWN],
        html=sanitise(joined[:HTML_SHOWN], links) if joined else "",
        attachments=tuple(attachments),
        links=tuple(links),
        notes=tuple(notes),
    )


def sanitise(markup: str, links: list[str]) -> str:
    """Leave of HTML what can only be looked at: no script, style, image, form or link. Targets go to ``links``."""
    links.extend(_targets(markup))
    return nh3.clean(
        markup,
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        attributes={"*": set(), "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
        url_schemes=set(),
        link_rel=None,
        strip_comments=True,
    )


def _parts(raw: bytes, notes: list[str]) -> Iterator[Message]:
    """Give the leaves of a message."""
    try:
        message = email.message_from_bytes(raw)
        leaves = [part for part in message.walk() if not part.is_multipart()]
    except Exception as error:  # noqa: BLE001 - as above: hostile mail must not break the page
        notes.append(f"The message can't be taken apart: {type(error).__name__}.")
        return
    if len(leaves) > PARTS:
        notes.append(f"Only {PARTS} of {len(leaves)} parts are listed.")
    yield from leaves[:PARTS]


def _text(octets: bytes, part: Message) -> str:
    """Decode a text part by the character set that it claims, as far as that goes."""
    try:
        return octets.decode(part.get_content_charset("utf-8") or "utf-8", "replace")
    except (LookupError, ValueError):
        return octets.decode("utf-8", "replace")


def _decoded(value: str) -> str:
    """Decode the encoded words of a header field (RFC 2047), or leave it as it is."""
    if "=?" not in value:
        return _clean(value)
    try:
        return _clean(str(email.header.make_header(email.header.decode_header(value))))
    except Exception:  # noqa: BLE001 - encoded words are as hostile as the rest; the raw field is shown instead
        return _clean(value)


def _clean(text: str) -> str:
    """Take out control characters, among them those that turn the direction of writing."""
    return _CONTROLS.sub("", text).encode("utf-8", "replace").decode()


def _targets(markup: str) -> list[str]:
    """Give what HTML points to, as text that is never a link.

    By a pattern, not by a parser: it takes one pass whatever the markup is.
    """
    found = dict.fromkeys(_clean(html.unescape(match[1]))[:300] for match in _TARGET.finditer(markup))
    return list(found)[:LINKS]
