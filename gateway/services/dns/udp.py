"""The way to one DNS server: a few UDP sockets with random ports, each renewed often, and TCP for what was cut.

Sockets are read by the loop as they become readable, without a task for a question: a look-up costs two system calls.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from typing import Protocol, cast

import msgspec

from gateway.services.dns import wire

SOCKETS = 8  # that questions are spread over at random
QUESTIONS = 500  # that one socket asks before it is renewed, so that its port can't be learned
_DATAGRAM = 8192  # octets that are read of one; we say that we take 1232
_BURST = 1 << 20  # octets of answers that may wait, as far as the system grants them
_TURN = 100  # datagrams of one socket that are read in one turn of the loop
_RANDOM = 3072  # random octets that are drawn at once
_THREE = struct.Struct("!B2s")


class ServerError(Exception):
    """The server can't be reached, or what it says is no answer."""


class Asker(Protocol):
    """Who asks, and is told later."""

    def take(self, octets: bytes) -> None:
        """Take the answer."""

    def fail(self, error: Exception) -> None:
        """Take note that there is none: ServerError or OSError."""


class Asked(msgspec.Struct, frozen=True):
    """A question under way, and its id. ``cancel`` it where nobody waits any more."""

    question: wire.Question
    asker: Asker
    sock: "_Socket"
    identifier: bytes

    def cancel(self) -> None:
        """Forget it; an answer that comes late is dropped."""
        self.sock.forget(self.identifier)


class Channel:
    """One server."""

    def __init__(self, server: tuple[str, int]) -> None:
        """Name it; nothing is opened yet."""
        self._address = server
        self._sockets: list[_Socket | None] = [None] * SOCKETS
        self._random: Iterator[tuple[int, bytes]] = iter(())
        self._tasks: set[asyncio.Task[None]] = set()
        self.server = f"{server[0]}:{server[1]}" if ":" not in server[0] else f"[{server[0]}]:{server[1]}"

    def ask(self, question: wire.Question, asker: Asker) -> Asked:
        """Ask; the asker is told, unless nothing comes. Raises OSError."""
        chance, identifier = self._draw()
        at = chance % SOCKETS
        sock = self._sockets[at]
        if sock is None or sock.spent:
            if sock is not None:
                sock.retire()
            sock = self._sockets[at] = _Socket(self._address)
        return sock.ask(question, asker, identifier)

    def ask_whole(self, question: wire.Question, asker: Asker) -> None:
        """Ask again over TCP, for the answer was cut (RFC 7766); the asker is told."""
        task = asyncio.ensure_future(self._by_tcp(question, asker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Close all sockets."""
        for sock in self._sockets:
            if sock is not None:
                sock.close()
        for task in self._tasks:
            task.cancel()

    def _draw(self) -> tuple[int, bytes]:
        """Give a random octet as a number, and two more for an id."""
        drawn = next(self._random, None)
        if drawn is None:
            self._random = cast("Iterator[tuple[int, bytes]]", _THREE.iter_unpack(os.urandom(_RANDOM)))
            drawn = next(self._random)
        return drawn

    async def _by_tcp(self, question: wire.Question, asker: Asker) -> None:
        """Ask over TCP; the asker bounds the time."""
        writer: asyncio.StreamWriter | None = None
        try:
            reader, writer = await asyncio.open_connection(*self._address)
            _, identifier = self._draw()
            octets = question.octets(identifier)
            writer.write(struct.pack("!H", len(octets)) + octets)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            answer = await reader.readexactly(length)
        except asyncio.IncompleteReadError:
            asker.fail(ServerError("it closed the connection within an answer"))
        except OSError as error:
            asker.fail(error)
        else:
            if wire.answers(answer, question, identifier):
                asker.take(answer)
            else:
                asker.fail(ServerError("what it says over TCP answers something else"))
        finally:
            if writer is not None:
                writer.close()


class _Socket:
    """One UDP socket. What comes is taken only where id and question are those of somebody who waits."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Open a socket that hears this server only. Raises OSError."""
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[bytes, Asked] = {}
        self._asked = 0
        self._retired = False
        self._closed = False
        self._sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)  # noqa: FBT003 - the socket module's signature
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BURST)
            self._sock.connect(address)
        except OSError:
            self._sock.close()
            raise
        self._loop.add_reader(self._sock, self._readable)

    @property
    def spent(self) -> bool:
        """Whether it should be renewed."""
        return self._asked >= QUESTIONS or self._closed

    def ask(self, question: wire.Question, asker: Asker, identifier: bytes) -> Asked:
        """Ask, under this id unless it is in use. Raises OSError."""
        while identifier in self._waiting:
            identifier = os.urandom(2)
        self._asked += 1
        try:  # noqa: SIM105 - every question comes by here, and a context manager costs half of the call
            self._sock.send(question.octets(identifier))
        except BlockingIOError:
            pass  # as good as lost on the way
        self._waiting[identifier] = asked = Asked(question, asker, self, identifier)
        return asked

    def forget(self, identifier: bytes) -> None:
        """Wait for this one no more."""
        self._waiting.pop(identifier, None)
        if self._retired and not self._waiting:
            self.close()

    def retire(self) -> None:
        """Close once nobody waits any more."""
        self._retired = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        """Close; who waits hears nothing more."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._sock)
            self._sock.close()

    def _readable(self) -> None:
        """Hand answers to who waits for them; everything else is dropped."""
        for _ in range(_TURN):
            try:
                octets = self._sock.recv(_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:  # nobody listens there
                self._tell(ServerError(error.strerror or str(error)))
                return
            identifier = octets[:2]
            asked = self._waiting.get(identifier)
            if asked is not None and wire.answers(octets, asked.question, identifier):
                self.forget(identifier)
                asked.asker.take(octets)
            if self._closed or not self._waiting:  # without a call more to learn that nothing is left
                return

    def _tell(self, error: Exception) -> None:
        """Give an error to all who wait."""
        waiting, self._waiting = list(self._waiting.values()), {}
        for each in waiting:
            each.asker.fail(error)
        if self._retired:
            self.close()
