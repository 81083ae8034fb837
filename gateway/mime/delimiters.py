"""Where the parts of a multipart begin and end, under every way of recognising a boundary line. Pure; linear."""

import enum

import msgspec

from gateway.mime.decoding import Raw


class Kind(enum.Enum):
    """What a line that begins with a boundary is: to everybody, or to some readers only."""

    OPENS = "opens"
    CLOSES = "closes"
    MAY_OPEN = "may open"
    MAY_CLOSE = "may close"


class Delimiter(msgspec.Struct, frozen=True):
    """One boundary line, from its first octet to the one behind its line end."""

    start: int
    stop: int
    kind: Kind
    padded: bool = False


Span = tuple[int, int]


class Split(msgspec.Struct, frozen=True):
    """The parts of a multipart: what most readers see, what others see besides, and where the delimiters are.

    ``closed`` says that its last delimiter closes it; ``why`` says why some see more; ``cut``, that there are too many;
    ``padded``, that blanks stand behind one.
    """

    usual: tuple[Span, ...]
    besides: tuple[Span, ...]
    delimiters: tuple[Delimiter, ...]
    closed: bool
    why: str
    cut: bool = False
    padded: bool = False


def split(raw: Raw, start: int, stop: int, boundary: bytes, most: int) -> Split:
    """Split the body of a multipart by a boundary, into at most ``most`` parts of each reading."""
    found, cut = _delimiters(raw, start, stop, boundary, most)
    padded = any(each.padded for each in found)
    usual, closed = _spans(raw, found, stop, loosely=False)
    if all(each.kind is Kind.OPENS for each in found[:-1]) and (not found or found[-1].kind in _SURE):
        return Split(tuple(usual), (), tuple(found), closed, "", cut, padded)
    loose, _ = _spans(raw, found, stop, loosely=True)
    known = {each[0] for each in usual}
    besides = tuple(
        each for each in loose if each[0] not in known and raw[each[0] : min(each[1], each[0] + 64)].strip()
    )
    doubtful = any(each.kind is Kind.MAY_OPEN for each in found)
    why = "a boundary line has something behind it" if doubtful else "parts stand behind the final boundary"
    return Split(tuple(usual), besides, tuple(found), closed, why, cut, padded)


_SURE = frozenset({Kind.OPENS, Kind.CLOSES})
_LINE_ENDS = (b"\r", b"\n")
_ENDS = (b"\r\n", b"--\r\n", b"--", b"")
_MOST_LOOKED_AT = 20_000  # places where a boundary stands
_MOST_OTHERS = 32  # boundaries that begin with this one


def _delimiters(raw: Raw, start: int, stop: int, boundary: bytes, most: int) -> tuple[list[Delimiter], bool]:
    """Find the lines that begin with a boundary; and say whether there are more than are looked at."""
    needle = b"--" + boundary
    length = len(needle)
    found: list[Delimiter] = []
    others: dict[bytes, bool] = {}  # what follows the boundary, and whether it makes another boundary of it
    looked = 0
    at = raw.find(needle, start, stop)
    while at >= 0 and len(found) <= most and looked < _MOST_LOOKED_AT:
        looked += 1
        glued = at > start and raw[at - 1] not in b"\r\n"
        if glued and (not boundary or raw[at + length : min(stop, at + length + 1)] not in _LINE_ENDS):
            at = raw.find(needle, at + length, stop)
            continue
        behind = raw[at + length : min(stop, at + length + 4)]
        if not glued and (behind[:2] == b"\r\n" or behind == b"--\r\n"):  # as every mail program writes it
            line = at + length + 2 + 2 * (behind == b"--\r\n")
            found.append(Delimiter(at, line, Kind.OPENS if behind[:2] == b"\r\n" else Kind.CLOSES))
            at = raw.find(needle, line, stop)
            continue
        line = raw.find(b"\n", at + length, stop)
        line = stop if line < 0 else line + 1
        behind = raw[at + length : min(line, at + length + 1000)]
        text = behind.strip(b" \t\r\n")
        if text and not text.startswith(b"--"):
            if text not in others and len(others) < _MOST_OTHERS:
                others[text] = _is_another(raw, start, at, boundary + text)
            if others.get(text):
                at = raw.find(needle, line, stop)
                continue
            if b"\r" in text:  # a bare carriage return ends the line for some
                line = at + length + behind.index(b"\r") + 1
        found.append(Delimiter(at, line, _kind_of(text, glued=glued), behind not in _ENDS))
        at = raw.find(needle, line, stop)
    return found, at >= 0


def _kind_of(text: bytes, *, glued: bool) -> Kind:
    """Say what a boundary makes of its line, by the text behind it; ``glued`` says that text stands before it."""
    if text == b"--":
        return Kind.CLOSES
    if text.startswith(b"--"):
        return Kind.MAY_CLOSE
    return Kind.MAY_OPEN if text or glued else Kind.OPENS


def _is_another(raw: Raw, start: int, at: int, boundary: bytes) -> bool:
    """Whether a line is that of another boundary, which a header before it names."""
    boundary = boundary.removesuffix(b"--")
    named = raw.find(boundary, start, at)
    return named > start and raw[named - 1] in b"\"= \t'" and raw[named - 2 : named] != b"--"


def _spans(raw: Raw, found: list[Delimiter], stop: int, *, loosely: bool) -> tuple[list[Span], bool]:
    """Give the parts between delimiters, and whether the multipart is closed.

    Loosely, each line that may be a delimiter is one, and nothing ends at a closing one.
    """
    spans: list[Span] = []
    begun = -1
    for each in found:
        closes = each.kind in {Kind.CLOSES, Kind.MAY_CLOSE}
        if each.kind is Kind.MAY_OPEN and not loosely:
            continue
        if begun >= 0:
            spans.append((begun, max(begun, _before(raw, each.start))))
        begun = each.stop
        if closes and not loosely:
            return spans, True
    if begun >= 0 and not (loosely and found and found[-1].kind in {Kind.CLOSES, Kind.MAY_CLOSE}):
        spans.append((begun, stop))
        return spans, False
    return spans, bool(found)


def _before(raw: Raw, at: int) -> int:
    """Give where the line before a boundary line ends: its line end belongs to the boundary (RFC 2046 5.1.1)."""
    return at - 2 if raw[max(0, at - 2) : at] == b"\r\n" else at - 1
