"""What the MIME header fields of one part say, to all readers together. Pure.

A field that everybody reads alike takes a short way. For any other each way of reading it is a candidate, and what
differs is noted.
"""

import re

import msgspec

from gateway.mime import parameters
from gateway.mime.encodings import IDENTITY, encodings_of
from gateway.mime.fields import DESCRIPTION, DISPOSITION, ENCODING, LOCATION, TYPE, Field, plain_fields, section_of
from gateway.mime.text import LONGEST, encoded_words, names_of, shown
from gateway.mime.words import Grade

MOST_BOUNDARIES = 16
MOST_NAMES = 48
MOST_FIELDS = 200
MOST_VALUES = 48  # types or encodings of one part
MOST_PIECES = 64  # of one name (RFC 2231)


class Odd(msgspec.Struct, frozen=True):
    """One oddity of a section: its symbol, the words, and how bad it is."""

    symbol: str
    detail: str
    grade: Grade = Grade.PLAIN


class Saying(msgspec.Struct):
    """What a section says. ``bodies`` are places in it where some reader begins the body.

    ``cut`` says why not every reading is tried, and is empty where each is.
    """

    types: list[str] = msgspec.field(default_factory=list)
    boundaries: list[bytes] = msgspec.field(default_factory=list)
    encodings: list[str] = msgspec.field(default_factory=list)
    names: list[str] = msgspec.field(default_factory=list)
    disposition: str = ""
    odd: list[Odd] = msgspec.field(default_factory=list)
    bodies: tuple[int, ...] = ()
    mime: bool = False
    cut: str = ""


_TYPE_WORD = re.compile(rb"(?<![\w.+-])[\w.+-]++/[\w.+-]++")
_MULTIPART = re.compile(rb"multipart[\s\"'()]*+/?[\s\"'()]*+([\w.-]*+)", re.IGNORECASE)
_COMMENT = re.compile(rb"\((?:[^()\\]|\\.){0,200}+\)", re.DOTALL)  # bounded, for it is tried at each parenthesis
_LEADING_TYPE = re.compile(rb'[\s"]*+([\w.+-]++[\s"]*+/[\s"]*+[\w.+-]++)')
_KNOWN_TYPES = re.compile(
    rb"(?:text|image|audio|video|application|message|model|font|multipart|chemical|x-[\w-]+)/", re.IGNORECASE
)
_SAY_WHAT = frozenset({TYPE, ENCODING, DISPOSITION})
_ENCODED = re.compile(rb"=\?[^?\s]*+\?[bq]\?", re.IGNORECASE)
# RFC 2046 5.1.1; one that ends like a final one, or holds a semicolon, is trouble for some.
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,./:=?]-?")
_USUAL_MULTIPARTS = frozenset(
    b"multipart/" + kind
    for kind in (
        b"alternative",
        b"appledouble",
        b"digest",
        b"encrypted",
        b"form-data",
        b"mixed",
        b"parallel",
        b"related",
        b"report",
        b"signed",
    )
)
_PLAIN_NAME = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_ .,()@#-]{0,120}[A-Za-z0-9_)])?")
_LINE_ENDS = (b"\r", b"\n")


def saying_of(head: bytes) -> Saying:
    """Read the MIME header fields of a header section."""
    fields = plain_fields(head)
    if fields is None:
        return _odd_saying(head)
    said = Saying(mime=bool(fields))
    for kind, value in fields:
        _read(said, kind, value)
    return said


def _odd_saying(head: bytes) -> Saying:
    """Read a header section in which not everybody sees the same fields."""
    section = section_of(head)
    said = Saying(bodies=section.bodies, mime=bool(section.fields))
    seen: dict[bytes, Field] = {}
    if len(section.fields) > MOST_FIELDS:
        said.cut = f"more than {MOST_FIELDS} fields of MIME in one section"
    for each in section.fields[:MOST_FIELDS]:
        before = seen.get(each.kind)
        if before is None:
            seen[each.kind] = each
        elif each.kind in _SAY_WHAT:
            grade = Grade.SOFT if each.kind == DISPOSITION else Grade.HARD
            grade = Grade.PLAIN if _same(before.value, each.value) else grade
            said.odd.append(Odd("MIME_HEADER_TWICE", f"Content-{each.kind.decode().title()} is there twice", grade))
        if each.note:
            said.odd.append(Odd("MIME_HEADER", f"Content-{each.kind.decode().title()}: {each.note}", each.grade))
        _read(said, each.kind, each.value)
    told = [each for each in said.encodings if each not in IDENTITY and "+" not in each]
    twice = sum(each.kind == ENCODING for each in section.fields) > 1
    if twice and len(told) == 1:
        told *= 2  # some undo it for each field
    if ENCODING in seen and len(told) > 1:
        said.encodings.extend(each for each in ("+".join(told), "+".join(reversed(told))) if each not in said.encodings)
    if section.malformed and not said.odd:
        said.odd.append(Odd("MIME_HEADER", "the header section is not well formed"))
    return said


