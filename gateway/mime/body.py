"""What other readers make of the body of a leaf than its encoding says. Pure; linear."""

import base64
import re
from collections.abc import Sequence

from gateway.mime.danger import SNIFFED, Danger, of_content
from gateway.mime.decoding import BLOCK, Raw, decoded, whole
from gateway.mime.encodings import IDENTITY
from gateway.mime.saying import Odd
from gateway.mime.words import Grade

More = tuple[tuple[str, ...], Odd | None]  # encodings that others undo besides, and what is odd, the worst of it

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_LINE_ENDS = (b"\r", b"\n", b" ", b"\t")
_AT_ONCE = 1024 * 1024  # octets of base64 that are looked at in one piece
_LONGEST_LINE = 998  # octets; RFC 5322 2.1.1
_LOOKS_BASE64 = re.compile(rb"\s*[A-Za-z0-9+/]{24}")
_LOOKS_QUOTED = re.compile(rb"[^=]{0,16}=[0-9A-Fa-f]{2}")
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n|\Z)")
_WINDOW = 160  # octets at the beginning that show what the rest is
# ``begin `` in base64, at each place in a group.
_BEGIN = tuple(base64.b64encode(b"\0" * at + b"begin ")[first:-1] for at, first in ((0, 0), (1, 2), (2, 3)))


def other_readings(raw: Raw, start: int, stop: int, encodings: Sequence[str], media_type: str) -> More:
    """Give what else than ``encodings`` some reader undoes, for its own look tells it, and what is odd about that."""
    more: tuple[str, ...] = ()
    odd: Odd | None = None
    if "base64" in encodings:
        more, odd = odd_base64(raw, start, stop)
    elif "quoted-printable" in encodings and _BAD_ESCAPE.search(raw, start, stop) is not None:
        more = ("quoted-printable-loose",)
        grade = Grade.PLAIN if media_type.startswith("text/") else Grade.SOFT
        odd = Odd("MIME_ENCODING", "quoted-printable has signs of equality that quote nothing", grade)
    elif "quoted-printable" in encodings and _is_one_line(raw, start, stop):
        odd = Odd("MIME_ENCODING", "quoted-printable is one long line")
    elif "uuencode" in encodings and raw.find(b"begin", start, stop) < 0:
        more = ("uuencode-bare",)
    if encodings and "base64" not in encodings and encodings[0] not in IDENTITY and raw.find(b"\0", start, stop) >= 0:
        more += (f"nul-free+{encodings[0]}",)
        odd = Odd("MIME_ENCODING", "there are NULs in it", Grade.SOFT)
    window = raw[start : min(stop, start + _WINDOW)]
    guess = _guess(window, encodings)
    if guess and guess not in encodings:
        odd = Odd("MIME_ENCODING", f"the content looks as if it were {guess.removeprefix('guess-')}", Grade.SOFT)
        more += (guess,)
    return more, odd


def _guess(window: bytes, encodings: Sequence[str]) -> str:
    """Give the encoding that the first octets look as if they had; empty where it is what is said, or nothing known."""
    first = encodings[0] if encodings else "7bit"
    if "base64" not in encodings and _LOOKS_BASE64.match(window) and _sniff("base64", window):
        return "guess-base64"
    if "quoted-printable" not in encodings and _LOOKS_QUOTED.match(window) and _sniff("quoted-printable", window):
        return "" if _sniff(first, window) else "guess-quoted-printable"
    if first not in IDENTITY and of_content(window):
        return "" if _sniff(first, window) else "7bit"
    return ""


def _sniff(encoding: str, window: bytes) -> Danger:
    """Say how dangerous what begins so would be."""
    return of_content(whole(decoded(encoding, iter((window,))), SNIFFED))


def holds_uuencode(raw: Raw, start: int, stop: int, encoding: str) -> bool:
    """Whether a text that is encoded may hold something uuencoded."""
    words = _BEGIN if encoding == "base64" else (b"begin ",)
    return any(raw.find(word, start, stop) >= 0 for word in words)


