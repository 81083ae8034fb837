"""Undoes gzip (RFC 1952), member by member: each may give its content another name. Never raises.

libarchive would undo several layers at once, and say nothing of the names between them.
"""

import mmap
import zlib
from collections.abc import Iterator

Octets = bytes | mmap.mmap

_MAGIC = b"\x1f\x8b"
_EXTRA, _NAME = 0x04, 0x08
_HEAD = 1024  # octets of a header that are read
_BLOCK = 64 * 1024


class Stream:
    """One stream. ``names`` grows while ``blocks`` is taken; ``broken`` says that it ends too early."""

    def __init__(self, octets: Octets) -> None:
        """Take a stream."""
        self._octets = octets
        self.names: list[str] = []
        self.broken = False

    def blocks(self) -> Iterator[bytes]:
        """Give what comes out, in blocks."""
        octets, at = self._octets, 0
        while octets[at : at + 2] == _MAGIC:
            if name := _name(octets[at : at + _HEAD]):
                self.names.append(name)
            member = zlib.decompressobj(31)
            while not member.eof:
                packed = member.unconsumed_tail or octets[at : at + _BLOCK]
                at += 0 if member.unconsumed_tail else len(packed)
                if not packed:
                    self.broken = True
                    return
                try:
                    block = member.decompress(packed, _BLOCK)
                except zlib.error:
                    self.broken = True
                    return
                if block:
                    yield block
            at -= len(member.unused_data)


def _name(head: bytes) -> str:
    """Give the name that a member has; empty where it has none."""
    if len(head) < 12 or not head[3] & _NAME:  # noqa: PLR2004 - header, and the length of what may follow
        return ""
    at = 10 + (2 + int.from_bytes(head[10:12], "little") if head[3] & _EXTRA else 0)
    return head[at:].partition(b"\0")[0].decode("utf-8", "replace")
