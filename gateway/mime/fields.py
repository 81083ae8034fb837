"""The MIME header fields of a header section, as every reader may see them. Pure; linear in its input.

Most sections are well formed, and take a short way. In any other, lines that some readers take for fields and others
do not are given with a note of what is odd about them, and so is each place where some reader would begin the body.
"""

import re

import msgspec

from gateway.mime.words import Grade

TYPE, ENCODING, DISPOSITION = b"type", b"transfer-encoding", b"disposition"
DESCRIPTION, LOCATION = b"description", b"location"


class Field(msgspec.Struct, frozen=True):
    """One Content-* field: ``kind`` is its name behind ``content-``, lower-case; ``note`` says who would not see it."""

    kind: bytes
    value: bytes
    note: str = ""
    grade: Grade = Grade.PLAIN


class Section(msgspec.Struct, frozen=True):
    """The fields of a section. ``bodies`` are places in it where some reader would begin the body."""

    fields: tuple[Field, ...] = ()
    bodies: tuple[int, ...] = ()
    malformed: bool = False


_WELL_FORMED = re.compile(rb"(?:[!-9;-~]++:[^\r\n\0]*+\r?\n(?:[ \t]++[^\s\0][^\r\n\0]*+\r?\n)*+)*+(?:\r?\n)?")
_FIELD = re.compile(
    rb"\ncontent-(type|transfer-encoding|disposition|description|location):((?:[^\n]|\n[ \t])*+)", re.IGNORECASE
)
_FOLDED = re.compile(
    rb"\n[ \t]++(?=c)content-(?:type[ \t]*:[ \t]*[\w.+-]++/|transfer-encoding[ \t]*:[ \t]*(?:base64|quoted|x-|uu)"
    rb"|disposition[ \t]*:[ \t]*(?:attachment|inline))",
    re.IGNORECASE,
)
_NAME = re.compile(rb"([!-9;-~]++)([ \t]*+):")
_LOOSE = re.compile(
    rb"[^a-z]{0,40}?content[\W_]{0,3}(type|transfer[\W_]{0,3}encoding|disposition|description)([^a-z0-9:=]{0,8})[:=]?(.*)",
    re.IGNORECASE | re.DOTALL,
)
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\n|\r|\Z)")
_PLAUSIBLE = {
    TYPE: re.compile(rb'[\s"\'(]*+[\w.+-]++\s*+/\s*+[\w.+-]', re.IGNORECASE),
    ENCODING: re.compile(rb"[\W_]*+(?:base|quoted|x-|uu|yenc|bin|7bit|8bit)", re.IGNORECASE),
    DISPOSITION: re.compile(rb"[\W_]*+(?:attachment|inline|filename)", re.IGNORECASE),
    DESCRIPTION: re.compile(rb"(?!)"),
    LOCATION: re.compile(rb"(?!)"),
}


def plain_fields(head: bytes) -> list[tuple[bytes, bytes]] | None:
    """Give kind and value of each field, where everybody sees the same ones; None where they do not."""
    if _WELL_FORMED.fullmatch(head) is None or b"ontent_" in head or _FOLDED.search(head) is not None:
        return None
    if b"ontent-" not in head and b"ONTENT-" not in head and b"ontent-" not in head.lower():
        return []
    fields = [(kind.lower(), value) for kind, value in _FIELD.findall(b"\n" + head)]
    return None if len(fields) > 1 and len(dict(fields)) != len(fields) else fields


def section_of(head: bytes) -> Section:  # noqa: C901, PLR0912, PLR0915 - each kind of line in its turn
    """Read a section line by line, where not all readers see the same fields, or some field is there twice."""
    fields: list[Field] = []
    bodies: list[int] = []
    ended, grade = "", Grade.PLAIN
    last_is_field = behind_bare = malformed = False
    for match in _LINE.finditer(head):
        line = match[0]
        if not line:
            continue
        text = line.rstrip(b"\r\n")
        bare = line.endswith(b"\r") or b"\0" in line
        if not text.strip(b" \t\0\x0b\x0c"):
            malformed = True
            if match.end() < len(head):
                ended, grade = ended or "behind a line of blanks", max(grade, Grade.HARD)
                bodies.append(match.end())
            continue
        if text[:1] in b" \t" and match.start():
            found = _loose(text)
            if found is not None:
                fields.append(Field(found[0], found[1], "a folded line looks like a field", Grade.HARD))
            elif last_is_field and fields:
                last = fields[-1]
                fields[-1] = msgspec.structs.replace(last, value=last.value + b"\r\n" + text)
            continue
        named = _NAME.match(text)
        follows, last_is_field = last_is_field, False
        if named is None or not named[1].lower().startswith(b"content-"):
            behind_bare = bare
        if named is None or not named[1].lower().startswith(b"content-"):
            found = _loose(text)
            if found is not None:
                fields.append(Field(found[0], found[1], "a field name has something before or in it", Grade.HARD))
                last_is_field = True
            elif named is None:
                if match.start() == 0 and text[:5].lower() in {b"from ", b">from"}:
                    ended, grade = ended or "behind an mbox line", max(grade, Grade.PLAIN)
                else:
                    malformed = True
                    if follows:  # some take it for the rest of the field
                        fields[-1] = msgspec.structs.replace(fields[-1], value=fields[-1].value + b" " + text)
                        last_is_field = True
                    ended, grade = ended or "behind a line that is no field", max(grade, Grade.SOFT)
                    bodies.append(match.start())
            continue
        kind = named[1].lower()[8:]
        note, at = ended, grade
        if behind_bare:
            note, at = "it follows a bare carriage return", Grade.HARD
        behind_bare = bare
        if named[2]:
            note, at = "a blank stands before the colon", max(at, Grade.HARD)
        if bare:
            note, at = "a bare carriage return or a NUL ends or cuts it", Grade.HARD
        if kind in _PLAUSIBLE:
            value = text[named.end() :]
            if b"\0" in value:  # some end there, others leave it out
                fields.append(Field(kind, value.partition(b"\0")[0], note, at))
            fields.append(Field(kind, value.replace(b"\0", b""), note, at))
            last_is_field = True
    return Section(tuple(fields), tuple(bodies[:8]), malformed)


def _loose(line: bytes) -> tuple[bytes, bytes] | None:
    """Read a line as a field although it is none to all: with something before its name, or in it."""
    line = line.replace(b"\0", b"")
    found = _LOOSE.match(line)
    if found is None:
        return None
    kind = re.sub(rb"transfer.*", ENCODING, found[1].lower(), flags=re.DOTALL)
    return (kind, found[3]) if _PLAUSIBLE[kind].match(found[3]) else None
