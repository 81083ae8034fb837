"""The held-open transaction with the next hop: RCPT repeated for each recipient, then the message, or nothing."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from gateway.config import Budget
from gateway.delivery import stuffing
from gateway.delivery.capabilities import Capabilities
from gateway.delivery.connection import Connection
from gateway.delivery.faults import RouteFault, Step
from gateway.mail.envelope import MailParameters
from gateway.mail.message import Content
from gateway.mail.reply import Reply
from gateway.policy.snapshot import NextHop

_IN_ONE_PIECE = 256 * 1024  # octets; larger messages go in blocks, as fast as the next hop takes them
_CLOSING = 421
_START_INPUT = 354


class Source(Protocol):
    """Where connections come from and go back to: the pool."""

    budget: Budget

    async def replace(self, connection: Connection, fault: RouteFault, tried: set[NextHop]) -> Connection:
        """Give another connection for one that failed before anything was accepted, or raise the fault.

        ``tried`` holds the hosts of the route that are not to be tried again; the source adds to it.
        """

    def give_back(self, connection: Connection) -> None:
        """Take a connection back; one that is of no use is closed."""

    def reset(self, connection: Connection) -> None:
        """Take a connection back in the middle of a transaction: RSET first, in the background."""


class NextHopTransaction:
    """One transaction. Made by ``Pool.begin``; ends by ``send`` or ``abandon``, one of which must be called.

    ``route_name`` names its route, ``accepted`` holds the recipients that the next hop took, in order.
    """

    def __init__(  # noqa: PLR0913 - only the pool calls it
        self,
        source: Source,
        route_name: str,
        connection: Connection,
        sender: str,
        parameters: MailParameters,
        *,
        unproven: bool,
    ) -> None:
        """Begin; nothing is said to the next hop before the first RCPT."""
        self.route_name = route_name
        self.accepted: list[str] = []
        self._source = source
        self._connection: Connection | None = connection
        self._host = connection.host
        self._capabilities = connection.capabilities
        self._sender = sender
        self._parameters = parameters
        self._unproven = unproven
        self._begun = False
        self._loop = asyncio.get_running_loop()

    @property
    def host(self) -> str:
        """The ``host:port`` that is spoken to."""
        return self._host

    @property
    def sender(self) -> str:
        """The envelope sender, empty for the null sender."""
        return self._sender

    @property
    def capabilities(self) -> Capabilities:
        """What it offered."""
        return self._capabilities

    async def rcpt(self, address: str) -> Reply:
        """Repeat a RCPT; gives the next hop's own answer (2xx, 4xx or 5xx).

        The first one sends MAIL with it. A connection that turns out to be stale there is replaced by a fresh one, and
        a host that fails there by the next of the route. Raises RouteFault for trouble anywhere else.
        """
        reply = await (self._next(address) if self._begun else self._first(address))
        if reply.positive:
            self.accepted.append(address)
        return reply

    async def send(
        self,
        prefix: bytes,
        content: Content,
        *,
        skip: int = 0,
        recipients: Sequence[str] | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """Relay ``prefix`` and the content past ``skip`` octets; gives the answer to the final dot, 2xx, 4xx or 5xx.

        ``recipients`` narrows the transaction to some of the accepted ones: it is begun anew for them (RSET, MAIL,
        RCPT), and if one is refused now, nothing is sent and RouteFault (step ``rcpt``, with the answer) is raised: the
        caller defers for all. ``deadline`` is loop time: if it passes before the final dot is sent, the connection is
        cut, nothing is delivered, and RouteFault (step ``timeout``) is raised. Behind the dot the next hop has
        ``Budget.final_dot`` seconds. A RouteFault whose ``after_dot`` is set leaves open whether the message was taken.
        """
        if not self.accepted:
            raise ValueError("no recipient was accepted: there is nobody to send to")
        connection = self._held()
        until = self._soon() if deadline is None else min(deadline, self._soon())
        if recipients is not None and set(recipients) != set(self.accepted):
            await self._narrow(connection, list(recipients), until)
        (reply,) = await connection.ask(b"DATA\r\n", 1, "data", until)
        if reply.code != _START_INPUT:
            self._end(connection, usable=False)
            raise RouteFault("data", self._host, "DATA was refused after its recipients were accepted", reply)
        try:
            last = await self._write(connection, prefix, content, skip, deadline)
        except BaseException:
            connection.close()  # in the middle of DATA nothing else stops the message
            raise
        try:
            (reply,) = await connection.ask(last, 1, "data", self._loop.time() + self._source.budget.final_dot)
        except RouteFault as fault:
            # The reply that a closing server leaves behind is in the fault.
            raise RouteFault(
                fault.step, fault.host, f"{fault.text}, after the dot", fault.reply, after_dot=True
            ) from None
        if 300 <= reply.code < 400:  # noqa: PLR2004 - RFC 5321 4.2.1: an intermediate answer
            self._end(connection, usable=False)
            raise RouteFault("data", self._host, "the final dot got an intermediate answer", reply, after_dot=True)
        self._end(connection, usable=reply.code != _CLOSING)
        return reply

    async def abandon(self) -> None:
        """Give up: RSET in the background and back to the pool, or close. Never raises; harmless when it is over."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._begun and connection.usable:
            self._source.reset(connection)
        else:
            self._source.give_back(connection)

    def _held(self) -> Connection:
        """Give the connection. Raises RuntimeError when the transaction is over."""
        if self._connection is None:
            raise RuntimeError("the transaction is over")
        return self._connection

    def _soon(self) -> float:
        """Give the loop time until which an answer is waited for."""
        return self._loop.time() + self._source.budget.next_hop

    def _end(self, connection: Connection, *, usable: bool) -> None:
        """Let go of the connection."""
        self._connection = None
        if not usable:
            connection.close()
        self._source.give_back(connection)

    async def _first(self, address: str) -> Reply:
        """MAIL and the first RCPT, at another host or afresh, where the first fails. Raises RouteFault."""
        tried: set[NextHop] = set()
        while True:
            connection = self._held()
            try:
                reply = await self._mail_and_rcpt(connection, address)
            except RouteFault as fault:
                self._connection = None
                self._connection = await self._source.replace(connection, fault, tried)
                self._host = self._connection.host
                self._capabilities = self._connection.capabilities
            else:
                self._begun = True
                return reply

    async def _mail_and_rcpt(self, connection: Connection, address: str) -> Reply:
        """Say MAIL and RCPT, in one write where the host can take that (RFC 2920). Raises RouteFault."""
        mail, rcpt = self._mail_line(), self._rcpt_line(address)
        if self._capabilities.pipelining:
            answer, reply = await connection.ask(mail + rcpt, 2, "mail", self._soon())
            _check("mail", connection, answer)
            return _checked_rcpt(connection, reply)
        (answer,) = await connection.ask(mail, 1, "mail", self._soon())
        _check("mail", connection, answer)
        (reply,) = await connection.ask(rcpt, 1, "rcpt", self._soon())
        return _checked_rcpt(connection, reply)

    async def _next(self, address: str) -> Reply:
        """Say a further RCPT. Raises RouteFault."""
        connection = self._held()
        (reply,) = await connection.ask(self._rcpt_line(address), 1, "rcpt", self._soon())
        return _checked_rcpt(connection, reply)

    async def _narrow(self, connection: Connection, recipients: list[str], until: float) -> None:
        """Begin anew for some of the accepted recipients. Raises RouteFault; nothing is sent then."""
        if not recipients or not set(recipients) <= set(self.accepted):
            raise ValueError("recipients must be some of the accepted ones")
        commands = [b"RSET\r\n", self._mail_line(), *map(self._rcpt_line, recipients)]
        if self._capabilities.pipelining:
            replies = await connection.ask(b"".join(commands), len(commands), "rset", until)
        else:
            replies = []
            for command in commands:
                replies += await connection.ask(command, 1, "rset", until)
        try:
            _check("rset", connection, replies[0])
            _check("mail", connection, replies[1])
            for reply in replies[2:]:
                _check("rcpt", connection, reply)
        except RouteFault:
            await self.abandon()
            raise
        self.accepted = recipients

    async def _write(
        self, connection: Connection, prefix: bytes, content: Content, skip: int, deadline: float | None
    ) -> bytes:
        """Write all but what is due at last, and give that: it ends in the lone dot. Raises RouteFault."""
        if content.memory is not None and content.size <= _IN_ONE_PIECE:
            last = stuffing.whole(prefix + (content.memory[skip:] if skip else content.memory))
        else:
            stuffer = stuffing.Stuffer()
            begin = stuffer.feed(prefix)
            for block in content.blocks():
                if skip >= len(block):
                    skip -= len(block)
                    continue
                piece = begin + stuffer.feed(block[skip:] if skip else block)
                begin, skip = b"", 0
                until = self._soon() if deadline is None else min(deadline, self._soon())
                await connection.write(piece, "data", until)
            last = begin + stuffer.end()
        connection.check()
        if deadline is not None and self._loop.time() > deadline:
            raise RouteFault("timeout", self._host, "the time for DATA was over before the final dot")
        return last

    def _mail_line(self) -> bytes:
        """Give the MAIL command with the parameters that the host understands."""
        offered, declared = self._capabilities, self._parameters
        line = f"MAIL FROM:<{_safe(self._sender)}>"
        if declared.size and offered.size is not None:
            line += f" SIZE={declared.size}"
        if declared.body == "8BITMIME" and offered.eightbit:
            line += " BODY=8BITMIME"
        if declared.smtputf8 and offered.smtputf8:
            line += " SMTPUTF8"
        return line.encode() + b"\r\n"

    def _rcpt_line(self, address: str) -> bytes:
        """Give the RCPT command. Mail that nothing proves asks for no notification (RFC 3461 4.1)."""
        never = " NOTIFY=NEVER" if self._unproven and self._capabilities.dsn else ""
        return f"RCPT TO:<{_safe(address)}>{never}\r\n".encode()


def _safe(address: str) -> str:
    """Give the address, which must not end the command. Raises ValueError: syntax was checked long before."""
    if "\r" in address or "\n" in address:
        raise ValueError("an address with a line end in it")
    return address


def _check(step: Step, connection: Connection, reply: Reply) -> None:
    """Demand a 2xx. Raises RouteFault."""
    if not 200 <= reply.code < 300:  # noqa: PLR2004 - RFC 5321 4.2.1
        raise RouteFault(step, connection.host, f"{step.upper()} was refused", reply)


def _checked_rcpt(connection: Connection, reply: Reply) -> Reply:
    """Let 2xx, 4xx and 5xx pass as answers; raise RouteFault for 3xx, and for 421, which is about the host."""
    if reply.code == _CLOSING or 300 <= reply.code < 400:  # noqa: PLR2004 - RFC 5321 4.2.1
        raise RouteFault("rcpt", connection.host, "RCPT got no answer about the recipient", reply)
    return reply
