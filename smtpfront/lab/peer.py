"""The plain SMTP that the simulation's peers speak: a server that asks a handler, and a client. Loopback only.

It is no mail server: no limits, no extensions but PIPELINING, no judgement of addresses. Content stays as it came over
the wire, dots stuffed, so that a peer that hands it on need not touch it.
"""

import asyncio
import re
from collections.abc import Awaitable
from typing import Protocol, Self

import msgspec

BIGGEST = 16 * 1024 * 1024  # octets of one message
REPLY_SECONDS = 120.0  # that a reply may take
_DOT = b"\r\n.\r\n"
_PATH = re.compile(rb"(?:MAIL FROM|RCPT TO):\s*<([^>]*)>", re.IGNORECASE)


class Reply(msgspec.Struct, frozen=True):
    """A reply code and its text, the lines of a long one joined by blanks. Code 0: the connection was lost."""

    code: int
    text: str = ""

    @property
    def good(self) -> bool:
        """Whether the command was obeyed (2xx or 3xx)."""
        return 200 <= self.code < 400  # noqa: PLR2004 - RFC 5321 4.2.1

    def line(self) -> bytes:
        """Give it as it goes over the wire."""
        return f"{self.code} {self.text}\r\n".encode()


OK = Reply(250, "2.0.0 OK")


class Handler(Protocol):
    """What a server asks. Addresses are bare, the null sender is empty."""

    def recipient(self, sender: str, address: str) -> Reply:
        """Answer RCPT."""

    def content(self, sender: str, recipients: list[str], stuffed: bytes) -> Awaitable[Reply]:
        """Answer the final dot. ``stuffed`` is the content as it came, without the dot."""


async def serve(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hold the server's side of one connection, until the client has gone."""
    writer.write(b"220 lab.invalid ESMTP\r\n")
    try:
        await _session(handler, reader, writer)
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # the client has gone, or sends what no mail is
    finally:
        writer.close()


async def _session(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer commands until QUIT."""
    sender, recipients = "", list[str]()
    while line := await reader.readline():
        verb = line[:4].upper().rstrip()
        reply = OK
        if verb == b"EHLO":
            writer.write(b"250-lab.invalid\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n")
            continue
        if verb in {b"MAIL", b"RSET"}:
            sender, recipients = _address(line), []
        elif verb == b"RCPT":
            reply = handler.recipient(sender, address := _address(line))
            if reply.good:
                recipients.append(address)
        elif verb == b"DATA" and recipients:
            writer.write(b"354 go ahead\r\n")
            stuffed = (await reader.readuntil(_DOT))[: -len(_DOT) + 2]
            reply = await handler.content(sender, recipients, stuffed)
            recipients = []
        elif verb == b"DATA":
            reply = Reply(554, "5.5.1 no valid recipients")
        elif verb == b"QUIT":
            writer.write(b"221 2.0.0 bye\r\n")
            return
        writer.write(reply.line())


def _address(line: bytes) -> str:
    """Give the address of MAIL or RCPT, empty where there is none."""
    found = _PATH.match(line)
    return found[1].decode("utf-8", "replace") if found else ""


async def listen(handler: Handler, host: str, port: int) -> tuple[asyncio.Server, int]:
    """Listen; gives the server and its port, a free one where ``port`` is 0. Raises OSError."""
    sessions = set[asyncio.Task[None]]()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The loop holds tasks weakly: one that waits must be held by somebody.
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - streams run this as a task
        sessions.add(task)
        task.add_done_callback(sessions.discard)
        await serve(handler, reader, writer)

    server = await asyncio.start_server(hold, host, port, limit=BIGGEST, backlog=512)
    return server, int(server.sockets[0].getsockname()[1])


class Client:
    """One connection of a client. Whatever goes wrong with it is reply 0."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take an open connection; see ``connect``."""
        self._reader = reader
        self._writer = writer
        self.usable = True

    @classmethod
    async def connect(cls, host: str, port: int, helo: str) -> Self | None:
        """Connect and greet; None where nobody listens or the greeting is refused."""
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError:
            return None
        client = cls(reader, writer)
        if (await client._reply()).good and (await client.say(f"EHLO {helo}")).good:
            return client
        await client.close()
        return None

    async def say(self, line: str) -> Reply:
        """Say one line; gives the reply."""
        self._writer.write(line.encode() + b"\r\n")
        return await self._reply()

    async def deliver(self, sender: str, recipient: str, stuffed: bytes) -> Reply:
        """Hold one transaction; gives the reply that decided: the first refusal, or the one to the final dot."""
        for line in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA"):
            reply = await self.say(line)
            if not reply.good:
                if self.usable:
                    await self.say("RSET")
                return reply
        self._writer.write(stuffed + _DOT[2:])
        return await self._reply()

    async def close(self) -> None:
        """Say goodbye and hang up."""
        if self.usable:
            await self.say("QUIT")
        self._writer.close()

    async def _reply(self) -> Reply:
        """Read one reply."""
        lines = []
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                while True:
                    line = (await self._reader.readline()).decode("utf-8", "replace").rstrip()
                    if not line[:3].isdigit():
                        break
                    lines.append(line[4:])
                    if line[3:4] != "-":
                        reply = Reply(int(line[:3]), " ".join(lines))
                        self.usable = reply.code != 421  # noqa: PLR2004 - the server closes, RFC 5321 3.8
                        return reply
        except (OSError, TimeoutError, ValueError):
            pass  # the same as an end without a reply
        self.usable = False
        return Reply(0, "connection lost")
