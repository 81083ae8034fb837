"""One SMTP connection to a next hop: octets and replies, bounded in size and time. Knows nothing of transactions.

Replies are counted: exactly as many are read as commands were sent, and an answer that nobody asked for ends the
connection, so the two sides can never get out of step.
"""

import asyncio
import re
from functools import lru_cache
from typing import cast

from gateway.delivery.capabilities import Capabilities
from gateway.delivery.faults import RouteFault, Step
from gateway.mail.reply import Reply
from gateway.policy.snapshot import NextHop, Route

_BUFFER = 4096  # octets; also the longest line of a reply that is read (RFC 5321 4.5.3.1.5 says 512, servers say more)
_MAX_LINES = 128
_MAX_TEXT = 500
_QUIT_SECONDS = 5.0
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|$)")
_UNPRINTABLE = re.compile(r"[^ -~]+")


def to_reply(code: int, lines: list[bytes]) -> Reply:
    """Make a Reply of the lines of one: printable text in one line, the enhanced code parsed or derived (RFC 2034)."""
    words = []
    enhanced = ""
    for line in lines:
        text = line.decode("utf-8", "replace")
        if found := _ENHANCED.match(text):
            enhanced = enhanced or found[1]
            text = text[found.end() :]
        words.append(text)
    text = " ".join(words)
    if not (text.isascii() and text.isprintable()):
        text = _UNPRINTABLE.sub("?", text)
    return Reply(code, enhanced or f"{code // 100}.0.0", text[:_MAX_TEXT])


@lru_cache(maxsize=256)
def _of_line(line: bytes) -> Reply | None:
    """Make a Reply of the only line of one; None where it is nonsense. Cached: servers say the same few things."""
    found = _LINE.fullmatch(line)
    return to_reply(int(found[1]), [found[3] or b""]) if found else None


