"""One SMTP connection: the command loop, its limits, and its end. Each verb lives in a file of its own under ``verbs``.

It stands on aiosmtpd's ``SMTP`` (whose AUTH mechanisms and protocol plumbing it uses) and replaces what that does
slowly or loosely: the object's construction, the command loop, writes, DATA. What is private there is touched here
and nowhere else; aiosmtpd is pinned for it.
"""

import asyncio
import logging
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from gateway.checks.base import View
from gateway.mail.client import Client
from gateway.mail.decisions import Disposition
from gateway.mail.findings import Observation
from gateway.mail.reply import Reply
from gateway.mail.stages import Stage
from gateway.mail.trace import Event, Trace
from gateway.outcome.summary import finish
from gateway.policy.matching import Policy
from gateway.spool.disk import SpoolError
from gateway.spool.records import TraceRecord, encode
from smtpfront import arrival
from smtpfront.arrival import SHUTTING_DOWN
from smtpfront.front import Front
from smtpfront.reader import LineTooLongError, Reader
from smtpfront.transaction import Transaction, new_id

log = logging.getLogger("smtpd")

Verb = Callable[["Session", str], Awaitable[Reply | None]]

LINE_LIMIT = 2048  # octets; RFC 5321 4.5.3.1.4 asks for 512, extensions and long addresses for more
AUTH_LINE_LIMIT = 12_288  # RFC 4954 4
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")
KEPT_EVENTS = 50  # of a session, outside of its transactions

TURNED_AWAY_SECONDS = 10.0  # that a client which was refused at the banner may take for a command

TOO_MANY_ERRORS = Reply(421, "4.7.0", "too many errors, closing")
TIMED_OUT = Reply(421, "4.4.2", "timeout, closing")
LINE_TOO_LONG = Reply(500, "5.5.2", "line too long")
NOT_RECOGNISED = Reply(500, "5.5.2", "command not recognised")
BAD_CHARACTERS = Reply(500, "5.5.2", "command holds control characters")
ONLY_QUIT = Reply(503, "5.5.1", "this client is not served here; say QUIT")
INTERNAL = Reply(451, "4.3.0", "internal error, please try again")


