"""A small SMTP server that says what the test tells it to, and remembers what it heard."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from gateway.policy.snapshot import NextHop

CUT = "cut"  # close the connection instead of an answer
SILENT = "silent"  # give no answer
PLAIN_EHLO = "250 scripted.example"
EHLO = "250-scripted.example\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN"

DEFAULTS = {
    "BANNER": "220 scripted.example ESMTP",
    "EHLO": EHLO,
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "DOT": "250 2.0.0 taken",
    "RSET": "250 2.0.0 flushed",
    "QUIT": "221 2.0.0 bye",
}


class Scripted:
    """``answers`` maps a verb to its answer, or to a list of answers of which the last one stays."""

    def __init__(self, answers: Mapping[str, str | list[str]], tls: ssl.SSLContext | None) -> None:
        self.answers = {verb: list(said) if isinstance(said, list) else [said] for verb, said in answers.items()}
        self.tls = tls
        self.port = 0
        self.connections = 0
        self.commands: list[str] = []
        self.messages: list[bytes] = []  # as they came over the wire, the ending dot cut off
        self.writers: set[asyncio.StreamWriter] = set()

    @property
    def hop(self) -> NextHop:
        return NextHop("127.0.0.1", self.port)

    @property
    def verbs(self) -> list[str]:
        return [command.split()[0] for command in self.commands]

    def answer(self, verb: str) -> str:
        said = self.answers.get(verb) or [DEFAULTS.get(verb, "502 5.5.1 what?")]
        return said.pop(0) if len(said) > 1 else said[0]

    async def say(self, writer: asyncio.StreamWriter, verb: str) -> str:
        said = self.answer(verb)
        if said == CUT:
            raise ConnectionResetError
        if said != SILENT:
            writer.write(said.encode() + b"\r\n")
            await writer.drain()
        return said

    def hang_up(self) -> None:
        """Close all connections, as a server does that is started anew."""
        for writer in self.writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        try:
            await self.say(writer, "BANNER")
            while line := await reader.readline():
                self.commands.append(line.decode("utf-8", "replace").rstrip("\r\n"))
                verb = self.commands[-1].split()[0].upper()
                said = await self.say(writer, verb)
                if verb == "DATA" and said.startswith("354"):
                    await self.read_message(reader)
                    await self.say(writer, "DOT")
                if verb == "STARTTLS" and said.startswith("220") and self.tls:
                    await writer.start_tls(self.tls)
                if verb == "QUIT":
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def read_message(self, reader: asyncio.StreamReader) -> None:
        lines = []
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionResetError
            lines.append(line)
        self.messages.append(b"".join(lines))


@asynccontextmanager
async def scripted(
    answers: Mapping[str, str | list[str]] | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    from_start: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[Scripted]:
    """Run a server for the time of the block."""
    server = Scripted(answers or {}, tls)
    listener = await asyncio.start_server(server.serve, host, 0, ssl=from_start, limit=1 << 22)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        server.hang_up()


def free_port_of_nobody() -> NextHop:
    """Give a next hop where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return NextHop("127.0.0.1", sock.getsockname()[1])


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what changes is in the hands of the other side
            await asyncio.sleep(0.005)
