"""Connections to next hops: reused while they are fresh, opened in the order of the route, failed over.

A pool belongs to one event loop. It never retries what may have been accepted.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from gateway.config import Budget
from gateway.delivery.capabilities import Capabilities
from gateway.delivery.connection import Connection
from gateway.delivery.faults import RouteFault
from gateway.delivery.opening import dial, label
from gateway.delivery.relay import NextHopTransaction
from gateway.mail.envelope import MailParameters
from gateway.policy.snapshot import NextHop, Route

IDLE_SECONDS = 30.0
MAX_IDLE = 100  # for each route and host
_FAREWELL_SECONDS = 1.0
MAX_USES = 200  # transactions on one connection
DOWN_SECONDS = 10.0  # for which a host that failed is tried last

log = logging.getLogger(__name__)


class Pool:
    """All connections of one process to next hops."""

    def __init__(  # noqa: PLR0913 - the last three are for tests and alarms
        self,
        name: str,
        budget: Budget,
        read_secret: Callable[[str], str | None],
        *,
        on_fault: Callable[[str, RouteFault], None] | None = None,
        idle_seconds: float = IDLE_SECONDS,
        down_seconds: float = DOWN_SECONDS,
    ) -> None:
        """Make an empty pool.

        ``name`` is what we call ourselves in EHLO; ``read_secret`` gives passwords by id. ``on_fault`` is told of each
        host that failed and was passed over, which its transaction may never notice: (host:port, fault).
        """
        self.name = name
        self.budget = budget
        self._read_secret = read_secret
        self._on_fault = on_fault
        self._idle_seconds = idle_seconds
        self._down_seconds = down_seconds
        self._idle: dict[tuple[Route, NextHop], list[Connection]] = {}
        self._down: dict[NextHop, float] = {}
        self._offered: dict[NextHop, Capabilities] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def begin(
        self, route_name: str, route: Route, sender: str, parameters: MailParameters, *, unproven: bool = False
    ) -> NextHopTransaction:
        """Open a transaction on an idle or a new connection. Raises RouteFault when no host can be reached.

        With ``unproven`` the next hop is asked to send no notifications about the message.
        """
        connection = self._take_idle(route) or await self._open(route, set(), None)
        return NextHopTransaction(self, route_name, connection, sender, parameters, unproven=unproven)

    def capabilities(self, route: Route) -> Capabilities | None:
        """Give what the route's first host known to us offered last, without any I/O; None when none is known."""
        return next((self._offered[hop] for hop in route.hosts if hop in self._offered), None)

    def forget(self) -> None:
        """Forget what hosts offered and which failed, and part with idle connections: the next one asks anew."""
        leaving = [connection for connections in self._idle.values() for connection in connections]
        self._idle.clear()
        self._down.clear()
        self._offered.clear()
        for connection in leaving:
            connection.quit()

    async def close(self) -> None:
        """Say QUIT on all idle connections; what is in use is closed when it is given back."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_FAREWELL_SECONDS)
        self._closed = True
        leaving = [connection for connections in self._idle.values() for connection in connections]
        self._idle.clear()
        for connection in leaving:
            connection.quit()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                for connection in leaving:
                    await connection.closed()

    # What transactions call.

    async def replace(self, connection: Connection, fault: RouteFault, tried: set[NextHop]) -> Connection:
        """Give another connection for one that failed at MAIL, or raise the fault.

        One that was idle before may just have been too old: then the same host is tried again, afresh. Otherwise the
        hosts not in ``tried`` are, unless the refusal was permanent, in which case they would say the same. ``tried``
        grows.
        """
        route, hop = connection.home
        stale = connection.uses > 1 and (fault.step in {"cut", "timeout"} or _closing(fault))
        if connection.usable and not _closing(fault):
            self.reset(connection)
        else:
            connection.close()
        if stale:
            for other in self._idle.pop((route, hop), ()):
                other.quit()
            return await self._open(route, tried, fault)
        if fault.step in {"cut", "timeout"}:
            self._fell(hop, fault)
        if fault.step == "mail" and fault.reply is not None and fault.reply.permanent:
            raise fault
        tried.add(hop)
        return await self._open(route, tried, fault)

    def give_back(self, connection: Connection) -> None:
        """Take a connection back; one that is of no use any more is closed."""
        if not connection.usable:
            connection.close()
            return
        idle = self._idle.setdefault(connection.home, [])
        if self._closed or connection.uses >= MAX_USES or len(idle) >= MAX_IDLE:
            connection.quit()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        idle.append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._idle_seconds, self._sweep)

    def reset(self, connection: Connection) -> None:
        """Take a connection back in the middle of a transaction: RSET first, in the background."""
        task = asyncio.get_running_loop().create_task(self._reset(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # The inside.

    def _take_idle(self, route: Route) -> Connection | None:
        """Give the idle connection that was used last, of the first host that is up; None where that host has none."""
        for hop in self._order(route):
            idle = self._idle.get((route, hop))
            while idle:
                connection = idle.pop()
                if connection.usable:
                    connection.uses += 1
                    return connection
            return None
        return None

    def _order(self, route: Route) -> tuple[NextHop, ...]:
        """Give the hosts in the order of the route, those that failed a moment ago last."""
        if not self._down:
            return route.hosts
        now = asyncio.get_running_loop().time()
        self._down = {hop: until for hop, until in self._down.items() if until > now}
        return tuple(sorted(route.hosts, key=lambda hop: hop in self._down))

    async def _open(self, route: Route, tried: set[NextHop], fault: RouteFault | None) -> Connection:
        """Connect to the first host that lets us, past those in ``tried``, which grows. Raises the last RouteFault."""
        for hop in self._order(route):
            if hop in tried:
                continue
            password = self._read_secret(route.secret) if route.secret else None
            try:
                connection = await dial(route, hop, password, self.name, self.budget)
            except RouteFault as trouble:
                fault = trouble
                tried.add(hop)
                self._fell(hop, trouble)
                continue
            self._down.pop(hop, None)
            self._offered[hop] = connection.capabilities
            connection.uses = 1
            return connection
        raise fault or RouteFault("connect", "(none)", "the route has no hosts")

    def _fell(self, hop: NextHop, fault: RouteFault) -> None:
        """Note that a host failed."""
        self._down[hop] = asyncio.get_running_loop().time() + self._down_seconds
        if self._on_fault is not None:
            self._on_fault(label(hop), fault)
        else:
            log.warning("next hop failed: %s", fault)

    async def _reset(self, connection: Connection) -> None:
        """Say RSET and keep the connection, or close it."""
        deadline = asyncio.get_running_loop().time() + self.budget.connect
        try:
            (reply,) = await connection.ask(b"RSET\r\n", 1, "rset", deadline)
        except RouteFault:
            pass
        else:
            if not reply.positive:
                connection.close()
        self.give_back(connection)

    def _sweep(self) -> None:
        """Part with connections that were idle for too long."""
        self._sweeper = None
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._idle_seconds
        for home, connections in list(self._idle.items()):
            fresh = [connection for connection in connections if connection.idle_since > oldest and connection.usable]
            for connection in set(connections).difference(fresh):
                connection.quit()
            if fresh:
                self._idle[home] = fresh
            else:
                del self._idle[home]
        if self._idle:
            self._sweeper = loop.call_later(self._idle_seconds / 2, self._sweep)


def _closing(fault: RouteFault) -> bool:
    """Whether the host said that it closes the connection."""
    return fault.reply is not None and fault.reply.code == 421  # noqa: PLR2004 - RFC 5321 4.2.3
