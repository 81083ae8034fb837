"""The client's side of SMTP, as a sending mail server has it, and exact about one thing: what is not known.

A connection that ends before the reply to the final dot leaves it open whether the message was taken.
"""

import contextlib
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from tests.vm.letters import Letter

# RFC 5321 4.5.3.2 has five and ten minutes. A machine that vanished without a word is not waited for so long.
GREETING_SECONDS = 120.0  # also for the connection itself
REPLY_SECONDS = 180.0
DOT_SECONDS = 400.0
_CHUNK = 16_384
_LIMIT = 65_536  # octets of a reply
_CLOSING, _GO_AHEAD = 421, 354
_GOOD, _LATER = "23", "4"


@dataclass(frozen=True)
class Reply:
    """A code and its text."""

    code: int
    text: str

    @property
    def good(self) -> bool:
        return str(self.code)[0] in _GOOD

    @property
    def later(self) -> bool:
        """Whether it is to be tried again."""
        return str(self.code)[0] == _LATER

    @property
    def id(self) -> str:
        """The id of the transaction that it names; empty where it names none."""
        found = re.search(r"\bid (\S+)\s*$", self.text)
        return found[1] if found else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class GoneError(Exception):
    """The connection ended, or the server is silent."""


class SilentError(GoneError):
    """No reply came in time."""


class RefusedError(GoneError):
    """Nobody took the connection: refused, or ended before a greeting (which is how qemu's network refuses)."""


class TurnedAwayError(GoneError):
    """The greeting, or the answer to EHLO or STARTTLS, was a refusal."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class CutError(GoneError):
    """It ended within a transaction. For ``unknown`` the final dot was sent, and no reply came; ``replies`` stand."""

    def __init__(self, why: str, unknown: tuple[str, ...], replies: dict[str, Reply]) -> None:
        super().__init__(why)
        self.unknown = unknown
        self.replies = replies


class Session:
    """One connection. Use it as a context; ``usable`` tells whether it takes another letter."""

    def __init__(self, port: int, *, tls: bool = False, pipelining: bool = False) -> None:
        """Connect to 127.0.0.1, and greet. Raises GoneError or one of its kind."""
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), GREETING_SECONDS)
        except ConnectionRefusedError as error:
            raise RefusedError(str(error)) from None
        except OSError as error:
            raise GoneError(f"no connection: {error}") from None
        self._buffer = b""
        self._pipelining = pipelining
        self.usable = True
        try:
            self._open(tls=tls)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Say QUIT where somebody listens, and hang up."""
        if self.usable:
            with contextlib.suppress(GoneError):
                self._say("QUIT")
        self.abort()

    def abort(self) -> None:
        """Hang up; whoever waits for a reply hears of it at once. May be called from another thread."""
        self.usable = False
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def deliver(self, letter: Letter, recipients: Sequence[str]) -> dict[str, Reply]:
        """Hold one transaction; gives the reply that each recipient has in the end. Raises CutError."""
        content = letter.content()
        body = " BODY=8BITMIME" if "8BITMIME" in self._offered else ""
        lines = [f"MAIL FROM:<{letter.sender}> SIZE={len(content)}{body}", *(f"RCPT TO:<{one}>" for one in recipients)]
        replies: dict[str, Reply] = {}
        accepted: list[str] = []
        dotted = False
        try:
            go = self._envelope([*lines, "DATA"], recipients, replies, accepted)
            if go.code == _GO_AHEAD:
                if accepted:
                    stuffed = re.sub(rb"(?m)^\.", b"..", content)
                    for at in range(0, len(stuffed), _CHUNK):
                        self._send(stuffed[at : at + _CHUNK])
                dotted = True
                self._send(b".\r\n")
                go = self._reply(DOT_SECONDS)
            elif self.usable:
                self._say("RSET")
        except GoneError as error:
            self.usable = False
            raise CutError(str(error), tuple(accepted) if dotted else (), replies) from None
        return replies | dict.fromkeys(accepted, go)

    def _envelope(
        self, lines: list[str], recipients: Sequence[str], replies: dict[str, Reply], accepted: list[str]
    ) -> Reply:
        """Say MAIL, RCPT and DATA, one by one or in one go; gives the reply to the last that was said."""
        pipelined = self._pipelining and "PIPELINING" in self._offered
        if pipelined:
            self._send("".join(f"{line}\r\n" for line in lines).encode())
        reply = self._reply() if pipelined else self._say(lines[0])
        if not reply.good:
            replies |= dict.fromkeys(recipients, reply)
            if not pipelined or not self.usable:
                return reply
        for line, each in zip(lines[1:-1], recipients, strict=True):
            answer = self._reply() if pipelined else self._say(line)
            if answer.good:
                accepted.append(each)
            else:
                replies.setdefault(each, answer)
            if not self.usable:  # 421: whoever was accepted is not any more
                replies |= {one: answer for one in recipients if one not in replies}
                accepted.clear()
                return answer
        if pipelined:
            return self._reply()
        return self._say(lines[-1]) if accepted else answer

    def _open(self, *, tls: bool) -> None:
        """Read the greeting, say EHLO, and begin TLS if it is to be. Raises GoneError or one of its kind."""
        try:
            greeting = self._reply(GREETING_SECONDS)
        except SilentError:
            raise
        except GoneError as error:
            raise RefusedError(str(error)) from None
        _must(greeting)
        self._offered = self._ehlo()
        if tls and "STARTTLS" in self._offered:
            _must(self._say("STARTTLS"))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            try:
                self._socket = context.wrap_socket(self._socket)
            except OSError as error:
                raise GoneError(f"no TLS: {error}") from None
            self._offered = self._ehlo()

    def _ehlo(self) -> set[str]:
        """Say EHLO; gives the keywords that are offered."""
        reply = _must(self._say("EHLO client.sender.example"))
        return {line.partition(" ")[0].upper() for line in reply.text.splitlines()[1:]}

    def _say(self, line: str) -> Reply:
        self._send(line.encode() + b"\r\n")
        return self._reply()

    def _send(self, octets: bytes) -> None:
        try:
            self._socket.settimeout(REPLY_SECONDS)
            self._socket.sendall(octets)
        except OSError as error:
            raise GoneError(f"the connection ended: {error}") from None

    def _reply(self, seconds: float = REPLY_SECONDS) -> Reply:
        """Read one reply; the lines of a long one are joined by line ends."""
        self._socket.settimeout(seconds)
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            lines.append(self._line())
        if not lines[-1][:3].isdigit():
            raise GoneError(f"this is no reply: {lines[-1][:80]!r}")
        reply = Reply(int(lines[-1][:3]), "\n".join(line[4:] for line in lines))
        self.usable = reply.code != _CLOSING
        return reply

    def _line(self) -> str:
        while b"\r\n" not in self._buffer:
            try:
                octets = self._socket.recv(_LIMIT)
            except TimeoutError:
                raise SilentError("no reply in time") from None
            except OSError as error:
                raise GoneError(f"the connection ended: {error}") from None
            if not octets or len(self._buffer) > _LIMIT:
                raise GoneError("the connection ended" if not octets else "a line without end")
            self._buffer += octets
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line.decode("utf-8", "replace")


def _must(reply: Reply) -> Reply:
    if not reply.good:
        raise TurnedAwayError(reply)
    return reply
