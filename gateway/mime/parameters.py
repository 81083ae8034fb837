"""The parameters of a Content-Type or Content-Disposition, under every way of reading them. Pure; linear.

What is written as everybody writes it takes a short way. Else each value is read as a strict reader, a careless one and
those between them would: quotes kept or taken, cut at a blank or not, comments seen or not, RFC 2231 joined or not.
"""

import itertools
import re
import urllib.parse
from collections.abc import Callable, Iterator

from gateway.mime.endings import PROGRAMS
from gateway.mime.text import encoded_words

_LONGEST = 8 * 1024  # octets of one parameter that are looked at
_LONGEST_VALUE = 16 * 1024  # octets of a value in which a name is looked for
MOST = 64  # values of one parameter that are looked at
_MOST_LONG, _SHORTER = 4, 512  # so many of them are looked at in full, of each other so many octets

_SIMPLE = re.compile(
    rb"\s*+([!#-\'*+\-.0-9A-Z^-z{|}~]++/[!#-\'*+\-.0-9A-Z^-z{|}~]++)?+([!#-\'*+\-.0-9A-Z^-z{|}~]++)?+\s*+"
    rb'((?:;\s*+[\w.-]++=(?:"[^"\\\r\n;]*+"|[^\s";()\\\']++)\s*+)*+);?+\s*+'
)
_PAIR = re.compile(rb';\s*+([\w.-]++)=(?:"([^"]*+)"|([^\s";()]++))')
_UNFOLD = re.compile(rb"[\r\n]++")
_SPACED_FOLD = re.compile(rb"[\r\n]++[ \t]*+")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*+)("?+)', re.DOTALL)
_TO_BLANK = re.compile(rb"[^\s;]++")
_TO_SEMICOLON = re.compile(rb"[^;]++")
_TO_SPECIAL = re.compile(rb'[^\s()<>@,;:\\"/\[\]?=]++')
_BACKSLASH = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT = re.compile(rb"\((?:[^()\\]|\\.){0,200}+\)", re.DOTALL)  # bounded, for it is tried at each parenthesis


# What follows the name of a parameter: the number of RFC 2231, its mark of an extension, comments, the sign.
_COMMENTS = rb"(?:\s|\([^()]{0,80}\))*+"
_BEHIND = rb"\s{0,4}(\*{0,2})\s{0,4}(\d{0,4})[^=:;\"\s()*]{0,8}?(\*)?" + _COMMENTS + rb"[=:]" + _COMMENTS
_NAMES = (
    re.compile(rb"(?<![a-z])name" + _BEHIND, re.IGNORECASE),
    re.compile(rb"(?<![a-z])filename" + _BEHIND, re.IGNORECASE),
    re.compile(rb"ame" + _BEHIND, re.IGNORECASE),
)


# What looks like the name of a program, whatever stands before it.
_ENDINGS = b"|".join(sorted(each.encode() for each in PROGRAMS - {"com", "htm", "html"}))
_PROGRAM = re.compile(rb"\.(?:" + _ENDINGS + rb")(?![A-Za-z0-9])", re.IGNORECASE)
_NO_NAME = re.compile(rb"[\s\"';=()<>/\\:,]")
_BEFORE = 200  # octets of such a name before its ending


def simple(value: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
    """Read a value that everybody reads alike: what stands first, lower-case, and the pairs; None where it is none."""
    found = _SIMPLE.fullmatch(value)
    if found is None:
        return None
    pairs = [(name.lower(), quoted or plain) for name, quoted, plain in _PAIR.findall(found[3])] if found[3] else []
    return (found[1] or found[2] or b"").lower(), pairs


def every(value: bytes, name: bytes) -> list[bytes]:
    """Give every value that some reader may find for a parameter, the strict reading first."""
    return _every(value, re.compile(rb"(?<![a-z])" + name + _BEHIND, re.IGNORECASE))


def names(value: bytes) -> list[bytes]:
    """Give every value that some reader may show as a name: some take any parameter that is called much like it."""
    found = [each for pattern in _NAMES for each in _every(value, pattern)]
    return list(dict.fromkeys([*found, *itertools.islice(_programs(value[:_LONGEST_VALUE]), MOST)]))


def _programs(value: bytes) -> Iterator[bytes]:
    """Give what looks like the name of a program: each ending, and what stands before it."""
    behind = 0
    for found in _PROGRAM.finditer(value):
        before = _NO_NAME.split(value[max(behind, found.start() - _BEFORE) : found.start()])[-1]
        if before:
            yield before + found[0]
            behind = found.end()


def _every(value: bytes, pattern: re.Pattern[bytes]) -> list[bytes]:
    """Give every value behind what a pattern finds: number, extension, and the value itself follow."""
    given: list[bytes] = []
    sections: list[tuple[int, bool, list[bytes]]] = []
    pieces: list[tuple[bool, list[bytes]]] = []
    for count, found in enumerate(pattern.finditer(value)):
        if count >= MOST:
            break
        forms = list(_forms(value[found.end() : found.end() + (_LONGEST if count < _MOST_LONG else _SHORTER)]))
        stars, number, extended = found.groups()
        if number:
            sections.append((int(number), bool(extended), forms))
        elif stars or extended:
            given.extend(_extended(forms))
            given.extend(forms)
        else:
            given.extend(forms)
        if number or stars or extended:
            pieces.append((bool(extended), forms))
    if len(pieces) > 1:
        given[:0] = [form for pick in _PICKS for form in _piled(pieces, pick)]
    if sections:
        given[:0] = _joined(sections)
        given.extend(form for _, _, forms in sections for form in forms[:2])
    return list(dict.fromkeys(each for each in given if each))


def _forms(rest: bytes) -> Iterator[bytes]:  # noqa: C901, PLR0912 - each way of reading in its turn
    """Give what a value may be that begins here."""
    if rest.startswith(b'"'):
        quoted = _QUOTED.match(rest)
        if quoted is not None:
            inner = quoted[1]
            if not quoted[2]:  # the quote is never closed
                inner = _SPACED_FOLD.split(inner, 1)[0]
            for form in _unfolded(inner):
                yield _BACKSLASH.sub(rb"\1", form)
                yield form
                yield form.strip()
            behind = _TO_SEMICOLON.match(rest, quoted.end())
            if behind is not None and behind[0].strip():
                word = behind[0].split()[0]
                yield inner + word
                yield rest[: quoted.end()] + word
            if b"\\" in inner:
                yield inner.split(b'\\"', 1)[0]
                yield inner.split(b"\\", 1)[0]
            if b";" in inner:
                yield rest.split(b";", 1)[0]
                yield inner.split(b";", 1)[0]
                yield inner.split(b";", 1)[0].rstrip()
    for pattern in (_TO_BLANK, _TO_SEMICOLON, _TO_SPECIAL):
        found = pattern.match(rest)
        if found is None:
            continue
        for form in _unfolded(found[0]):
            bare = form.strip()
            if not rest.startswith(b'"'):
                yield bare
                if b"(" in bare:
                    yield _COMMENT.sub(b"", bare).strip()
                    yield bare.split(b"(", 1)[0].strip()
                if bare.startswith(b"'"):
                    yield bare.strip(b"'")
                if b'"' in bare:
                    yield bare.replace(b'"', b"")
                    yield bare.split(b'"', 1)[0]
                if b"\\" in bare:
                    yield _BACKSLASH.sub(rb"\1", bare)
                if b"," in bare:
                    yield bare.split(b",", 1)[0]
            elif b'"' not in bare[1:]:
                yield bare
                yield bare[1:]


def _unfolded(value: bytes) -> Iterator[bytes]:
    """Give a value without its line ends, with the blanks behind them, with one, and with none."""
    if b"\n" in value or b"\r" in value:
        yield _UNFOLD.sub(b"", value)
        yield _SPACED_FOLD.sub(b" ", value)
        yield _SPACED_FOLD.sub(b"", value)
        yield _SPACED_FOLD.split(value, maxsplit=1)[0]
    else:
        yield value
    if b"=?" in value:
        yield from (each.encode("utf-8", "surrogateescape") for each in encoded_words(value))


def _extended(forms: list[bytes]) -> Iterator[bytes]:
    """Give the values of RFC 2231 charset'language'octets, decoded, with and without what stands before."""
    for form in forms[:4]:
        yield urllib.parse.unquote_to_bytes(form.split(b"'", 2)[-1])
        yield urllib.parse.unquote_to_bytes(form)


def _joined(sections: list[tuple[int, bool, list[bytes]]]) -> Iterator[bytes]:
    """Join the sections of RFC 2231: in their order, as they stand, up to a gap; decoded, and not."""
    by_number = sorted(sections, key=lambda section: section[0])
    first: dict[int, tuple[int, bool, list[bytes]]] = {}
    last: dict[int, tuple[int, bool, list[bytes]]] = {}
    for each in by_number:
        first.setdefault(each[0], each)
        last[each[0]] = each
    unbroken = [first[at] for at in range(len(first)) if at in first]
    for row in (list(first.values()), list(last.values()), sections, unbroken):
        for pick in _PICKS:
            yield from _piled([(extended, forms) for _, extended, forms in row], pick)


def _piled(pieces: list[tuple[bool, list[bytes]]], pick: Callable[[list[bytes]], bytes]) -> Iterator[bytes]:
    """Pile up pieces, those decoded that say that they are encoded, with and without charset and language before."""
    picked = [(extended, pick(forms)) for extended, forms in pieces if forms]
    plain = b"".join(piece for _, piece in picked)
    decoded = b"".join(urllib.parse.unquote_to_bytes(piece) if extended else piece for extended, piece in picked)
    yield decoded.split(b"'", 2)[-1] if decoded.count(b"'") > 1 else decoded
    yield decoded
    yield plain
    yield urllib.parse.unquote_to_bytes(plain.split(b"'", 2)[-1])


def _first(forms: list[bytes]) -> bytes:
    """Give the likeliest form."""
    return forms[0]


def _longest(forms: list[bytes]) -> bytes:
    """Give the longest form."""
    return max(forms, key=len)


def _shortest(forms: list[bytes]) -> bytes:
    """Give the shortest form that is not empty."""
    return min((each for each in forms if each), key=len, default=b"")


_PICKS = (_first, _longest, _shortest)
