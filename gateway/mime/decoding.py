"""The body of a part under each of its transfer encodings, in blocks: as every reader may undo them. Never raises.

Each decoder forgives whatever some reader forgives. What readers do not agree on has an encoding name of its own, so
that each reading can be looked at: ``base64`` skips what is no base64, and goes on behind padding, while
``base64-first`` ends at the first padding. Nothing is ever held whole.
"""

import binascii
import mmap
import re
from collections.abc import Callable, Iterable, Iterator

import msgspec

from gateway.mime.words import Part

BLOCK = 64 * 1024  # octets handed on at a time

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
    for at in range(start, stop, BLOCK):
        yield raw[at : min(at + BLOCK, stop)]


def decoded(encoding: str, blocks: Blocks) -> Blocks:
    """Undo an encoding. One that nobody knows is none."""
    decoder = _DECODERS.get(encoding)
    return blocks if decoder is None else decoder(blocks)


def _base64(blocks: Blocks) -> Blocks:
    """Undo base64, skipping whatever is none; padding ends a group, and another may follow."""
    rest = b""
    for block in blocks:
        kept = rest + block.translate(None, _NO_BASE64)
        rest = b""
        if b"=" in kept:
            *groups, kept = _PADDING.split(kept)
            for group in groups:
                yield _unpadded(group)
        whole = len(kept) & ~3
        rest = kept[whole:]
        yield binascii.a2b_base64(kept[:whole])
    yield _unpadded(rest)


def _base64_first(blocks: Blocks) -> Blocks:
    """Undo base64 up to the first padding."""
    return _base64(_until_padding(blocks))


def _until_padding(blocks: Blocks) -> Blocks:
    """Give what stands before the first padding."""
    for block in blocks:
        at = block.find(b"=")
        if at >= 0:
            yield block[:at]
            return
        yield block


def _unpadded(group: bytes) -> bytes:
    """Undo one group without its padding, whatever its length; a single character too many is dropped."""
    if len(group) % 4 == 1:
        group = group[:-1]
    return binascii.a2b_base64(group + b"=" * (-len(group) % 4))


def _quoted_printable(blocks: Blocks) -> Blocks:
    """Undo quoted-printable; a soft break may have blanks behind it."""
    for lines in _lines(blocks):
        yield binascii.a2b_qp(_SOFT_BREAK.sub(b"=\n", lines))


def _lines(blocks: Blocks) -> Blocks:
    """Give the same in blocks that end with a line feed."""
    rest: list[bytes] = []
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if not end:
            rest.append(block)
            continue
        yield b"".join((*rest, block[:end]))
        rest = [block[end:]]
    yield b"".join(rest)


_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NO_BASE64 = bytes(each for each in range(256) if each not in _ALPHABET)
_PADDING = re.compile(rb"=+")
_SOFT_BREAK = re.compile(rb"=[ \t]+\r?\n")
_DECODERS: dict[str, Callable[[Blocks], Blocks]] = {
    "base64": _base64,
    "base64-first": _base64_first,
    "quoted-printable": _quoted_printable,
}


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
