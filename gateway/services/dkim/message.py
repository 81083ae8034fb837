"""A message as signatures see it: header fields and body in canonical form (RFC 6376 3.4), each made once.

All of it is linear in the message's size, whatever is in it: the bodies of strangers come through here.
"""

import functools
import hashlib
import re
from collections.abc import Iterable

from gateway.mail.message import blank_line

_BARE_LF = re.compile(rb"(?<!\r)\n")
_WSP = re.compile(rb"[ \t]+")
_NAME = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:")
_B_VALUE = re.compile(rb"((?:\A|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")

Field = tuple[bytes, bytes]  # the name as it came; the value with its folding and its last CRLF


class SignedMessage:
    """The octets of a message, or of its header section alone. Lines that are no fields are passed over."""

    def __init__(self, raw: bytes) -> None:
        """Split header section and body; a bare LF counts as a line end."""
        if raw.count(b"\n") != raw.count(b"\r\n"):
            raw = _BARE_LF.sub(b"\r\n", raw)
        found = (0, 2) if raw.startswith(b"\r\n") else blank_line(raw)
        head, self._body = (raw, b"") if found is None else (raw[: found[0]], raw[found[1] :])
        self.fields = _fields(head)
        self._hashes: dict[tuple[bool, int | None], bytes] = {}

    def all(self, name: bytes) -> list[Field]:
        """Give the fields of a name (lower case), in order."""
        return [self.fields[at] for at in self._places.get(name, ())]

    def header_octets(self, names: Iterable[bytes], signature: Field, *, relaxed: bool) -> bytes:
        """Give what a header signature is over: the fields named, lowest first, then the signature without its b=.

        A name that is given more often than there are fields adds nothing (RFC 6376 5.4.2).
        """
        left = {name: list(places) for name in set(names) if (places := self._places.get(name))}
        lines = []
        for name in names:
            places = left.get(name)
            if places:
                lines.append(self._canonical(places.pop(), relaxed=relaxed))
        own = signature[0], _B_VALUE.sub(rb"\1", signature[1], count=1)
        lines.append((_relaxed(own) if relaxed else own[0] + b":" + own[1]).removesuffix(b"\r\n"))
        return b"".join(lines)

    def body_hash(self, *, relaxed: bool, length: int | None = None) -> bytes:
        """Give the SHA-256 of the body, or of its first ``length`` octets, in canonical form."""
        key = relaxed, length
        if key not in self._hashes:
            body = self._relaxed_body if relaxed else self._simple_body
            self._hashes[key] = hashlib.sha256(body if length is None else memoryview(body)[:length]).digest()
        return self._hashes[key]

    def body_size(self, *, relaxed: bool) -> int:
        """Give the size of the body in canonical form, in octets."""
        return len(self._relaxed_body if relaxed else self._simple_body)

    def _canonical(self, at: int, *, relaxed: bool) -> bytes:
        """Give one field in canonical form."""
        if not relaxed:
            return self.fields[at][0] + b":" + self.fields[at][1]
        return self._relaxed_field(at)

    def _relaxed_field(self, at: int) -> bytes:
        """Give one field in relaxed form, made once: several signatures name the same fields."""
        known = self._relaxed.get(at)
        if known is None:
            known = self._relaxed[at] = _relaxed(self.fields[at])
        return known

    @functools.cached_property
    def _relaxed(self) -> dict[int, bytes]:
        """Fields in relaxed form, by their place."""
        return {}

    @functools.cached_property
    def _places(self) -> dict[bytes, list[int]]:
        """Where the fields of each name (lower case) are."""
        places: dict[bytes, list[int]] = {}
        for at, (name, _) in enumerate(self.fields):
            places.setdefault(name.lower(), []).append(at)
        return places

    @functools.cached_property
    def _simple_body(self) -> bytes:
        """The body without empty lines at its end; one CRLF at least."""
        return _without_last_lines(self._body) + b"\r\n"

    @functools.cached_property
    def _relaxed_body(self) -> bytes:
        """And blanks folded, those at the ends of lines removed; nothing where nothing is left."""
        body = _WSP.sub(b" ", self._body).replace(b" \r\n", b"\r\n").removesuffix(b" ")
        kept = _without_last_lines(body)
        return kept + b"\r\n" if kept else b""


def _fields(head: bytes) -> list[Field]:
    """Read the fields of a header section."""
    fields: list[tuple[bytes, list[bytes]]] = []
    for line in head.removesuffix(b"\r\n").split(b"\r\n"):
        if line.startswith((b" ", b"\t")):
            if fields:
                fields[-1][1].append(line)
        elif found := _NAME.match(line):
            fields.append((found[1], [line[found.end() :]]))
    return [(name, b"\r\n".join(lines) + b"\r\n") for name, lines in fields]


def _relaxed(field: Field) -> bytes:
    """Give a field in relaxed form (RFC 6376 3.4.2)."""
    return field[0].lower() + b":" + _WSP.sub(b" ", field[1].replace(b"\r\n", b"")).strip(b" ") + b"\r\n"


def _without_last_lines(body: bytes) -> bytes:
    """Remove every CRLF from the end. A bare CR is an octet like any other."""
    kept = body.rstrip(b"\r\n")
    tail = body[len(kept) :]
    if not tail.endswith(b"\n"):
        return body
    return kept + tail[: tail.rfind(b"\r\r") + 1]
