"""SpamAssassin's spamd over the SPAMC protocol 1.5: one connection a question, as spamd wants it.

Anything but a whole answer with a total is an error.
"""

import asyncio
import contextlib

from gateway import config
from gateway.mail.message import Content
from gateway.services.engines import EngineError, EngineRefusal, Known, Opinion, Turns, plain
from gateway.services.engines.spamassassin_protocol import OK, UNAVAILABLE, Answer, read_answer, read_report, refuse

_MAX_ANSWER = 256 * 1024  # octets


class Spamassassin:
    """The way to one spamd. Belongs to one event loop."""

    def __init__(self, settings: config.Spamassassin) -> None:
        """Take the configuration. Connects to nothing yet."""
        self.max_size = settings.max_size
        self._address = settings.address
        self._user = settings.user
        self._who = f"spamd at {settings.address}"
        self._turns = Turns(self._who, settings.seconds, settings.concurrent)

    async def judge(self, content: Content, known: Known) -> Opinion:
        """Ask for an opinion, within the configured seconds. Raises EngineError, EngineTimeout.

        What stands in ``known.front`` goes in front of the message: spamd knows the client from there only.
        """
        return read_report(await self._ask("REPORT", [], known.front, content))

    async def learn(self, content: Content, *, spam: bool) -> str:
        """Teach its Bayes database by TELL. Raises EngineError, EngineRefusal."""
        fields = [("Message-class", "spam" if spam else "ham"), ("Set", "local")]
        answer = await self._ask("TELL", fields, b"", content)
        if answer.code == UNAVAILABLE:
            raise EngineRefusal(f"{self._who} lets nobody teach it: start it with --allow-tell, then ask again")
        refuse(answer)
        if "local" in answer.fields.get("didset", ""):
            return "learned"
        return "nothing new: it knows the message already, or its Bayes is off"

    async def about(self) -> str:
        """Ask whether it is there. Raises EngineError, EngineTimeout."""
        answer = await self._ask("PING", [], b"", None)
        if answer.code != OK or answer.words != "PONG":
            raise EngineError(f"{self._who} answered {answer.code} {plain(answer.words)} to PING")
        return "answers"

    async def close(self) -> None:
        """End nothing: no connection outlives its question."""

    async def _ask(self, verb: str, fields: list[tuple[str, str]], front: bytes, content: Content | None) -> Answer:
        """Have one conversation. Raises EngineError, EngineTimeout."""
        if content is not None:
            fields = [("Content-length", str(len(front) + content.size)), *fields]
            if self._user:
                fields = [*fields, ("User", self._user)]
        head = "".join([f"{verb} SPAMC/1.5\r\n", *(f"{name}: {value}\r\n" for name, value in fields), "\r\n"])
        async with self._turns.turn():
            reader, writer = await self._connected()
            try:
                with contextlib.suppress(
                    OSError
                ):  # it may have said why it hung up, in whatever way the system tells that
                    writer.write(head.encode() + front)
                    for block in content.blocks() if content is not None else ():
                        writer.write(block)
                        await writer.drain()
                    writer.write_eof()
                return read_answer(await _received(reader, self._who), self._who)
            finally:
                writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect. Raises OSError, EngineError."""
        if "/" in self._address:
            return await asyncio.open_unix_connection(self._address)
        host, _, port = self._address.rpartition(":")
        if not host or not port.isdecimal():
            raise EngineError(
                f"[spamassassin] address is {self._address!r}: give host:port, or the path of spamd's socket"
            )
        return await asyncio.open_connection(host.strip("[]"), int(port))


async def _received(reader: asyncio.StreamReader, who: str) -> bytes:
    """Read up to the end; a reset is the end. Raises EngineError where there is none."""
    answer = bytearray()
    while True:
        try:
            piece = await reader.read(_MAX_ANSWER)
        except ConnectionResetError:
            return bytes(answer)
        if not piece:
            return bytes(answer)
        answer += piece
        if len(answer) > _MAX_ANSWER:
            raise EngineError(f"{who} gave an answer without end")
