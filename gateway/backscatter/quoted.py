r"""Finds the original message that a bounce quotes: its header fields, wherever and however they stand.

Half of all bounces are no RFC 3464: the original comes as ``message/rfc822``, as ``text/rfc822-headers``, below a line
"--- Below this line is a copy of the message", behind ``>``, indented, refolded, re-cased, in base64, or in HTML. So
this looks for runs of lines that look like header fields, and never builds a tree. It reads a bounded part of the
message, keeps a bounded number of everything, and never raises.
"""

import binascii
import html
import re
from collections.abc import Iterator
from itertools import islice

import msgspec

from gateway.backscatter import seal
from gateway.mail.message import blank_line

LIMIT = 256 * 1024  # octets of the body that are looked at
KEPT = 64  # of each kind of thing
BLOCKS = 64  # runs of header fields
FIELDS = 400  # in one run
_DECODED = 64 * 1024  # octets of one encoded part
_ENCODED_PARTS = 4
_TEXT_LOOKED_AT = 16 * 1024  # octets in which addresses are looked for

Field = tuple[str, bytes]  # the name in lower case, and the value as it stands, folds and all


class Block(msgspec.Struct, frozen=True):
    """One run of header fields, in order."""

    fields: tuple[Field, ...]

    def all(self, name: str) -> list[str]:
        """Give every value of a field (lower case), unfolded."""
        return [text_of(value) for key, value in self.fields if key == name]


class Quoted(msgspec.Struct, frozen=True):
    """What was found of the original.

    ``message_ids`` come without brackets; ``seals`` and ``dates`` are values as they stand; ``signed`` are runs that
    hold a DKIM signature; ``failed`` are addresses that the bounce is about, in lower case. ``cut`` says that there was
    more than is looked at.
    """

    message_ids: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    seals: tuple[str, ...] = ()
    signed: tuple[Block, ...] = ()
    received: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    cut: bool = False


_HEADER_END = re.compile(rb"\r?\n\r?\n")
_QUOTED = re.compile(rb"\n[>|]")
_QUOTING = re.compile(rb"^(?:[>|] ?){1,20}", re.MULTILINE)
_CLOSE_QUOTING = re.compile(rb"^[>|]{1,20}[A-Za-z][A-Za-z0-9-]{1,60}:", re.MULTILINE)  # no blank behind the mark
_CLOSE_MARKS = re.compile(rb"^[>|]{1,20}", re.MULTILINE)
_FIRST_LINE = re.compile(rb"\n([ \t]{0,16})[A-Za-z][A-Za-z0-9-]{1,60}[ \t]?:")  # the line end in front makes it fast
_BLOCK_END = re.compile(rb"\n[ \t\r]*\n|\n--")
_NAME = re.compile(rb"\n([A-Za-z][A-Za-z0-9-]{1,60})[ \t]?:")
_ID = re.compile(r"<\s*([^<>@\s]{1,250}@[^<>@\s]{1,250})\s*>")
_ANY_ID = re.compile(rb"<([^<>@\s]{1,250}@[^<>@\s]{1,250})>")
_DOMAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-"
_LOCAL = _DOMAIN + b"!#$%&'*+/=?^_`{|}~"
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_ENCODING = re.compile(rb"content-transfer-encoding[ \t]*:[ \t]*(base64|quoted-printable)")  # in lower case
_ENCODED = b"content-transfer-encoding"  # in lower case
_PART_END = re.compile(rb"^--", re.MULTILINE)
_MARKED_UP = re.compile(rb"<(?:/|br)")
_WORTH_IT = (b"message-id", b"x-backstop-seal", b"dkim-signature", b"received")
_SEAL = seal.HEADER.lower().encode()
_SEAL_LENGTH = 400  # octets in which a seal stands, however it is folded and quoted
_LINE_TAG = re.compile(rb"<(?:br|/?p|/?div|/?tr|/?li|/?pre)\b[^<>]{0,500}>(?:\r?\n)?", re.IGNORECASE)
_TAG = re.compile(rb"</?[A-Za-z][^<>@]{0,500}>")
_IDS = frozenset({"message-id", "original-message-id", "x-original-message-id", "resent-message-id"})
_RECIPIENTS = frozenset({"final-recipient", "original-recipient", "x-failed-recipients", "x-actual-recipient"})
_TAKEN = _IDS | _RECIPIENTS | {"date", "dkim-signature", "received"}


def find(raw: bytes) -> Quoted:
    """Look for what the message quotes. ``raw`` is the whole message; its own header section is no quotation."""
    start = start_of_body(raw)
    body = raw[start : start + LIMIT]
    gathering = _Gathering()
    for text, lower in _texts(raw[: min(start, LIMIT)], body):
        for block in blocks(text):
            gathering.take(block)
        if (at := lower.find(_SEAL)) >= 0:
            gathering.seals |= dict.fromkeys(seal.find(text[at : lower.rfind(_SEAL) + _SEAL_LENGTH]))
        gathering.ids |= {match[1].decode("utf-8", "replace"): None for match in islice(_ANY_ID.finditer(text), KEPT)}
        gathering.failed |= dict.fromkeys(addresses(text[:_TEXT_LOOKED_AT]))
    return gathering.sum_up(cut=len(raw) - start > LIMIT)