def _read(said: Saying, kind: bytes, value: bytes) -> None:
    """Read one field, unless there is more than any mail program writes: the work of each adds up."""
    if len(said.types) > MOST_VALUES or len(said.encodings) > MOST_VALUES or len(said.names) >= MOST_NAMES:
        said.cut = said.cut or f"more than {MOST_VALUES} names, types or encodings of one part"
        return
    if len(value) > LONGEST and kind in _SAY_WHAT:
        said.cut = said.cut or f"a field of more than {LONGEST // 1024} KiB"
        value = value[:LONGEST]
    if value.count(b"*") > MOST_PIECES and kind in {TYPE, DISPOSITION}:
        said.cut = said.cut or f"a name in more than {MOST_PIECES} pieces"
    _READ[kind](said, value)
    if b"=?" in value and kind in _SAY_WHAT and value.lstrip().startswith(b"=?"):
        for text in encoded_words(value):
            _READ[kind](said, text.encode("utf-8", "replace"))
    if b"\n" in value and value.lstrip(b" \t")[:1] in _LINE_ENDS and kind in _SAY_WHAT:
        said.odd.append(Odd("MIME_HEADER", "a field begins with a line end"))


def _same(one: bytes, other: bytes) -> bool:
    """Whether two values say the same."""
    return b"".join(one.lower().split()).rstrip(b";") == b"".join(other.lower().split()).rstrip(b";")


def _type(said: Saying, value: bytes) -> None:
    """Read a Content-Type."""
    plain = parameters.simple(value)
    if plain is None or b"/" not in plain[0]:
        _odd_type(said, value)
        return
    word, pairs = plain
    boundary = b""
    for name, given in pairs:
        if name.startswith(b"boundary"):
            if name != b"boundary" or boundary or given.strip() != given or _ENCODED.search(given):
                _odd_type(said, value)
                return
            boundary = given
        elif b"ame" in name:
            _names(said, parameters.names(value) if b"*" in name else [given])
    _add(said.types, word.decode("latin-1"))
    if boundary:
        _add(said.boundaries, boundary)
        if _BOUNDARY.fullmatch(boundary) is None:
            said.odd.append(Odd("MIME_BOUNDARY", "a boundary that is against the rules"))
        if word not in _USUAL_MULTIPARTS:
            said.odd.append(Odd("MIME_TYPE", "a boundary, and no usual type of multipart"))
    elif any(name == b"boundary" for name, _ in pairs):
        _boundaries(said, value)
    elif word.startswith(b"multipart/"):
        said.odd.append(Odd("MIME_BOUNDARY", "a multipart names no boundary", Grade.SOFT))


def _odd_type(said: Saying, value: bytes) -> None:
    """Read a Content-Type that not everybody reads alike."""
    bare = _COMMENT.sub(b" ", value)
    leading = _LEADING_TYPE.match(bare)
    first = re.sub(rb'[\s"]', b"", leading[1]).lower() if leading is not None else b""
    if first:
        _add(said.types, first.decode("latin-1"))
    words = {found.lower() for found in _TYPE_WORD.findall(bare) if _KNOWN_TYPES.match(found)}
    words |= {b"multipart/" + (kind.lower() or b"mixed") for kind in _MULTIPART.findall(value)}
    words.discard(first)
    if not said.types and not words and not value.strip():
        return
    _names(said, parameters.names(value))
    if words and not _named_only(value, words):
        said.odd.append(Odd("MIME_TYPE", "Content-Type can be read as more than one type", Grade.HARD))
        for each in sorted(words):
            _add(said.types, each.decode("latin-1"))
    elif not said.types:
        said.types.extend(["message/rfc822"] if bare.strip().lower().startswith(b"message") else [])
        said.odd.append(Odd("MIME_TYPE", "Content-Type is none", Grade.PLAIN))
    if b"boundary" in value.lower():
        _boundaries(said, value)
        if not _KNOWN_TYPES.match(first) and not any(each.startswith("multipart/") for each in said.types):
            said.types.append("multipart/mixed")
            said.odd.append(Odd("MIME_TYPE", "a boundary, and no type that is known", Grade.HARD))
    elif any(each.startswith("multipart/") for each in said.types):
        said.odd.append(Odd("MIME_BOUNDARY", "a multipart names no boundary", Grade.SOFT))
    if not said.odd:
        said.odd.append(Odd("MIME_TYPE", "Content-Type is not well formed"))


