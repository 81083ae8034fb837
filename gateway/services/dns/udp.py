"""The way to one DNS server: a few UDP sockets with random ports, each renewed often, and TCP for what was cut."""

import asyncio
import contextlib
import secrets
import struct
from typing import cast

from gateway.services.dns import wire

SOCKETS = 8  # that questions are spread over at random
QUESTIONS = 500  # that one socket asks before it is renewed, so that its port can't be learned
MAX_TCP = 65_535


class ServerError(Exception):
    """The server can't be reached, or what it says is no answer."""


class Channel:
    """One server."""

    def __init__(self, server: tuple[str, int]) -> None:
        """Name it; nothing is opened yet."""
        self._address = server
        self._sockets: list[_Socket | None] = [None] * SOCKETS
        self.server = f"{server[0]}:{server[1]}" if ":" not in server[0] else f"[{server[0]}]:{server[1]}"

    async def ask(self, question: wire.Question) -> bytes:
        """Give the octets of the answer. Raises ServerError, OSError; waits for ever where nothing comes."""
        at = secrets.randbelow(SOCKETS)
        sock = self._sockets[at]
        if sock is None or sock.spent:
            if sock is not None:
                sock.retire()
            sock = self._sockets[at] = await self._open()
        octets = await sock.ask(question)
        return await self._by_tcp(question) if wire.is_cut(octets) else octets

    def close(self) -> None:
        """Close all sockets."""
        for sock in self._sockets:
            if sock is not None:
                sock.close()

    async def _open(self) -> "_Socket":
        """Open a socket that hears this server only. Raises OSError."""
        loop = asyncio.get_running_loop()
        _, sock = await loop.create_datagram_endpoint(_Socket, remote_addr=self._address)
        return sock

    async def _by_tcp(self, question: wire.Question) -> bytes:
        """Ask again over TCP (RFC 7766). Raises ServerError, OSError."""
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            number = secrets.randbits(16)
            octets = question.octets(number)
            writer.write(struct.pack("!H", len(octets)) + octets)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            answer = await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise ServerError("it closed the connection within an answer") from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        if not wire.answers(answer, question, number):
            raise ServerError("what it says over TCP answers something else")
        return answer


class _Socket(asyncio.DatagramProtocol):
    """One UDP socket. What comes is taken only where id and question are those of somebody who waits."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[int, tuple[wire.Question, asyncio.Future[bytes]]] = {}
        self._asked = 0
        self._retired = False

    @property
    def spent(self) -> bool:
        """Whether it should be renewed."""
        return self._asked >= QUESTIONS or self._transport is None or self._transport.is_closing()

    async def ask(self, question: wire.Question) -> bytes:
        """Ask, and wait for the answer. Raises ServerError, OSError."""
        assert self._transport is not None  # noqa: S101 - it is connected before anybody has it
        number = secrets.randbits(16)
        while number in self._waiting:
            number = secrets.randbits(16)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = question, answer
        self._asked += 1
        try:
            self._transport.sendto(question.octets(number))
            return await answer
        finally:
            del self._waiting[number]
            if self._retired and not self._waiting:
                self.close()

    def retire(self) -> None:
        """Close once nobody waits any more."""
        self._retired = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """Close; who waits gets an error."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own is none by inheritance

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand an answer to who waits for it; everything else is dropped."""
        del addr  # the socket is connected
        waiting = self._waiting.get(int.from_bytes(data[:2])) if len(data) > 2 else None  # noqa: PLR2004 - an id
        if waiting is not None and wire.answers(data, waiting[0], int.from_bytes(data[:2])) and not waiting[1].done():
            waiting[1].set_result(data)

    def error_received(self, exc: OSError) -> None:  # type: ignore[override] # asyncio gives nothing else
        """Tell those who wait that nobody listens there."""
        self._tell(ServerError(exc.strerror or str(exc)))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait that the socket is gone."""
        self._tell(ServerError(str(exc) if exc else "the socket was closed"))

    def _tell(self, error: Exception) -> None:
        """Give an error to all who wait."""
        for _, answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(error)
