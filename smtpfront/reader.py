"""The octets that the client sent and nobody has consumed yet.

asyncio's StreamReader reads lines or fixed counts; SMTP wants lines of bounded length, and blocks of any length of
which a part is put back. This is no more than that: one buffer, one waiter, and a transport that pauses when the
buffer is full.
"""

import asyncio

HIGH_WATER = 512 * 1024  # octets in the buffer at which the transport pauses


class LineTooLongError(Exception):
    """The line is longer than allowed; it has been consumed whole."""


class Reader:
    """The receiving half of a connection. The protocol feeds it; one coroutine at a time waits on it."""

    def __init__(self) -> None:
        """Begin empty."""
        self._buffer = bytearray()
        self._ended = False
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport | None = None

    @property
    def pending(self) -> bool:
        """Whether something lies here unread: the client sends ahead (RFC 2920)."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._buffer += data
        if len(self._buffer) > HIGH_WATER and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def end(self) -> None:
        """Take note that no more will come."""
        self._ended = True
        self._wake()

    def clear(self) -> None:
        """Forget what lies here: nothing sent in clear may be taken for sent under TLS (RFC 3207 4.2)."""
        self._buffer.clear()

    async def wait(self) -> None:
        """Wait until something lies here. Raises EOFError."""
        while not self._buffer:
            await self._more()

    async def exactly(self, count: int) -> bytes:
        """Give so many octets. Raises EOFError."""
        while len(self._buffer) < count:
            await self._more()
        octets = bytes(self._buffer[:count])
        del self._buffer[:count]
        return octets

    async def line(self, limit: int) -> bytes:
        """Give one line without its end. Raises EOFError, and LineTooLongError above ``limit`` octets."""
        while True:
            at = self._buffer.find(b"\n")
            if at >= 0:
                break
            if len(self._buffer) > limit:
                await self._skip_line()
                raise LineTooLongError
            await self._more()
        if at > limit:
            del self._buffer[: at + 1]
            self._resume()
            raise LineTooLongError
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 1]
        if self._paused:
            self._resume()
        return line[:-1] if line.endswith(b"\r") else line

    async def readline(self) -> bytes:
        """Give one line with an end: the form in which aiosmtpd's AUTH mechanisms read. Raises as ``line``."""
        return await self.line(12_288) + b"\r\n"  # RFC 4954 4

    async def block(self) -> bytes:
        """Give everything that is there, at least one octet. Raises EOFError."""
        if not self._buffer:
            await self._more()
        block = bytes(self._buffer)
        self._buffer.clear()
        if self._paused:
            self._resume()
        return block

    def unread(self, data: bytes) -> None:
        """Put back what belongs to the next command."""
        if data:
            self._buffer[:0] = data

    async def _skip_line(self) -> None:
        """Consume octets up to the next line end."""
        while (at := self._buffer.find(b"\n")) < 0:
            self._buffer.clear()
            self._resume()
            await self._more()
        del self._buffer[: at + 1]

    async def _more(self) -> None:
        """Wait for more. Raises EOFError when there will be none."""
        if self._ended:
            raise EOFError
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        """Let the waiting coroutine look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _resume(self) -> None:
        """Let the transport go on."""
        if self._paused and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()
