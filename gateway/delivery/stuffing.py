"""Dot-stuffing (RFC 5321 4.5.2). Only CRLF comes out as a line end, so nothing can be smuggled. Pure."""

import re

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def whole(data: bytes) -> bytes:
    """Stuff a message that is held in one piece, the ending dot included."""
    data = _stuffed(_crlf(data))
    if data.startswith(b"."):
        data = b"." + data
    if data and not data.endswith(b"\r\n"):
        data += b"\r\n"
    return data + b".\r\n"


class Stuffer:
    """Stuffs a message that comes in blocks, cut anywhere."""

    def __init__(self) -> None:
        """Begin at the start of a line."""
        self._held = b""  # a CR at the end of a block: what follows decides what it is
        self._line_start = True

    def feed(self, block: bytes) -> bytes:
        """Give the stuffed form of the next block."""
        data = self._held + block
        self._held = b""
        if data.endswith(b"\r"):
            data, self._held = data[:-1], b"\r"
        if not data:
            return b""
        data = _stuffed(_crlf(data))
        if self._line_start and data.startswith(b"."):
            data = b"." + data
        self._line_start = data.endswith(b"\n")
        return data

    def end(self) -> bytes:
        """Give what is still due: the end of the last line, and the dot."""
        start = self._line_start and not self._held
        return b".\r\n" if start else b"\r\n.\r\n"


def _crlf(data: bytes) -> bytes:
    """Make each bare CR or LF a CRLF. Counting is far cheaper than the pattern, and few need it."""
    pairs = data.count(b"\r\n")
    if data.count(b"\n") == pairs == data.count(b"\r"):
        return data
    return _BARE.sub(b"\r\n", data)


def _stuffed(data: bytes) -> bytes:
    """Double the dots that follow a line end."""
    return data.replace(b"\r\n.", b"\r\n..") if b"\r\n." in data else data
