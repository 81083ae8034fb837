"""What stands encoded in a text although no header says so: uuencode, yEnc, BinHex, base64. Pure; linear.

Old mail programs wrote attachments so, and some still show them.
"""

import re
from collections.abc import Iterator

import msgspec

from gateway.mime.danger import Danger, of_content
from gateway.mime.decoding import Raw, decoded, whole

_MOST = 100  # of one kind in one text

_UUENCODED = re.compile(
    rb"\n[ \t>]{0,8}begin(-base64)?[ \t]{1,4}(?:[0-7]{3,4}[ \t]{1,4})?([^\r\n]{1,255})[ \t]*\r?\n([!-`])([^\r\n]*)"
)
_YENCODED = re.compile(rb"\n=ybegin [^\r\n]{0,200}?name=([^\r\n]{1,255})")
_BINHEXED = re.compile(rb"\n[^\r\n]{0,80}converted with BinHex[^\r\n]{0,80}\r?\n\s{0,8}:")
# At least one line that is long enough for something that runs; the shorter one behind it may be the last.
_BASE64 = re.compile(rb"\n(?=[A-Za-z0-9+/]{40})(?:[A-Za-z0-9+/]{4,}+={0,2}[ \t]*+\r?(?:\n|\Z))++")
_NEXT_LINE = re.compile(rb"\n")


class Guess(msgspec.Struct, frozen=True):
    """Something encoded: how, where it begins and ends, and what it is called."""

    encoding: str
    start: int
    stop: int
    name: bytes = b""


def guesses(raw: Raw, start: int, stop: int) -> Iterator[Guess]:
    """Give what stands encoded between two places."""
    begin = max(0, start - 1)
    if raw.find(b"begin", begin, stop) >= 0:
        yield from _uuencoded(raw, begin, stop)
    if raw.find(b"=ybegin ", begin, stop) >= 0:
        for found, _ in zip(_YENCODED.finditer(raw, begin, stop), range(_MOST), strict=False):
            end = raw.find(b"\n=yend", found.end(), stop)
            yield Guess("guess-yenc", found.start() + 1, stop if end < 0 else _line_end(raw, end + 1, stop), found[1])
    if raw.find(b"converted with BinHex", begin, stop) >= 0:
        for found, _ in zip(_BINHEXED.finditer(raw, begin, stop), range(_MOST), strict=False):
            end = raw.find(b":", found.end(), stop)
            yield Guess("guess-binhex", found.end() - 1, stop if end < 0 else end + 1)
    for found in _BASE64.finditer(raw, begin, stop):
        at, end = found.start() + 1, found.end()
        first = raw[at : min(at + 120, end)]
        if of_content(whole(decoded("base64", iter((first,))), 64)) > Danger.NONE:
            yield Guess("guess-base64", at, end)


def _uuencoded(raw: Raw, begin: int, stop: int) -> Iterator[Guess]:
    """Give what stands uuencoded: a ``begin`` line, and one behind it that is as long as it says."""
    for found, _ in zip(_UUENCODED.finditer(raw, begin, stop), range(_MOST), strict=False):
        line = found.start() + 1
        if found[1]:
            end = raw.find(b"\n====", found.end(), stop)
            data = raw.find(b"\n", line, stop) + 1
            yield Guess("guess-base64", data, stop if end < 0 else end + 1, found[2])
            continue
        says = (((found[3][0] - 32) & 63) + 2) // 3 * 4
        if says and says <= len(found[4].rstrip()) + 2 and len(found[4]) <= says + 4:
            end = raw.find(b"\nend", found.start(3), stop)
            yield Guess("guess-uuencode", line, stop if end < 0 else _line_end(raw, end + 1, stop), found[2].strip())


def _line_end(raw: Raw, at: int, stop: int) -> int:
    """Give where the line ends that ``at`` is in."""
    end = raw.find(b"\n", at, stop)
    return stop if end < 0 else end + 1
