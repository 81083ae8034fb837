"""A next hop that does as the test says, and keeps what it gets. It runs in a thread of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Kept:
    """One message as the next hop got it."""

    sender: str
    recipients: list[str]
    content: bytes


@dataclass
class Script:
    """How it answers. ``rcpt`` and ``dot`` map a recipient's local part to a reply."""

    banner: str = "220 inner.test ESMTP"
    ehlo: str = "250-inner.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 0"
    mail: str = "250 2.1.0 ok"
    data: str = "354 go"
    rcpt: dict[str, str] = field(default_factory=dict)
    dot: dict[str, str] = field(default_factory=dict)
    plain_only: str = ""  # what it answers to RCPT where the sender has a tag
    plain_mail_only: str = ""  # and to MAIL
    hang_at: str = ""  # a verb, or "DOT": then no answer comes
    dot_waits: bool = False  # as long as it is set, what was kept gets no answer

    async def released(self) -> None:
        """Wait as long as the final dot is to be left without an answer."""
        while self.dot_waits:  # noqa: ASYNC110 - it is set in another thread
            await asyncio.sleep(0.02)

    def answer_to_mail(self, sender: str) -> str:
        """Give the answer to MAIL."""
        return self.plain_mail_only if self.plain_mail_only and "<prvs=" in sender else self.mail

    def answer(self, local: str, sender: str) -> str:
        """Give the answer to RCPT."""
        if self.plain_only and "<prvs=" in sender:
            return self.plain_only
        return self.rcpt.get(local, "250 2.1.5 ok")


class NextHop:
    """Listens on a loopback port; ``kept`` holds the messages, ``log`` the command lines."""

    def __init__(self) -> None:
        self.script = Script()
        self.kept: list[Kept] = []
        self.log: list[str] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Listen: on the same port as before, once there was one."""
        self._call(self._start())

    def stop(self) -> None:
        """Stop listening, and cut what is connected."""
        self._call(self._stop())

    def close(self) -> None:
        """End for good."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    def _call(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=64 * 1024**2)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._converse(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.script
        writer.write(script.banner.encode() + b"\r\n")
        sender, recipients = "", list[str]()
        while line := await reader.readline():
            text = line.decode("utf-8", "replace").strip()
            self.log.append(text)
            verb = text.partition(" ")[0].upper()
            if verb == script.hang_at:
                await asyncio.sleep(3600)
            local = text.partition("<")[2].partition("@")[0]
            match verb:
                case "EHLO":
                    reply = script.ehlo
                case "MAIL":
                    sender, recipients, reply = text, [], script.answer_to_mail(text)
                case "RCPT":
                    reply = script.answer(local, sender)
                    if reply.startswith("2"):
                        recipients.append(text.partition("<")[2].partition(">")[0])
                case "DATA":
                    writer.write(script.data.encode() + b"\r\n")
                    if not script.data.startswith("354"):
                        continue
                    content = await reader.readuntil(b"\r\n.\r\n")
                    if script.hang_at == "DOT":
                        await asyncio.sleep(3600)
                    odd = [script.dot[key] for each in recipients if (key := each.partition("@")[0]) in script.dot]
                    reply = odd[0] if odd else "250 2.0.0 kept"
                    if not odd:
                        unstuffed = (b"\r\n" + content[:-3]).replace(b"\r\n.", b"\r\n")[2:]
                        self.kept.append(Kept(sender, recipients, unstuffed))
                    await script.released()
                case "QUIT":
                    writer.write(b"221 2.0.0 bye\r\n")
                    return
                case _:
                    reply = "250 2.0.0 ok"
            writer.write(reply.encode() + b"\r\n")
