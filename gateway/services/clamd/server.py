"""One clamd of several: its kept sockets, how many scans are under way, and whether it is well."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from gateway.services.clamd.connection import Connection, connect, parse
from gateway.services.clamd.words import ScannerError, Trouble
from gateway.services.expiry import within

PING_SECONDS = 2.0  # within which a clamd that is well answers PING, however much it has to do

Open = Callable[[], Iterator[bytes]]


class Server:
    """The way to one clamd. ``trouble`` is what happened last, None while it is well."""

    def __init__(self, address: str, *, connect_seconds: float, idle_seconds: float) -> None:
        """Take the address and the bounds. Raises ValueError where it is none."""
        parse(address)
        self.address = address
        self.under_way = 0
        self.served = 0
        self.trouble: ScannerError | None = None
        self.probing: asyncio.Task[None] | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._idle: list[Connection] = []  # the one used last at the end

    async def scan(self, opened: Open, *, threaded: bool) -> str:
        """Send one stream and give the answer; a kept socket that was closed meanwhile is replaced by a fresh one once.

        Raises ScannerError, and what making the stream raises.
        """
        connection = self._kept()
        if connection is not None:
            try:
                return await self._over(connection, opened, threaded=threaded)
            except ScannerError as error:
                if error.trouble not in {Trouble.EMPTY, Trouble.HUNG_UP}:
                    raise
        return await self._over(await self._fresh(), opened, threaded=threaded)

    async def ping(self) -> None:
        """Ask whether it is there, over a fresh socket. Raises ScannerError."""
        try:
            with within(PING_SECONDS):
                connection = await connect(self.address)
                with contextlib.closing(connection):
                    await connection.ping()
        except TimeoutError:
            text = f"clamd at {self.address} does not answer PING within {PING_SECONDS:g} seconds"
            raise ScannerError(text, Trouble.DOWN) from None

    def let_go(self) -> None:
        """Close the sockets that are kept."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def rest(self, seconds: float, ask: Callable[["Server"], None]) -> None:
        """Have it asked after so long."""
        if self._resting is not None:
            self._resting.cancel()
        self._resting = asyncio.get_running_loop().call_later(seconds, ask, self)

    def close(self) -> None:
        """Close the sockets that are kept, and look after it no more."""
        self.let_go()
        if self._resting is not None:
            self._resting.cancel()
        if self.probing is not None:
            self.probing.cancel()

    async def _over(self, connection: Connection, opened: Open, *, threaded: bool) -> str:
        """Scan over a socket, which is kept only where all went well."""
        blocks = opened()
        try:
            answer = await connection.scan(blocks, threaded=threaded)
        except BaseException:
            connection.close()
            raise
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)
        return answer

    def _kept(self) -> Connection | None:
        """Give a kept socket that still can be used."""
        soon = asyncio.get_running_loop().time() - self._idle_seconds
        while self._idle and self._idle[0].idle_since < soon:
            self._idle.pop(0).close()
        while self._idle:
            connection = self._idle.pop()
            if connection.waits:
                return connection
            connection.close()
        return None

    async def _fresh(self) -> Connection:
        """Give a fresh socket. Raises ScannerError."""
        try:
            with within(self._connect_seconds):
                return await connect(self.address)
        except TimeoutError:
            text = f"clamd at {self.address} took no connection within {self._connect_seconds:g} seconds"
            raise ScannerError(text, Trouble.DOWN) from None
