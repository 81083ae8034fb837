"""What the MIME header fields of one part say, to every reader: types, boundaries, encodings, names. Pure.

A field that everybody reads alike takes a short way. For any other each way of reading it is a candidate, and what
differs is noted.
"""

import re

import msgspec


class Saying(msgspec.Struct):
    """What one header section says, to all readers together; ``odd`` has a symbol and a detail for each oddity."""

    types: list[str] = msgspec.field(default_factory=list)
    boundaries: list[bytes] = msgspec.field(default_factory=list)
    encodings: list[str] = msgspec.field(default_factory=list)
    names: list[str] = msgspec.field(default_factory=list)
    disposition: str = ""
    odd: list[tuple[str, str]] = msgspec.field(default_factory=list)


PLAIN = Saying()  # of a section that says nothing of MIME

_FIELD = re.compile(rb"(?:\A|\n)content-(type|transfer-encoding|disposition)[ \t]*:((?:[^\n]|\n[ \t])*)", re.IGNORECASE)
_SIMPLE = re.compile(rb'\s*([!-.0-:<-~]+/[!-.0-:<-~]+)\s*((?:;\s*[\w-]+=(?:"[^"\\]*"|[^\s";()]+)\s*)*);?\s*', re.DOTALL)
_PARAMETER = re.compile(rb';\s*([\w-]+)=(?:"([^"\\]*)"|([^\s";()]+))')
_FOLD = re.compile(rb"\r?\n[ \t]")


def saying_of(head: bytes) -> Saying:
    """Read the MIME header fields of a header section."""
    if b"ontent-" not in head and b"ONTENT-" not in head:
        return PLAIN
    said = Saying()
    for name, value in _FIELD.findall(head):
        kind = name.lower()
        if kind == b"type":
            _type(said, value)
        elif kind == b"transfer-encoding":
            _encoding(said, value)
        else:
            _disposition(said, value)
    return said


def _type(said: Saying, value: bytes) -> None:
    """Read a Content-Type."""
    simple = _SIMPLE.fullmatch(value)
    if simple is None:
        said.odd.append(("MIME_HEADER", "Content-Type is not well formed"))
        word = value.strip().split(b";")[0].strip().lower()
        _add(said.types, word.decode("latin-1"))
        for match in re.finditer(rb'boundary\s*=\s*(?:"([^"]*)"|([^\s;]+))', value, re.IGNORECASE):
            _add(said.boundaries, match[1] or match[2])
        return
    _add(said.types, simple[1].decode("latin-1").lower())
    for name, quoted, plain in _PARAMETER.findall(simple[2]):
        kind = name.lower()
        if kind == b"boundary":
            _add(said.boundaries, _FOLD.sub(b"", quoted) or plain)
        elif kind == b"name":
            _add(said.names, text_of(_FOLD.sub(b"", quoted) or plain))


def _encoding(said: Saying, value: bytes) -> None:
    """Read a Content-Transfer-Encoding."""
    _add(said.encodings, value.strip().lower().decode("latin-1"))


def _disposition(said: Saying, value: bytes) -> None:
    """Read a Content-Disposition."""
    said.disposition = value.split(b";")[0].strip().lower().decode("latin-1")
    for name, quoted, plain in _PARAMETER.findall(value):
        if name.lower() == b"filename":
            _add(said.names, text_of(_FOLD.sub(b"", quoted) or plain))


def text_of(octets: bytes) -> str:
    """Give octets of a name as text: UTF-8 where they are, else as if they were Latin-1."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _add(to: list[str] | list[bytes], value: str | bytes) -> None:
    """Add what is not there yet."""
    if value not in to:
        to.append(value)  # type: ignore[arg-type] # the caller gives what fits
