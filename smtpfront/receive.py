"""Reads the content of a message, block by block, up to the lone dot (RFC 5321 4.5.2).

Only CRLF . CRLF ends a message. Every other form around a lone dot, and every bare CR or LF, is noted and stays in
the content as it came; the check ``line_ends`` says what that means. Memory is bounded whatever comes: a large
message goes to a file, and what is above the limit is counted and thrown away.
"""

import asyncio
import hashlib
from pathlib import Path
from typing import BinaryIO

from gateway.mail.message import HEAD_LIMIT, Content, LineEnds, head_of, odd_lone_dot
from smtpfront.reader import Reader

_END = b"\r\n.\r\n"
_SPILL = 256 * 1024  # octets gathered before a write to the file


class Receiver:
    """One message on its way in.

    ``limit`` is the size in octets above which nothing is kept; above ``memory`` octets the content goes to ``path``.
    """

    def __init__(self, path: Path, *, limit: int, memory: int) -> None:
        """Begin with nothing received."""
        self._path = path
        self._limit = limit
        self._memory = memory
        self._kept = bytearray()
        self._head = b""
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._size = 0
        self._bare_lf = 0
        self._bare_cr = 0
        self._lone_dot = ""
        self._context = b""  # the last raw octets, for forms that lie across two blocks

    async def receive(self, reader: Reader) -> Content:
        """Read up to the lone dot; what follows it is put back. Raises EOFError, OSError."""
        # The content begins as if behind a line end: a lone dot in its first line ends it.
        pending = b"\r\n"
        first = True
        while True:
            chunk = pending + await reader.block()
            end = chunk.find(_END)
            if end >= 0:
                reader.unread(chunk[end + len(_END) :])
                body, pending = chunk[: end + 2], b""
            else:
                cut = _safe_cut(chunk)
                body, pending = chunk[:cut], chunk[cut:]
            if body:
                await self._take(body, first=first)
                first = False
            if end >= 0:
                return await self._content()

    async def _take(self, raw: bytes, *, first: bool) -> None:
        """Take one piece of raw content that cuts no line end and no dot from the line end before it."""
        pairs = raw.count(b"\r\n")
        bare_lf = raw.count(b"\n") - pairs
        bare_cr = raw.count(b"\r") - pairs
        if bare_lf or bare_cr or self._bare_lf or self._bare_cr:
            self._bare_lf += bare_lf
            self._bare_cr += bare_cr
            self._lone_dot = self._lone_dot or odd_lone_dot(self._context + raw)
        self._context = (self._context + raw)[-4:]
        body = raw.replace(b"\r\n.", b"\r\n") if b"\r\n." in raw else raw
        if first:
            body = body[2:]  # the line end that only stood for the beginning
        self._size += len(body)
        if self._size > self._limit:
            self._kept.clear()
            await self.discard()
            return
        self._hash.update(body)
        self._kept += body
        if self._file is None and len(self._kept) > self._memory:
            self._head = head_of(bytes(self._kept[:HEAD_LIMIT]))
            # A file is opened and written in a thread: the disk may be slow, and everybody else must go on.
            self._file = await asyncio.to_thread(self._path.open, "xb")
        if self._file is not None and len(self._kept) > _SPILL:
            await self._spill()

    async def _spill(self) -> None:
        """Move what is gathered to the file."""
        if self._file is not None and self._kept:
            gathered, self._kept = self._kept, bytearray()
            await asyncio.to_thread(self._file.write, gathered)

    async def _content(self) -> Content:
        """Give the finished content."""
        ends = LineEnds(self._bare_lf, self._bare_cr, self._lone_dot)
        if self._size > self._limit:
            return Content(self._size, "", b"", ends, memory=b"")
        if self._file is None:
            memory = bytes(self._kept)
            return Content(self._size, self._hash.hexdigest(), head_of(memory), ends, memory=memory)
        await self._spill()
        file, self._file = self._file, None
        await asyncio.to_thread(file.close)
        return Content(self._size, self._hash.hexdigest(), self._head, ends, path=self._path)

    async def discard(self) -> None:
        """Remove what was written; the message will not be kept."""
        file, self._file = self._file, None
        if file is not None:
            await asyncio.to_thread(_remove, file, self._path)


def _remove(file: BinaryIO, path: Path) -> None:
    """Close and remove a half-written file."""
    file.close()
    path.unlink(missing_ok=True)


def _safe_cut(chunk: bytes) -> int:
    """Give where a chunk may be cut so that neither the end mark, nor CRLF, nor CRLF and a dot, is cut apart."""
    cut = max(len(chunk) - len(_END) + 1, 0)
    carriage = chunk.rfind(b"\r", max(cut - 2, 0), cut)
    return carriage if carriage >= 0 else cut
