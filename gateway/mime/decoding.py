"""The body of a part under each of its transfer encodings, in blocks: as every reader may undo them. Never raises.

Each decoder forgives whatever some reader forgives. What readers do not agree on has an encoding name of its own, so
that each reading can be looked at:

* ``base64`` skips what is no base64 and goes on behind padding; ``base64-joined``, as if there were none;
  ``base64-first`` ends at the first padding,
  ``base64-stop`` at the first character that is no base64; ``base64-lines`` undoes each line by itself;
* ``quoted-printable-loose`` takes any break for a soft one, before anything else is undone;
* ``uuencode``, ``yenc`` and ``binhex`` begin where their first line is found;
* ``a+b`` undoes first a, then b; ``guess-a`` undoes a, though no header says so.

* ``nul-free+a`` leaves out NULs first;
* ``a+signed`` undoes a, and gives what the opaque signature (CMS) holds that comes out;
* ``a+apple`` undoes a, and gives the file in the AppleSingle file that comes out.

Nothing is ever held whole, but for a signature.
"""

import binascii
import mmap
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import msgspec

from gateway.mime.words import Part
from gateway.mime.wrapped import APPLE_HEAD, apple_fork, signed_content

BLOCK = 64 * 1024  # octets handed on at a time
_LONGEST_SIGNED = 32 * 1024 * 1024  # octets of an opaque signature that are looked at
_LONGEST_LINE = 1024 * 1024  # octets of a line after which it is taken to have ended

Raw = bytes | mmap.mmap
Blocks = Iterator[bytes]


class Reading(msgspec.Struct, frozen=True):
    """The body of a part as one kind of reader has it: which encoding was undone, and what came out, in blocks."""

    encoding: str
    blocks: Iterator[bytes]


def readings(raw: Raw, part: Part) -> Iterator[Reading]:
    """Give the body of a part under each of its encodings. ``raw`` is the message that was dissected."""
    for encoding in part.encodings:
        yield Reading(encoding, decoded(encoding, octets(raw, part)))


def octets(raw: Raw, part: Part) -> Blocks:
    """Give the body of a part as it stands, in blocks."""
    start, stop = part.body
    if part.within is not None:
        yield from _between(decoded(part.under, octets(raw, part.within)), start, stop)
        return
    for at in range(start, stop, BLOCK):
        yield raw[at : min(at + BLOCK, stop)]


def _between(blocks: Blocks, start: int, stop: int) -> Blocks:
    """Give what lies between two places of a stream."""
    at = 0
    for block in blocks:
        end = at + len(block)
        if end > start:
            yield block[max(0, start - at) : stop - at]
        at = end
        if at >= stop:
            return


def decoded(encoding: str, blocks: Blocks) -> Blocks:
    """Undo an encoding. One that nobody knows is none."""
    for name in encoding.split("+"):
        decoder = _DECODERS.get(name.removeprefix("guess-"))
        blocks = blocks if decoder is None else decoder(blocks)
    return blocks


def whole(blocks: Iterable[bytes], limit: int) -> bytes:
    """Give at most ``limit`` octets of a reading in one piece."""
    kept: list[bytes] = []
    size = 0
    for block in blocks:
        kept.append(block)
        size += len(block)
        if size >= limit:
            break
    return b"".join(kept)[:limit]


def _base64(blocks: Blocks) -> Blocks:
    """Undo base64, skipping whatever is none; padding ends a group, and another may follow."""
    rest = b""
    for block in blocks:
        kept = rest + block.translate(None, _NO_BASE64)
        rest = b""
        if b"=" in kept:
            *groups, kept = _PADDING.split(kept)
            yield b"".join(map(_unpadded, groups))
        full = len(kept) & ~3
        rest = kept[full:]
        yield binascii.a2b_base64(kept[:full])
    yield _unpadded(rest)


def _base64_first(blocks: Blocks) -> Blocks:
    """Undo base64 up to the first padding."""
    return _base64(_until(blocks, _PADDING))


def _base64_stop(blocks: Blocks) -> Blocks:
    """Undo base64 up to the first character that is none."""
    return _base64(_until(blocks, _JUNK))


def _until(blocks: Blocks, pattern: re.Pattern[bytes]) -> Blocks:
    """Give what stands before the first place that fits."""
    for block in blocks:
        found = pattern.search(block)
        if found is not None:
            yield block[: found.start()]
            return
        yield block


