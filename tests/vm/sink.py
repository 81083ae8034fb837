"""The mail server behind the gateway, on this computer: takes mail for those it knows, and counts every copy.

A machine reaches it at 10.0.2.2. It is there as long as it is entered, in a thread of its own, and keeps no mail.
"""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from typing import Self

from tests.vm.letters import id_of, is_whole

_LINE_LIMIT = 1024 * 1024  # octets
_SIZE_LIMIT = 50 * 1024 * 1024
_OFFERS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", f"SIZE {_SIZE_LIMIT}")
_SECONDS = 30.0  # for the thread to begin or to end


@dataclass(frozen=True)
class Arrival:
    """One message as it came: the id is its Message-ID."""

    id: str
    sender: str
    recipients: tuple[str, ...]
    whole: bool
    at: float


class Sink:
    """One listening server. ``port`` names its port of 127.0.0.1 once it is entered."""

    def __init__(self, recipients: Collection[str], port: int = 0) -> None:
        """Know these recipients, whatever their case, and with ``@example.org`` a whole domain; others get 550.

        Port 0 takes a free one.
        """
        self.port = port
        self._known = {each.lower() for each in recipients}
        self._arrivals: list[Arrival] = []
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        """Listen. Raises OSError."""
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up, and listen no more; what was counted can still be asked."""
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)

    @property
    def arrivals(self) -> list[Arrival]:
        """All that came, in order."""
        with self._lock:
            return list(self._arrivals)

    def copies(self) -> Counter[tuple[str, str]]:
        """How many whole copies came, by id and recipient in lower case."""
        return _count([each for each in self.arrivals if each.whole])

    def damaged(self) -> Counter[tuple[str, str]]:
        """How many came that are not what was sent."""
        return _count([each for each in self.arrivals if not each.whole])

    # In the thread.

    def _call(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_SECONDS)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_LINE_LIMIT, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one connection until the gateway has gone, which may take hours."""
        self._clients.add(writer)
        try:
            with contextlib.suppress(OSError, ValueError):  # it has gone, or sends what no mail is
                await self._converse(reader, writer)
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer commands; what is pipelined is answered in order."""
        writer.write(b"220 sink.example.net ESMTP\r\n")
        sender: str | None = None
        recipients: list[str] = []
        while line := (await reader.readline()).decode("utf-8", "replace").strip():
            verb = line.partition(" ")[0].upper()
            address = line.partition("<")[2].partition(">")[0]
            reply = "250 2.0.0 ok"
            match verb:
                case "EHLO":
                    sender, recipients, reply = None, [], _lines("sink.example.net", *_OFFERS)
                case "MAIL":
                    sender, recipients = address, []
                case "RCPT" if sender is None:
                    reply = "503 5.5.1 MAIL first"
                case "RCPT" if not self._known & {address.lower(), f"@{address.lower().rpartition('@')[2]}"}:
                    reply = "550 5.1.1 no such mailbox"
                case "RCPT":
                    recipients.append(address.lower())
                case "DATA" if not recipients:
                    reply = "554 5.5.1 no valid recipients"
                case "DATA":
                    writer.write(b"354 go ahead\r\n")
                    content = await _content(reader)
                    self._keep(Arrival(id_of(content), sender or "", tuple(recipients), is_whole(content), time.time()))
                    sender, recipients = None, []
                case "RSET":
                    sender, recipients = None, []
                case "QUIT":
                    writer.write(b"221 2.0.0 bye\r\n")
                    await writer.drain()
                    return
                case verb if verb != "NOOP":
                    reply = "502 5.5.1 not known here"
            writer.write(reply.encode() + b"\r\n")
            await writer.drain()

    def _keep(self, arrival: Arrival) -> None:
        with self._lock:
            self._arrivals.append(arrival)


async def _content(reader: asyncio.StreamReader) -> bytes:
    """Read to the final dot. Raises ConnectionError where the connection ends before it: that was no message."""
    lines: list[bytes] = []
    while (line := await reader.readline()) != b".\r\n":
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the connection ended within a message, or a line had no proper end")
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)


def _lines(*texts: str) -> str:
    """Give the lines of one 250."""
    return "\r\n".join([*(f"250-{text}" for text in texts[:-1]), f"250 {texts[-1]}"])


def _count(arrivals: list[Arrival]) -> Counter[tuple[str, str]]:
    return Counter((each.id, recipient) for each in arrivals for recipient in each.recipients)