def odd_base64(raw: Raw, start: int, stop: int) -> More:
    """Say what is odd about base64, and how else than all of it some reader undoes it."""
    if stop - start <= _AT_ONCE and _is_regular(raw[start:stop]):
        return (), None
    more: list[str] = []
    odd: Odd | None = None
    padding = raw.find(b"=", start, stop)
    if padding >= 0 and raw[padding : min(stop, padding + 256)].strip(b"= \t\r\n"):
        more += ["base64-first", "base64-joined"]
        odd = Odd("MIME_ENCODING", "base64 goes on behind its padding", Grade.SOFT)
    lines_differ = blanks = False
    junk = b""
    kept = 0
    for at in range(start, stop, BLOCK):
        block = raw[at : min(at + BLOCK, stop)]
        rest = block.translate(None, _BASE64)
        kept += len(block) - len(rest)
        if len(rest) != block.count(b"\r\n") * 2:
            rest = rest.translate(None, b"\r\n")
            blanks = blanks or b" " in rest or b"\t" in rest
            junk = junk or rest.translate(None, b" \t")[:200]
        lines_differ = lines_differ or _lines_differ(block)
    if junk:
        more += ["base64-stop", "base64-lines"]
        if b"-" in junk or b"_" in junk:
            more.append("base64-url")
        odd = Odd("MIME_ENCODING", "base64 has characters in it that are none", Grade.SOFT)
    elif lines_differ:
        more.append("base64-lines")
        odd = odd or Odd("MIME_ENCODING", "lines of base64 are no multiple of four")
    elif odd is None and (blanks or kept % 4 or _has_gap(raw, start, stop)):
        odd = Odd("MIME_ENCODING", "base64 has blanks in it, or not the padding that it should have")
    return tuple(dict.fromkeys(more)), odd


def _is_regular(body: bytes) -> bool:
    """Whether base64 is as every mail program writes it: lines of one length, nothing else in it, padded at its end."""
    text = body.rstrip(b"\r\n")
    line = text.find(b"\n") + 1 or len(text) + 1
    ends = text[line - 1 :: line]
    rest = text.translate(None, _BASE64)
    if line > _LONGEST_LINE or rest != (b"\r\n" if rest[:1] == b"\r" else b"\n") * len(ends) or ends.strip(b"\n"):
        return False
    padding = text.find(b"=")
    whole_lines = not ends or (line - len(rest) // len(ends)) % 4 == 0
    return whole_lines and (len(text) - len(rest)) % 4 == 0 and (padding < 0 or padding >= len(text) - 2)


def _has_gap(raw: Raw, start: int, stop: int) -> bool:
    """Whether there is a blank line with something behind it, or one before everything, or no line end for long."""
    gap = raw.find(b"\n\r\n", start, stop)
    if gap >= 0 and raw[gap : min(stop, gap + 256)].strip():
        return True
    if raw[start : start + 1] in _LINE_ENDS:
        return True
    return _is_one_line(raw, start, stop)


def _is_one_line(raw: Raw, start: int, stop: int) -> bool:
    """Whether a body begins with a line that is longer than mail may have."""
    return stop - start > _LONGEST_LINE and raw.find(b"\n", start, start + _LONGEST_LINE) < 0


def _lines_differ(block: bytes) -> bool:
    """Whether a line, but for the first and last, is no whole number of groups."""
    block = block.rstrip()
    first = block.find(b"\n")
    length = block.find(b"\n", first + 1) - first
    if first < 0 or length <= 0:
        return False
    ends = block[first::length]
    if len(ends) == block.count(b"\n") and not ends.strip(b"\n"):  # every line is as long as the second
        return (length - 1 - (block[first + length - 1 : first + length] == b"\r")) % 4 != 0
    lengths = {len(line.rstrip(b"\r \t")) for line in block.split(b"\n")[1:-1]} - {0}
    return any(each % 4 for each in lengths)
