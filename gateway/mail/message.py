"""A message's content: its octets as they came, and what was noticed while they came.

The content is held once: in memory while it is small, else in a file. It is never changed; what is sent on or
stored is this and nothing else, with our own header lines in front.
"""

import functools
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

BLOCK = 256 * 1024  # octets handed on at a time
HEAD_LIMIT = 256 * 1024  # octets of the header section that are looked at


class LineEnds(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was odd about the line ends. ``lone_dot`` is the first odd form found around a lone dot, as text."""

    bare_lf: int = 0
    bare_cr: int = 0
    lone_dot: str = ""


class Content(msgspec.Struct, frozen=True):
    """The octets of a message, dots unstuffed, lines ended as they came.

    Exactly one of ``memory`` and ``path`` is set. ``head`` is the header section with its last line end, cut
    at HEAD_LIMIT; ``size`` is in octets; ``sha256`` is hex, and empty where the message was too large to be kept.
    """

    size: int
    sha256: str
    head: bytes
    line_ends: LineEnds = LineEnds()
    memory: bytes | None = None
    path: Path | None = None

    @property
    def kept(self) -> bool:
        """Whether the octets are here; those of a message above the limit are counted and thrown away."""
        return bool(self.sha256)

    def blocks(self, size: int = BLOCK) -> Iterator[bytes]:
        """Give the content in blocks of at most ``size`` octets. Reads a file where it is on disk."""
        if self.memory is not None:
            if len(self.memory) <= size:
                yield self.memory
            else:
                for at in range(0, len(self.memory), size):
                    yield self.memory[at : at + size]
        elif self.path is not None:
            with self.path.open("rb") as file:
                while block := file.read(size):
                    yield block

    def read(self, limit: int | None = None) -> bytes:
        """Give the first ``limit`` octets in one piece, or everything."""
        if self.memory is not None:
            return self.memory if limit is None else self.memory[:limit]
        if self.path is None:
            return b""
        with self.path.open("rb") as file:
            return file.read() if limit is None else file.read(limit)


_ODD_DOT = re.compile(rb"(\r\n|\r|\n)\.(\r\n|\r(?!\n)|\n)")
_LINE_END_NAMES = {b"\r\n": "CRLF", b"\r": "CR", b"\n": "LF"}


def odd_lone_dot(raw: bytes) -> str:
    """Name the first lone dot whose line ends are not both CRLF, such as ``LF . CRLF``; empty where there is none."""
    found = _ODD_DOT.search(raw)
    while found and found[1] == found[2] == b"\r\n":
        found = _ODD_DOT.search(raw, found.start() + 1)
    return f"{_LINE_END_NAMES[found[1]]} . {_LINE_END_NAMES[found[2]]}" if found else ""


def line_ends_of(raw: bytes) -> LineEnds:
    """Look at the line ends of a whole content."""
    pairs = raw.count(b"\r\n")
    bare_lf, bare_cr = raw.count(b"\n") - pairs, raw.count(b"\r") - pairs
    return LineEnds(bare_lf, bare_cr, odd_lone_dot(raw) if bare_lf or bare_cr else "")


_UNFOLD = re.compile(rb"\r?\n(?=[ \t])")


def blank_line(raw: bytes, start: int = 0, stop: int | None = None) -> tuple[int, int] | None:
    """Find the first blank line, with whichever line ends: where the line before it ends, and where the next begins."""
    at, width = raw.find(b"\n\r\n", start, stop), 3
    # In mail with CRLF only what stands before is searched for the other form.
    bare = raw.find(b"\n\n", start, stop if at < 0 else at + 1)
    if bare >= 0:
        at, width = bare, 2
    if at < 0:
        return None
    return at - 1 if at > start and raw.startswith(b"\r", at - 1) else at, at + width


def head_of(start: bytes) -> bytes:
    """Cut the header section, with the line end of its last line, out of the start of a message."""
    if start.startswith((b"\r\n", b"\n")):
        return b""
    found = blank_line(start, 0, HEAD_LIMIT)
    return start[:HEAD_LIMIT] if found is None else start[: found[0]] + b"\r\n"


class Headers:
    """The header fields of a message, found without ever raising: unfolded, in order, names in lower case.

    They are read when they are first asked for.
    """

    def __init__(self, head: bytes) -> None:
        """Take a header section."""
        self._head = head

    @functools.cached_property
    def fields(self) -> list[tuple[str, str]]:
        """All fields, names in lower case, with the octets that are no UTF-8 replaced."""
        return self._read[0]

    @property
    def malformed(self) -> int:
        """How many lines are no fields: without a colon, or with blanks in the name."""
        return self._read[1]

    @functools.cached_property
    def _read(self) -> tuple[list[tuple[str, str]], int]:
        """Read fields and malformed lines."""
        fields = []
        malformed = 0
        for line in _UNFOLD.sub(b"", self._head).decode("utf-8", "replace").split("\n"):
            name, colon, value = line.partition(":")
            if colon and name and " " not in name and name == name.strip():
                fields.append((name.lower(), value.strip()))
            elif line.rstrip("\r"):
                malformed += 1
        return fields, malformed

    @functools.cached_property
    def _first(self) -> dict[str, str]:
        """The first field of each name."""
        return dict(reversed(self.fields))

    def get(self, name: str) -> str:
        """Give the first field of that name (lower case), or an empty string."""
        return self._first.get(name, "")

    def all(self, name: str) -> list[str]:
        """Give every field of that name (lower case), in order."""
        return [value for key, value in self.fields if key == name]

    def count(self, name: str) -> int:
        """Count the fields of that name (lower case)."""
        return sum(1 for key, _ in self.fields if key == name)