class Session(SMTP):
    """One client. ``listener`` is ``inbound`` or ``outbound``."""

    verbs: dict[bytes, Verb] = {}  # noqa: RUF012 - filled once by smtpfront.verbs, shared by all sessions

    def __init__(self, front: Front, listener: str, loop: asyncio.AbstractEventLoop) -> None:
        """Begin. aiosmtpd's own constructor builds tables for each connection; its grandparent's is enough."""
        self.reader = Reader()
        asyncio.streams.FlowControlMixin.__init__(self, loop=loop)
        self._closed = loop.create_future()
        self.loop = loop
        self.front = front
        self.listener = listener
        self.transport: asyncio.Transport | None = None
        self._reader: Any = self.reader  # read by aiosmtpd's AUTH mechanisms
        self.session: Any = None
        self.client = Client("")
        self.transaction: Transaction | None = None
        self.transactions = 0
        self.events: list[Event] = []
        self.connecting: asyncio.Future[list[Observation]] | None = None  # the checks of the client's address
        self.greeting: asyncio.Future[list[Observation]] | None = None  # those of its name
        self.early: list[Observation] = []  # of the checks that may answer before a recipient is named
        self.local = ""  # the address of ours that the client has reached
        self.turned_away = False  # it was told 5xx for a banner, and may only leave
        self.delivered = False  # a message of it was delivered
        self.errors = 0
        self.began = time.perf_counter()
        self.closing = False
        self.busy = False  # a command is being answered
        self.settling = False  # a message has come whole, and is not answered yet
        self.unconfirmed: str = (
            ""  # key of a delivery, a blank, and the id of its transaction, whose 250 the client may not have got
        )
        self._out: list[bytes] = []
        self._slots: tuple[str, ...] = ()
        self._active = loop.time()
        self._patience = front.config.limits.command_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    # -- the connection -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve a client that has connected (under TLS: the handshake is done)."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - all our listeners are streams
        self.transport = self.reader.transport = transport
        self._transport = transport  # what asyncio's FlowControlMixin looks at
        peer = transport.get_extra_info("peername") or ("0.0.0.0", 0)  # noqa: S104 - no address is bound here
        self.client = Client(ip=plain_ip(peer[0]), port=int(peer[1]), tls=tls_words(transport))
        self.local = plain_ip((transport.get_extra_info("sockname") or ("",))[0])
        self.front.sessions.add(self)  # asyncio holds tasks weakly; this holds session and task
        self._timer = self.loop.call_later(self._patience, self._look_at_clock)
        self._task = self.loop.create_task(self._handle_client())

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self.reader.feed(data)

    def eof_received(self) -> bool:
        """Note that no more will come; what runs goes on, and its reply can still be sent (not under TLS)."""
        self.reader.end()
        return not self.client.tls

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the connection is gone. What runs goes on: a message being carried out must not be cut in two."""
        self.closing = True
        self.reader.end()
        asyncio.streams.FlowControlMixin.connection_lost(self, error)
        if not self._closed.done():
            self._closed.set_result(None)

    def _look_at_clock(self) -> None:
        """Close a session that is silent for too long, or that lasts too long; else look again later."""
        now = self.loop.time()
        if self.busy:
            due = now + self._patience
        else:
            due = self._active + self._patience
            if time.perf_counter() - self.began > self.front.config.limits.session_seconds:
                due = now
        if due <= now:
            self.note("timeout", TIMED_OUT)
            self._write(TIMED_OUT.wire())
            self.close()
            return
        self._timer = self.loop.call_later(due - now, self._look_at_clock)

    def close(self) -> None:
        """Send what is due, and close."""
        self.closing = True
        self._flush()
        if self.transport is not None:
            self.transport.close()
        self.reader.end()

    @property
    def peer(self) -> str:
        """The client's address."""
        return self.client.ip

    def abort(self) -> None:
        """Cut the connection; what is due is not sent."""
        if self.transport is not None:
            self.transport.abort()

    @property
    def must_go(self) -> bool:
        """Whether no transaction may begin any more, because the process goes down."""
        front = self.front
        return front.draining and (front.hurrying or self.transactions > 0 or self.turned_away)

    def stop(self) -> None:
        """End because the process goes down: now, or behind the transaction that is under way, or that it came for."""
        if self.must_go and self.transaction is None and not self.busy:
            self._write(SHUTTING_DOWN.wire())
            self.close()

    # -- writing --------------------------------------------------------------------------------------------------

    def _write(self, octets: bytes) -> None:
        """Write behind what is due."""
        self._out.append(octets)
        self._flush()

    def _flush(self) -> None:
        """Send what is due, in one write."""
        if self._out:
            octets = b"".join(self._out) if len(self._out) > 1 else self._out[0]
            self._out.clear()
            if self.transport is not None and not self.transport.is_closing():
                self.transport.write(octets)

    def say(self, reply: Reply) -> None:
        """Send a reply now."""
        self._write(self.client.hears(reply).wire())

    async def drain(self) -> None:
        """Wait while the client reads more slowly than we write."""
        self._flush()
        if self._paused and not self.closing:  # type: ignore[attr-defined] # asyncio's FlowControlMixin has it
            await self._drain_helper()  # type: ignore[attr-defined] # as above

    async def push(self, status: str | bytes) -> None:
        """Write one line; aiosmtpd's AUTH mechanisms call this."""
        self._write((status.encode("ascii", "replace") if isinstance(status, str) else status) + b"\r\n")
        await self.drain()

    def answer(self, reply: Reply) -> None:
        """Queue a reply; it goes out with those behind it when the client sends ahead (RFC 2920)."""
        self._out.append(self.client.hears(reply).wire())
        if reply.permanent or reply.code == TOO_MANY_ERRORS.code:
            self.errors += 1

    def answer_apart(self, replies: Sequence[Reply]) -> None:
        """Queue a reply for each recipient that was accepted, in their order; that for the message as a whole follows.

        They are no errors of the client's, whatever they say.
        """
        self._out.append(b"353 a reply for each recipient follows\r\n")
        self._out += [self.client.hears(each).wire() for each in replies]

    # -- the story ------------------------------------------------------------------------------------------------

    def note(self, what: str, reply: Reply) -> None:
        """Add to the timeline what the client hears: the transaction's, or the session's for the trace that follows."""
        reply = self.client.hears(reply)
        if self.transaction is not None:
            self.transaction.note(what, reply)
        elif len(self.events) < KEPT_EVENTS:
            at = round((time.perf_counter() - self.began) * 1000, 1)
            self.events.append(Event.told(at, what, str(reply)))

    async def meet(self) -> None:
        """Begin to check the name that the client gave itself; nobody waits for it before a recipient is named."""
        front, policy = self.front, self.front.policy
        if self.greeting is not None:
            self.greeting.cancel()
            self.greeting = None
        if self.listener != "inbound" or policy is None:
            return
        if policy.snapshot.clients.greet_delay:
            seen = await front.check_at_once(Stage.HELO, policy, self.client, ahead=self.reader.pending)
            self.early = [each for each in self.early if each.stage is not Stage.HELO] + seen
        if front.looks(Stage.HELO, policy):
            self.greeting = front.check(Stage.HELO, self.view(policy))

    def view(self, policy: Policy) -> View:
        """Give what a check may look at before a transaction."""
        return View(policy=policy, node=self.front.name, listener=self.listener, client=self.client, local=self.local)

    def take_slots(self, *keys: str) -> None:
        """Hold these slots of the counters until the end."""
        self._slots = keys

    def greet(self) -> None:
        """Say who we are."""
        self._write(f"220 {self.front.name} ESMTP Backstop\r\n".encode("ascii", "replace"))

    def turn_away(self, reply: Reply) -> None:
        """Greet with a refusal: the client is expected to say QUIT (RFC 5321 3.1), and soon."""
        self.note("connected", reply)
        self.turned_away = True
        self._patience = min(self._patience, TURNED_AWAY_SECONDS)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self.loop.call_later(self._patience, self._look_at_clock)
        self.say(reply)

    async def begin_anew(self, why: str) -> None:
        """End the transaction, if there is one, without a message."""
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            await transaction.abandon(why)

    # -- the loop -------------------------------------------------------------------------------------------------

    async def _handle_client(self) -> None:
        """Serve the client until it leaves. Nothing that it sends gets an exception out of here."""
        try:
            if await arrival.welcome(self):
                await self._converse()
        except (EOFError, ConnectionError):
            pass
        except ssl.SSLError as error:
            log.info("%s TLS failed: %s", self.client.ip, error.reason or error)
        except Exception as error:  # noqa: BLE001 - the last line of defence: one line in the log, and a clean end
            self.front.alarm(f"session broke: {type(error).__name__}: {error}")
            self.answer(INTERNAL)
        finally:
            await self._depart()

    async def _converse(self) -> None:
        """Read commands and answer them."""
        reader, limits = self.reader, self.front.config.limits
        while not self.closing:
            if not reader.pending:
                await self.drain()
            try:
                line = await reader.line(AUTH_LINE_LIMIT)
            except LineTooLongError:
                line = None
            if self.unconfirmed:
                await self._confirm()
            self.busy = True
            try:
                await self._serve(line)
            finally:
                self.busy = False
                self._active = self.loop.time()
            if self.errors >= limits.errors and not self.closing:
                self.note("too many errors", TOO_MANY_ERRORS)
                self.answer(TOO_MANY_ERRORS)
                self.close()
            elif self.must_go and self.transaction is None and not self.closing:
                self.answer(SHUTTING_DOWN)
                self.close()

    async def _serve(self, line: bytes | None) -> None:
        """Answer one command line; None is one that was too long."""
        before = (self.transaction, self.transactions)
        if line is None:
            reply: Reply | None = LINE_TOO_LONG
            self.note("a line that is too long", LINE_TOO_LONG)
        else:
            word, _, rest = line.partition(b" ")
            verb = self.verbs.get(word.upper())
            if len(line) > LINE_LIMIT and word.upper() != b"AUTH":
                reply = LINE_TOO_LONG
            elif _CONTROLS.search(line):
                reply = BAD_CHARACTERS
            elif self.turned_away and word.upper() != b"QUIT":
                reply = ONLY_QUIT
            elif verb is None:
                reply = NOT_RECOGNISED
            else:
                try:
                    reply = await verb(self, rest.decode("utf-8", "surrogateescape").strip())
                except (EOFError, ConnectionError, ssl.SSLError):
                    raise
                except Exception as error:  # noqa: BLE001 - told as an alarm; the client may try again
                    self.front.alarm(f"{word.upper().decode('ascii', 'replace')} broke: {_where(error)}")
                    reply = INTERNAL
            # A refused MAIL, and every DATA, has its own trace, a client that was turned away its one line.
            told = before != (self.transaction, self.transactions) or self.turned_away
            if reply is not None and not reply.positive and not told:
                said = line if word.upper() != b"AUTH" else b"AUTH"
                self.note(said[:200].decode("ascii", "backslashreplace"), reply)
        if reply is not None:
            self.answer(reply)

    async def _depart(self) -> None:
        """Tidy up: free slots, end the transaction, write what no trace has told yet."""
        self.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._slots:  # first: what follows may wait for the disk
            self.front.counters.release(*self._slots)
        if self.unconfirmed:  # nothing came after our 250: it may have got lost
            await self._remember()
        await self.begin_anew("the client went away")
        if self.delivered:
            await arrival.remember(self)
        for task in (self.connecting, self.greeting):
            if task is not None:
                task.cancel()
        if any(event.reply[:1] in "45" for event in self.events if event.reply):
            self._write_session_trace()
        self.front.sessions.discard(self)

    def _write_session_trace(self) -> None:
        """Write the trace of a session whose refused commands belong to no transaction."""
        policy = self.front.policy
        trace = Trace(
            id=new_id(),
            started=time.time() - (time.perf_counter() - self.began),
            node=self.front.name,
            revision=policy.revision if policy is not None else 0,
            listener=self.listener,
            client=self.client,
            events=self.events,
            observations=[*self.early, *_seen(self.connecting), *_seen(self.greeting)],
            disposition=(Disposition.DEFERRED if self.client.forwarder else Disposition.REJECTED).value,
        )
        last = next(event for event in reversed(self.events) if event.reply[:1] in set("45"))
        trace.because = f"no transaction began: {last.what!r} was answered with {last.reply}"
        finish(trace, None)
        try:
            self.front.journal.append(encode(TraceRecord(trace)))
        except SpoolError as error:
            self.front.alarm(f"journal can not be written: {error}")

    async def _confirm(self) -> None:
        """Forget a delivery whose 250 the client has read, for it goes on: what it sends again is another message."""
        await self.drain()  # what it sent before our answer proves nothing until the answer is on its way
        key, self.unconfirmed = self.unconfirmed.partition(" ")[0], ""
        self.front.forget_delivery(key)

    async def _remember(self) -> None:
        """Remember a delivery whose 250 the client may not have got, so that its retry makes no second copy."""
        key, _, message = self.unconfirmed.partition(" ")
        await self.front.remember_delivery(key, message)

    # -- what aiosmtpd's AUTH mechanisms ask ------------------------------------------------------------------------

    def _authenticate(self, mechanism: str, auth_data: Any) -> AuthResult:  # noqa: ANN401 - aiosmtpd's signature
        """Hand the credentials on: they are checked off the loop, by the verb."""
        del mechanism
        assert isinstance(auth_data, LoginPassword)  # noqa: S101 - PLAIN and LOGIN give nothing else
        return AuthResult(success=False, handled=False, auth_data=auth_data)


def plain_ip(address: object) -> str:
    """Give an address without zone, and an IPv4 address that came as IPv6 as what it is."""
    return str(address).removeprefix("::ffff:").partition("%")[0]


def tls_words(transport: asyncio.BaseTransport) -> str:
    """Name TLS version and cipher of a connection, or nothing."""
    ssl_object = transport.get_extra_info("ssl_object")
    if ssl_object is None:
        return ""
    cipher = ssl_object.cipher()
    return f"{ssl_object.version()} {cipher[0] if cipher else ''}".strip()


def _where(error: Exception) -> str:
    """Say what broke and where, in one line."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    place = f" at {at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno}" if at is not None else ""
    return f"{type(error).__name__}: {error}{place}"


def _seen(task: asyncio.Future[list[Observation]] | None) -> list[Observation]:
    """Give what checks have seen that are through."""
    return task.result() if task is not None and task.done() and not task.cancelled() else []