def _named_only(value: bytes, words: set[bytes]) -> bool:
    """Whether the other types stand in quotes only, as in a name with a slash, or a ``type`` parameter."""
    unquoted = re.sub(rb'"[^"]*+"', b"", value).lower()
    unquoted = re.sub(rb"\btype\s*=\s*[^;\s]++", b"", unquoted)
    return not any(word in unquoted for word in words)


def _boundaries(said: Saying, value: bytes) -> None:
    """Note every boundary that a reader may find."""
    found = parameters.every(value, b"boundary")
    for each in found[:MOST_BOUNDARIES]:
        _add(said.boundaries, each)
    if len(found) > MOST_BOUNDARIES:
        said.cut = f"more than {MOST_BOUNDARIES} boundaries of one part"
    if not any(each.startswith("multipart/") for each in said.types):
        return
    if len(found) > 1:
        said.odd.append(Odd("MIME_BOUNDARY", f"{len(found)} boundaries can be read", Grade.HARD))
    elif not found:
        _add(said.boundaries, b"")
        said.odd.append(Odd("MIME_BOUNDARY", "the boundary is empty", Grade.HARD))


def _encoding(said: Saying, value: bytes) -> None:
    """Read a Content-Transfer-Encoding."""
    found, agreed = encodings_of(value)
    for each in found:
        _add(said.encodings, each)
    if not agreed:
        several = len(set(found) - IDENTITY) > 0 and len(found) > 1
        shown_value = value.strip()[:40].decode("ascii", "replace")
        said.odd.append(
            Odd("MIME_ENCODING", f"the encoding is called {shown_value!r}", Grade.HARD if several else Grade.PLAIN)
        )


def _disposition(said: Saying, value: bytes) -> None:
    """Read a Content-Disposition."""
    plain = parameters.simple(value)
    if plain is not None and not any(b"*" in name for name, _ in plain[1]):
        word, pairs = plain
        _names(said, [given for name, given in pairs if b"ame" in name])
    else:
        word = re.split(rb"[;\s]", value.strip(), maxsplit=1)[0].lower()
        _names(said, parameters.names(value))
    if word == b"inline" and not said.disposition:
        said.disposition = "inline"
    elif word:
        said.disposition = "attachment"


def _description(said: Saying, value: bytes) -> None:
    """Read a Content-Description, which some show as the name where it looks like one."""
    value = value.strip().strip(b'"')
    if re.search(rb"\.[\w?=]{1,8}$", value) and b" " not in value[-8:]:
        _names(said, [value])


def _location(said: Saying, value: bytes) -> None:
    """Read a Content-Location, whose last piece some show as the name."""
    path = value.strip().split(b"?", 1)[0].split(b"#", 1)[0]
    if b"//" in path:
        path = path.split(b"//", 1)[1].partition(b"/")[2]
    _names(said, [each for each in (path.rsplit(b"/", 1)[-1].rsplit(b":", 1)[-1],) if b"." in each])


def _names(said: Saying, given: list[bytes]) -> None:
    """Note every name that a reader may show."""
    for octets in given:
        if len(said.names) >= MOST_NAMES:
            said.cut = said.cut or f"more than {MOST_NAMES} names of one part"
            return
        if _PLAIN_NAME.fullmatch(octets):
            _add(said.names, octets.decode())
            continue
        for name in names_of(octets):
            for each in shown(name):
                if each and each not in said.names and len(said.names) < MOST_NAMES:
                    said.names.append(each)


def _add(to: list[str] | list[bytes], value: str | bytes) -> None:
    """Add what is not there yet."""
    if value not in to:
        to.append(value)  # type: ignore[arg-type] # the caller gives what fits


_READ = {TYPE: _type, ENCODING: _encoding, DISPOSITION: _disposition, DESCRIPTION: _description, LOCATION: _location}
