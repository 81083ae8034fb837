"""What stands encoded in a text although no header says so: uuencode, yEnc, BinHex, base64. Pure; linear.

Old mail programs wrote attachments so, and some still show them. Calendars show what is attached to an event, which
stands within its text in base64 (RFC 5545 3.8.1.1).
"""

import re
from collections.abc import Iterator

import msgspec

from gateway.mime.danger import SNIFFED, Danger, of_content
from gateway.mime.decoding import Raw, decoded, whole

MOST = 200  # of all kinds in one text; one more is given where there are more

# Where a line begins that may be the first of something encoded.
_FIRST = re.compile(
    rb"\n(?:(?=[A-Za-z0-9+/]{40})|(?=[ \t>]{0,8}[Bb](?:egin|EGIN)[ \t-])|(?==ybegin )|(?=M[ -`]{60}[ \t]?\r?\n))"
)
_UUENCODED = re.compile(
    rb"\n[ \t>]{0,8}begin(-base64)?[ \t]{1,4}([0-7]{3,4}[ \t]{1,4})?([^\r\n]{1,255})[ \t]*\r?\n"
    rb"\s{0,16}([!-`])([^\r\n]*)",
    re.IGNORECASE,
)
_END = re.compile(rb"\n[ \t>]{0,8}end", re.IGNORECASE)
_YENCODED = re.compile(rb"\n=ybegin [^\r\n]{0,200}?name=([^\r\n]{1,255})")
_BINHEXED = re.compile(rb"\n[^\r\n]{0,80}converted with BinHex[^\r\n]{0,80}\r?\n\s{0,8}:")
# The first line is long enough for something that runs; a shorter one behind it may be the last.
_BASE64 = re.compile(rb"\n(?:[A-Za-z0-9+/]{4,}+={0,2}[ \t]*+\r?(?:\n|\Z))++")
_BINHEX = b"converted with BinHex"
_CALENDAR = re.compile(rb"\nATTACH;((?:[^\r\n:\"]|\"[^\r\n\"]*+\"|\r?\n[ \t])*+):", re.IGNORECASE)
# What stands between quotes or signs, as in a script or the address of a link; folded, or not.
_LITERAL = re.compile(rb"(?<![A-Za-z0-9+/=])([A-Za-z0-9+/]{40,}+(?:\\?\r?\n[ \t]*+[A-Za-z0-9+/]++)*+={0,2})")
_FOLD = re.compile(rb"\r?\n[ \t]")
_UNFOLDED = re.compile(rb"\n(?![ \t])")
_CALENDAR_NAME = re.compile(rb"FILENAME=\"?([^\";:]{1,255})", re.IGNORECASE)


class Guess(msgspec.Struct, frozen=True):
    """Something encoded: how, where it begins and ends, and what it is called; ``literal`` where scripts undo it."""

    encoding: str
    start: int
    stop: int
    name: bytes = b""
    literal: bool = False


def guesses(raw: Raw, start: int, stop: int) -> Iterator[Guess]:
    """Give what stands encoded between two places."""
    if not start and isinstance(raw, bytes):  # each pattern begins with the line end before
        for each in guesses(b"\n" + raw, 1, stop + 1):
            yield Guess(each.encoding, each.start - 1, each.stop - 1, each.name)
        return
    at = max(0, start - 1)
    if raw.find(_BINHEX, at, stop) >= 0:
        for found, _ in zip(_BINHEXED.finditer(raw, at, stop), range(MOST + 1), strict=False):
            end = raw.find(b":", found.end(), stop)
            yield Guess("guess-binhex", found.end() - 1, stop if end < 0 else end + 1)
    for found, _ in zip(_CALENDAR.finditer(raw, at, stop), range(MOST + 1), strict=False):
        told = _FOLD.sub(b"", found[1])
        if b"BASE64" in told.upper():
            ended = _UNFOLDED.search(raw, found.end(), stop)
            name = _CALENDAR_NAME.search(told)
            yield Guess("guess-base64", found.end(), stop if ended is None else ended.end(), name[1] if name else b"")
    count = 0
    first = _FIRST.search(raw, at, stop)
    while first is not None and count <= MOST:
        at = first.start() + 1
        guess, behind = _guess(raw, first.start(), stop)
        if guess is not None:
            count += 1
            yield guess
        first = _FIRST.search(raw, max(at, behind), stop)


def literals(raw: Raw, start: int, stop: int) -> Iterator[Guess]:
    """Give what a page, picture or event holds between two places in one piece of base64 that may run."""
    count = 0
    for found in _LITERAL.finditer(raw, start, stop):
        if _is_dangerous(raw, found.start(1), found.end(1)):
            count += 1
            yield Guess("guess-base64", found.start(1), found.end(1), literal=True)
            if count > MOST:
                return


def _is_dangerous(raw: Raw, start: int, stop: int) -> bool:
    """Whether what base64 between two places holds is dangerous, by its first octets."""
    window = raw[start : min(start + 120, stop)]
    return of_content(whole(decoded("base64", iter((window,))), SNIFFED)) > Danger.NONE


def _guess(raw: Raw, at: int, stop: int) -> tuple[Guess | None, int]:
    """Give what begins with the line behind a line end, and where to look on."""
    found = _BASE64.match(raw, at, stop)
    if found is not None:
        end = found.end()
        return (Guess("guess-base64", at + 1, end) if _is_dangerous(raw, at, end) else None), end - 1
    found = _YENCODED.match(raw, at, stop)
    if found is not None:
        end = _line_end(raw, raw.find(b"\n=yend", found.end(), stop), stop)
        return Guess("guess-yenc", at + 1, end, found[1]), end - 1
    found = _UUENCODED.match(raw, at, stop)
    if found is not None:
        return _uuencoded(raw, found, stop)
    if raw[at + 1 : at + 2] != b"M":
        return None, at + 1
    ended = _END.search(raw, at + 1, stop)  # a full line of uuencode, whose ``begin`` line is broken
    end = stop if ended is None else ended.start()
    return Guess("guess-uuencode-bare", at + 1, end), end


def _uuencoded(raw: Raw, found: re.Match[bytes], stop: int) -> tuple[Guess | None, int]:
    """Give what is uuencoded behind a ``begin`` line, where the line behind that one is as long as it says."""
    if found[1]:
        end = raw.find(b"\n====", found.end(), stop)
        data = raw.find(b"\n", found.start() + 1, stop) + 1
        end = stop if end < 0 else end + 1
        return Guess("guess-base64", data, end, found[3]), end - 1
    says = (((found[4][0] - 32) & 63) + 2) // 3 * 4
    fits = bool(found[2]) or says - 2 <= len(found[5].rstrip())  # without its mode it may be a sentence
    if not says or not fits or len(found[5].rstrip()) > says + 4:
        return None, found.start() + 1
    ended = _END.search(raw, found.start(4), stop)
    end = stop if ended is None else _line_end(raw, ended.start(), stop)
    return Guess("guess-uuencode", found.start() + 1, end, found[3].strip()), end - 1


def _line_end(raw: Raw, at: int, stop: int) -> int:
    """Give where the line ends behind the line end ``at``; the end of all where there is none."""
    end = raw.find(b"\n", at + 1, stop) if at >= 0 else -1
    return stop if end < 0 else end + 1