def _base64_lines(blocks: Blocks) -> Blocks:
    """Undo base64 line by line."""
    for lines in _lines(blocks):
        kept = lines.translate(None, _NO_BASE64_NOR_LINE).rstrip(b"\n")
        yield b"".join(_unpadded(line.rstrip(b"=")) for line in kept.split(b"\n"))


def _base64_joined(blocks: Blocks) -> Blocks:
    """Undo base64 as if no padding were there."""
    return _base64(block.replace(b"=", b"") for block in blocks)


def _base64_url(blocks: Blocks) -> Blocks:
    """Undo base64 in its alphabet for URLs."""
    return _base64(block.translate(_FROM_URL) for block in blocks)


def _unpadded(group: bytes) -> bytes:
    """Undo one group without its padding, whatever its length; a single character too many is dropped."""
    if b"=" in group:
        group = group.replace(b"=", b"")
    if len(group) % 4 == 1:
        group = group[:-1]
    return binascii.a2b_base64(group + b"=" * (-len(group) % 4))


def _quoted_printable(blocks: Blocks) -> Blocks:
    """Undo quoted-printable; a soft break may have blanks behind it."""
    for lines in _lines(blocks):
        yield binascii.a2b_qp(_SOFT_BREAK.sub(b"=\n", lines))


def _quoted_printable_loose(blocks: Blocks) -> Blocks:
    """Undo quoted-printable as who takes any break for a soft one, first of all, and digits of either case anywhere."""
    rest = b""
    for lines in _lines(blocks):
        joined = rest + _ANY_BREAK.sub(b"", lines)
        cut = joined.rfind(b"=", max(0, len(joined) - 2))
        rest = joined[cut:] if cut >= 0 else b""
        yield _QUOTED.sub(_octet, joined[:cut] if cut >= 0 else joined)
    yield rest


def _octet(found: re.Match[bytes]) -> bytes:
    """Give the octet that two digits name."""
    return bytes((int(found[1], 16),))


def _uuencode(blocks: Blocks) -> Blocks:
    """Undo uuencode, from its ``begin`` line on."""
    begun, before = False, 0
    for lines in _lines(blocks):
        out: list[bytes] = []
        for each in lines.split(b"\n"):
            line = each[before:]
            if not begun:
                bare = line.lstrip(b" \t>")
                begun = bare[:5].lower() == b"begin" and bare[5:6] in _BLANKS
                before = len(line) - len(bare) if begun else 0
            elif line.strip().lower() == b"end":
                yield b"".join(out)
                return
            elif line:
                out.append(_uu_line(line.rstrip(b"\r")))
        yield b"".join(out)


def _uuencode_bare(blocks: Blocks) -> Blocks:
    """Undo uuencode that has no ``begin`` line."""
    for lines in _lines(blocks):
        yield b"".join(_uu_line(line.rstrip(b"\r")) for line in lines.split(b"\n"))