class Connection(asyncio.BufferedProtocol):
    """The protocol of one connection. ``host`` is ``host:port``.

    ``capabilities``, ``tls`` (version and cipher) and ``banner`` are set by whoever opens it; ``home`` (whose it is),
    ``uses`` (transactions so far) and ``idle_since`` (loop time) belong to the pool.
    """

    def __init__(self, host: str, home: tuple[Route, NextHop]) -> None:
        """Make it ready to be connected: it expects the banner from the start."""
        self.host = host
        self.home = home
        self.capabilities = Capabilities()
        self.tls = ""
        self.banner = ""
        self.uses = 0
        self.idle_since = 0.0
        self.lines: list[bytes] = []  # of the last reply, codes cut off
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._view = memoryview(bytearray(_BUFFER))
        self._filled = 0
        self._partial: list[bytes] = []  # lines of a reply that is not complete
        self._code = b""
        self._expected = 1  # the banner
        self._replies: list[Reply] = []
        self._waiter: asyncio.Future[None] | None = None
        self._step: Step = "banner"
        self._deadline = 0.0
        self._watchdog: asyncio.TimerHandle | None = None
        self._paused = False
        self._fault: RouteFault | None = None
        self._gone: asyncio.Future[None] | None = None

    @property
    def usable(self) -> bool:
        """Whether it is connected, in step, and nothing is outstanding."""
        return self._fault is None and self._transport is not None and self._expected == 0

    def check(self) -> None:
        """Raise the RouteFault that ended the connection, if one did."""
        if self._fault is not None:
            raise self._fault

    @property
    def transport(self) -> asyncio.Transport:
        """The transport. Raises RouteFault when it is gone."""
        self.check()
        if self._transport is None:
            raise RouteFault("connect", self.host, "not connected")
        return self._transport

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio has set TCP_NODELAY already."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._transport = None
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        said = self._replies[-1] if self._replies and self._expected else None
        reason = f": {exc}" if exc else ""
        self._fail(RouteFault("cut", self.host, f"connection lost at {self._step}{reason}", said))
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None

    def pause_writing(self) -> None:
        """Stop the writer until the next hop has taken more."""
        self._paused = True

    def resume_writing(self) -> None:
        """Let the writer go on."""
        self._paused = False
        if self._waiter is not None and not self._expected and not self._waiter.done():
            self._waiter.set_result(None)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Give the free part of the buffer."""
        return self._view[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Cut the octets into lines, the lines into replies."""
        filled = self._filled + nbytes
        *lines, rest = bytes(self._view[:filled]).split(b"\n")
        if len(rest) == _BUFFER:
            self._garbage("a reply line without end")
            return
        self._view[: len(rest)] = rest
        self._filled = len(rest)
        for line in lines:
            if self._fault is None:
                self._take(line.removesuffix(b"\r"))

    # What the owner calls.

    async def ask(self, data: bytes, count: int, step: Step, deadline: float) -> list[Reply]:
        """Write in one piece, wait for ``count`` replies until ``deadline`` (loop time).

        An empty ``data`` waits for the banner. Raises RouteFault (``cut``, ``timeout``, or ``step`` where the reply is
        garbage); the connection is of no use then. When cancelled it is left with replies outstanding, hence not
        ``usable``.
        """
        transport = self.transport
        self._step = step
        if data:
            self._replies = []
            self._expected = count
            transport.write(data)
        if self._expected:
            await self._wait(deadline)
        return self._replies

    async def write(self, data: bytes, step: Step, deadline: float) -> None:
        """Write a part of a message and wait while the next hop is slow to take it. Raises as ``ask`` does."""
        self.transport.write(data)
        self._step = step
        if self._paused:
            await self._wait(deadline)
        elif self._loop.time() > deadline:
            self._timed_out()
        self.check()

    def in_step(self) -> bool:
        """Whether no octet of a reply lies in the buffer: behind the answer to STARTTLS it is an injection."""
        return not self._filled and not self._partial

    def close(self) -> None:
        """Cut the connection at once; a message that is being sent is not delivered."""
        if self._fault is None:
            self._fault = RouteFault("cut", self.host, "closed by us")
        if self._transport is not None:
            self._transport.abort()

    def quit(self) -> None:
        """Say QUIT, and close when the answer is there or after a few seconds. Does not wait."""
        if not self.usable:
            self.close()
            return
        self._expected = 1
        self._step = "cut"
        self._waiter = self._loop.create_future()
        self._waiter.add_done_callback(self._farewell)
        self.transport.write(b"QUIT\r\n")
        self._watch(self._loop.time() + _QUIT_SECONDS)

    async def closed(self) -> None:
        """Wait until the connection is gone, after ``quit`` or ``close``."""
        if self._transport is not None:
            self._gone = self._gone or self._loop.create_future()
            await asyncio.shield(self._gone)

    # The inside.

    def _farewell(self, waiter: asyncio.Future[None]) -> None:
        """Close after QUIT, whatever the answer was."""
        waiter.exception()
        self.close()

    async def _wait(self, deadline: float) -> None:
        """Wait until all expected replies are there, or the transport takes more. Raises RouteFault."""
        if self._waiter is not None:
            raise RuntimeError("two tasks use one connection")
        self._waiter = self._loop.create_future()
        self._watch(deadline)
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _watch(self, deadline: float) -> None:
        """Move the deadline. The timer is armed anew only where it would be too late: few waits cost one."""
        self._deadline = deadline
        if self._watchdog is not None:
            if self._watchdog.when() <= deadline:
                return
            self._watchdog.cancel()
        self._watchdog = self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        """See, when the timer fires, whether anybody has been waiting for too long."""
        self._watchdog = None
        if self._waiter is None or self._waiter.done():
            return
        if self._loop.time() < self._deadline:
            self._watchdog = self._loop.call_at(self._deadline, self._look)
        else:
            self._timed_out()

    def _timed_out(self) -> None:
        """Give up on the next hop."""
        self._fail(RouteFault("timeout", self.host, f"no answer in time at {self._step}"))

    def _garbage(self, what: str, reply: Reply | None = None) -> None:
        """Give up on a next hop that does not speak SMTP."""
        self._fail(RouteFault(self._step, self.host, what, reply))

    def _fail(self, fault: RouteFault) -> None:
        """Remember the first fault, wake whoever waits with it, and cut the connection."""
        if self._fault is None:
            self._fault = fault
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._fault)
        if self._transport is not None:
            self._transport.abort()

    def _take(self, line: bytes) -> None:
        """Take one line of a reply."""
        if line[3:4] == b"-" or self._partial:
            reply = self._of_lines(line)
            if reply is None:
                return
        elif reply := _of_line(line):
            self.lines = [line[4:]]
        else:
            self._nonsense(line)
            return
        if not self._expected:
            # Most often a 421 before an idle connection is closed; in DATA a server that can't wait.
            self._garbage("an answer that was not asked for", reply)
            return
        self._replies.append(reply)
        self._expected -= 1
        if not self._expected and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _of_lines(self, line: bytes) -> Reply | None:
        """Take one line of a reply of several; gives the reply with the last."""
        found = _LINE.fullmatch(line)
        if not found or (self._partial and found[1] != self._code):
            self._nonsense(line)
            return None
        self._code = found[1]
        self._partial.append(found[3] or b"")
        if found[2] == b"-":
            if len(self._partial) > _MAX_LINES:
                self._garbage("a reply of too many lines")
            return None
        self.lines, self._partial = self._partial, []
        return to_reply(int(self._code), self.lines)

    def _nonsense(self, line: bytes) -> None:
        """Give up over a line that is no part of a reply."""
        self._garbage(f"answered nonsense: {line[:60]!r}")
