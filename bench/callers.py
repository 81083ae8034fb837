"""SMTP clients for benchmarks: many at once, each with an address and a domain that nobody has seen before.

They tell their address by the PROXY protocol, take no more CPU than they must, and count what they are told.
"""

import asyncio
import time
from collections import Counter

import msgspec

_CONTENT = (
    b"From: Them <user@%b>\r\nTo: alice@example.test\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <%d.%d@%b>\r\nSubject: Lunch\r\n\r\n"
    + b"Shall we meet at noon? It is about the usual things.\r\n"
    * 36
) + b".\r\n"


class Calls(msgspec.Struct, frozen=True):
    """What came of it: seconds in all, and how often the last command was answered with which code."""

    seconds: float
    codes: dict[str, int]


class Caller(asyncio.Protocol):
    """One transaction, from PROXY header to QUIT. Numbers are never used twice."""

    def __init__(self, number: int, recipient: bytes, codes: Counter[str], ended: asyncio.Future[None]) -> None:
        """Prepare what will be said."""
        a, b, c = number >> 16 & 255, number >> 8 & 255, number & 255
        domain = b"d%d.senders.test" % number
        self._ahead = b"PROXY TCP4 10.%d.%d.%d 127.0.0.1 25000 25\r\n" % (a, b, c)
        self._lines = [
            b"EHLO host-%d-%d-%d.clients.test\r\n" % (a, b, c),
            b"MAIL FROM:<user@%b>\r\n" % domain,
            b"RCPT TO:<%b>\r\n" % recipient,
            b"DATA\r\n",
            _CONTENT % (domain, number, time.monotonic_ns(), domain),
            b"QUIT\r\n",
        ]
        self._at = 0
        self._heard = b""
        self._codes = codes
        self._ended = ended
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who we are."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - it is TCP
        self._transport = transport
        if self._ahead:
            transport.write(self._ahead)

    def data_received(self, data: bytes) -> None:
        """Go on, whatever was said; a refused recipient ends it."""
        assert self._transport is not None  # noqa: S101 - it is connected
        self._heard += data
        if self._heard[-2:] != b"\r\n" or self._at >= len(self._lines):
            return
        data, self._heard = self._heard, b""
        if data[data.rfind(b"\n", 0, -1) + 4 : data.rfind(b"\n", 0, -1) + 5] == b"-":  # more lines will come
            self._heard = data
            return
        if self._at == 3 and not data.startswith(b"250"):  # noqa: PLR2004 - the answer to RCPT
            self._at = 5
        if self._at == 5:  # noqa: PLR2004 - what counts is told
            self._codes[data[:3].decode("ascii", "replace")] += 1
        self._transport.write(self._lines[self._at])
        self._at += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that it is over."""
        if self._at < len(self._lines):
            self._codes["lost"] += 1
        if not self._ended.done():
            self._ended.set_result(None)
        del exc


async def call(  # noqa: PLR0913 - a plan
    port: int, *, count: int, parallel: int, first: int, recipient: str = "alice@example.test", told: bool = True
) -> Calls:
    """Have so many clients call; ``first`` is the number of the first one, ``told`` whether the address is told."""
    loop, codes = asyncio.get_running_loop(), Counter[str]()
    numbers = iter(range(first, first + count))

    async def one_after_the_other() -> None:
        for number in numbers:
            ended = loop.create_future()
            caller = Caller(number, recipient.encode(), codes, ended)
            if not told:
                caller._ahead = b""  # noqa: SLF001 - its own plan
            await loop.create_connection(lambda made=caller: made, "127.0.0.1", port)  # type: ignore[misc] # bound at once
            await ended

    began = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(parallel)))
    return Calls(time.perf_counter() - began, dict(codes))