def _uu_line(line: bytes) -> bytes:
    """Undo one line of uuencode, forgiving what is missing."""
    if not line:
        return b""
    length = ((((line[0] - 32) & 63) * 4 + 5) // 3) + 1
    try:
        return binascii.a2b_uu(line[:length])
    except binascii.Error:
        return b""


def _yenc(blocks: Blocks) -> Blocks:
    """Undo yEnc, from its ``=ybegin`` line on."""
    begun = False
    for lines in _lines(blocks):
        out: list[bytes] = []
        for line in lines.split(b"\n"):
            if line.startswith(b"=y"):
                begun = begun or line.startswith(b"=ybegin")
                if line.startswith(b"=yend"):
                    yield b"".join(out)
                    return
            elif begun:
                first, *others = line.rstrip(b"\r").split(b"=")
                out.append(first.translate(_LESS_42))
                out.extend(other[:1].translate(_LESS_106) + other[1:].translate(_LESS_42) for other in others)
        yield b"".join(out)


def _nul_free(blocks: Blocks) -> Blocks:
    """Leave out NULs."""
    return (block.translate(None, b"\0") for block in blocks)


def _signed(blocks: Blocks) -> Blocks:
    """Give what an opaque signature holds. This one is held whole, up to a bound."""
    yield signed_content(whole(blocks, _LONGEST_SIGNED))


def _apple(blocks: Blocks) -> Blocks:
    """Give the data fork of an AppleSingle file."""
    head = b""
    for block in blocks:
        head += block
        if len(head) >= APPLE_HEAD:
            break
    yield from _between(chain((head,), blocks), *apple_fork(head))


def _binhex_header(blocks: Blocks) -> Blocks:
    """Undo BinHex, with its header."""
    return _unrepeated(_six_bits(blocks))


def _binhex(blocks: Blocks) -> Blocks:
    """Undo BinHex 4.0: the data fork behind its header."""
    skip = -1
    rest = b""
    for block in _unrepeated(_six_bits(blocks)):
        if skip < 0:
            rest += block
            if not rest or len(rest) < rest[0] + 22:
                continue
            block, skip = rest[rest[0] + 22 :], 0  # noqa: PLW2901 - what is behind the header
        yield block


def _six_bits(blocks: Blocks) -> Blocks:
    """Give the octets between the colons of BinHex."""
    begun, rest = False, b""
    for lines in _lines(blocks):
        block = lines
        if not begun:
            found = _BINHEX.search(block)
            if found is None:
                continue
            begun, block = True, block[found.end() :]
        block, ended, _ = block.partition(b":")
        kept = rest + block.translate(_FROM_BINHEX, _NO_BINHEX)
        full = len(kept) & ~3
        rest = kept[full:]
        yield binascii.a2b_base64(kept[:full])
        if ended:
            break
    yield _unpadded(rest)


def _unrepeated(blocks: Blocks) -> Blocks:
    """Undo the run lengths of BinHex."""
    rest = b""
    for block in blocks:
        octets_ = rest + block
        keep = octets_.rfind(b"\x90", max(0, len(octets_) - 1))
        rest = octets_[keep:] if keep >= 0 else octets_[-1:]
        octets_ = octets_[: len(octets_) - len(rest)]
        yield _REPEATED.sub(lambda found: found[1] * (found[2][0] or 1), octets_).replace(b"\x90\0", b"\x90")
    yield rest


def _lines(blocks: Blocks) -> Blocks:
    """Give the same in blocks that end with a line feed, but for overlong lines."""
    rest: list[bytes] = []
    size = 0
    for block in blocks:
        end = block.rfind(b"\n") + 1
        size += len(block)
        if not end and size < _LONGEST_LINE:
            rest.append(block)
            continue
        if not end:  # an overlong line, of which an escape is not torn
            escape = block.rfind(b"=", max(0, len(block) - 2))
            end = escape if escape >= 0 else len(block)
        yield b"".join((*rest, block[:end]))
        rest = [block[end:]]
        size = len(rest[0])
    yield b"".join(rest)


_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BINHEX_ALPHABET = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
_NO_BASE64 = bytes(each for each in range(256) if each not in _ALPHABET + b"=")
_NO_BASE64_NOR_LINE = bytes(each for each in range(256) if each not in _ALPHABET + b"=\n")
_NO_BINHEX = bytes(each for each in range(256) if each not in _BINHEX_ALPHABET)
_FROM_BINHEX = bytes.maketrans(_BINHEX_ALPHABET, _ALPHABET)
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_LESS_42 = bytes((each - 42) & 255 for each in range(256))
_LESS_106 = bytes((each - 106) & 255 for each in range(256))
_BLANKS = (b" ", b"\t")
_PADDING = re.compile(rb"=+")
_JUNK = re.compile(rb"[^A-Za-z0-9+/=\s]")
_SOFT_BREAK = re.compile(rb"=[ \t]+\r?\n")
_ANY_BREAK = re.compile(rb"=[ \t]*+(?:\r?\n|\r)")
_QUOTED = re.compile(rb"=[ \t]?([0-9A-Fa-f]{2})")
_BINHEX = re.compile(rb"(?:^|\n)[ \t]{0,8}:")
_REPEATED = re.compile(rb"([^\x90])\x90([^\0])", re.DOTALL)
_DECODERS: dict[str, Callable[[Blocks], Blocks]] = {
    "base64": _base64,
    "base64-first": _base64_first,
    "base64-stop": _base64_stop,
    "base64-lines": _base64_lines,
    "base64-url": _base64_url,
    "quoted-printable": _quoted_printable,
    "quoted-printable-loose": _quoted_printable_loose,
    "uuencode": _uuencode,
    "uuencode-bare": _uuencode_bare,
    "base64-joined": _base64_joined,
    "yenc": _yenc,
    "nul-free": _nul_free,
    "signed": _signed,
    "apple": _apple,
    "binhex-header": _binhex_header,
    "binhex": _binhex,
}