class _Gathering:
    """What has been found so far; a bounded number of everything."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.ids: dict[str, None] = {}
        self.failed: dict[str, None] = {}
        self.seals: dict[str, None] = {}
        self._dates: dict[str, None] = {}
        self._signed: list[Block] = []
        self._received: list[str] = []

    def take(self, block: Block) -> None:
        """Take what a run of fields has."""
        names = {name for name, _ in block.fields}.intersection(_TAKEN)
        if not names:
            return
        if not names.isdisjoint(_IDS):
            self.ids |= dict.fromkeys(tuple(_ids_of(block))[:KEPT])
        if "date" in names:
            self._dates |= dict.fromkeys(value[:200] for value in block.all("date")[:KEPT])
        if "dkim-signature" in names and len(self._signed) < KEPT:
            self._signed.append(block)
        if "received" in names and len(self._received) < KEPT:
            self._received += block.all("received")[: KEPT - len(self._received)]
        for name in sorted(names & _RECIPIENTS):
            self.failed |= dict.fromkeys(addresses(" ".join(block.all(name)[:KEPT]).encode()))

    def sum_up(self, *, cut: bool) -> Quoted:
        """Give what was found."""
        return Quoted(
            message_ids=tuple(self.ids)[:KEPT],
            dates=tuple(self._dates)[:KEPT],
            seals=tuple(self.seals)[:KEPT],
            signed=tuple(self._signed),
            received=tuple(self._received),
            failed=tuple(self.failed)[:KEPT],
            cut=cut,
        )


def start_of_body(raw: bytes) -> int:
    """Give where the body begins: at the line end of the blank line behind the header section."""
    if raw.startswith((b"\r\n", b"\n")):
        return 0
    found = blank_line(raw)
    return found[1] - 1 if found is not None else len(raw)


def blocks(text: bytes) -> Iterator[Block]:
    """Give the runs of lines that look like header fields, each up to the blank line or boundary behind it."""
    at = 0
    text = b"\n" + text
    for _ in range(BLOCKS):
        first = _FIRST_LINE.search(text, at)
        if first is None:
            return
        end = _BLOCK_END.search(text, first.end())
        at = end.start() if end is not None else len(text)
        yield Block(tuple(_fields(text[first.start() + 1 : at + 1], len(first[1]))))


def text_of(value: bytes) -> str:
    """Unfold a field's value."""
    return " ".join(value.decode("utf-8", "replace").split())


def _fields(run: bytes, indent: int) -> list[Field]:
    """Split a run into fields. What does not begin like a field goes on with the one before, indented or not."""
    if indent:
        lines = run.split(b"\n", FIELDS * 4)[: FIELDS * 4]
        run = b"\n".join([line[indent:] if not line[:indent].strip() else line for line in lines])
    _, *found = _NAME.split(b"\n" + run, FIELDS + 1)  # names and values by turns; the last one may be all the rest
    names, values = found[0 : 2 * FIELDS : 2], found[1 : 2 * FIELDS : 2]
    return [(name.decode("ascii").lower(), value) for name, value in zip(names, values, strict=True)]


def _ids_of(block: Block) -> Iterator[str]:
    """Give the Message-IDs of a run, without brackets."""
    for name, value in block.fields:
        if name in _IDS:
            text = text_of(value[:2000])
            # A long one may have been folded in its middle.
            match = _ID.search(text) or _ID.search(text.replace(" ", ""))
            yield match[1] if match is not None else text.replace(" ", "").strip("<>")[:500]


def addresses(text: bytes) -> list[str]:
    """Give the first addresses in a text, in lower case."""
    found = []
    at = text.find(b"@")
    for _ in range(KEPT):
        if at < 0:
            break
        before, behind = text[max(0, at - 64) : at], text[at + 1 : at + 254]
        local = before[len(before.rstrip(_LOCAL)) :]
        domain = behind[: len(behind) - len(behind.lstrip(_DOMAIN))].rstrip(b".-")
        if local and domain:
            found.append((local + b"@" + domain).decode("ascii").lower())
        at = text.find(b"@", at + 1)
    return found


def _texts(head: bytes, body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the body in every reading, and the same in lower case: without quoting, decoded, its HTML as text."""
    lower = body.lower()
    for text in [body, *_decoded(head, body, lower)]:
        plain = text
        if _QUOTED.search(text):
            plain = (_CLOSE_MARKS if _CLOSE_QUOTING.search(text) else _QUOTING).sub(b"", text)
        lower = lower if plain is body else plain.lower()
        yield plain, lower
        if _MARKED_UP.search(lower) and any(each in lower for each in _WORTH_IT):
            lines = _TAG.sub(b"", _LINE_TAG.sub(b"\n", plain))
            bare = html.unescape(lines.decode("utf-8", "replace")).encode("utf-8", "replace")
            yield bare, bare.lower()


def _decoded(head: bytes, body: bytes, lower: bytes) -> Iterator[bytes]:
    """Decode the body as a whole where the header says that it is encoded, and the first encoded parts."""
    if whole := _ENCODING.search(head.lower()):
        yield b"\n" + _decode(whole[1], body[:_DECODED])
    at = lower.find(_ENCODED)
    if at < 0:
        return
    for _ in range(_ENCODED_PARTS):
        part = _ENCODING.search(lower, at)
        start = _HEADER_END.search(body, part.end()) if part is not None else None
        if part is None or start is None:
            return
        end = _PART_END.search(body, start.end())
        at = end.start() if end is not None else len(body)
        yield b"\n" + _decode(part[1], body[start.end() : min(at, start.end() + _DECODED)])


def _decode(encoding: bytes, text: bytes) -> bytes:
    """Undo a transfer encoding; what is none gives nothing."""
    try:
        if encoding != b"base64":
            return binascii.a2b_qp(text)
        letters = _NO_BASE64.sub(b"", text)
        letters = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
    except (binascii.Error, ValueError):
        return b""
