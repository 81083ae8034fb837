"""The virus scanner as checks see it: one clamd or several, a fair queue before them, kept sockets behind it.

A clamd that fails is left alone, asked by PING after a few seconds, and comes back when it answers. Where none is left
all of them are asked at once, and where none answers, everybody who waits is told.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from gateway.config import Config
from gateway.mail.message import Content
from gateway.services.clamd.queue import FairQueue
from gateway.services.clamd.server import Open, Server
from gateway.services.clamd.words import ScannerError, ScannerTimeout, ScanResult, Trouble, read_answer
from gateway.services.expiry import within

REST_SECONDS = 3.0  # for so long a clamd that failed is left alone, while others are well


class Clamd:
    """The way to the clamds. Belongs to one event loop."""

    def __init__(  # noqa: PLR0913 - its bounds, each by name
        self,
        addresses: str | Sequence[str],
        seconds: float = 60.0,
        concurrent: int = 4,
        *,
        queue_seconds: float = 30.0,
        connect_seconds: float = 5.0,
        idle_seconds: float = 20.0,
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        """Take the addresses: paths of unix sockets, or ``host:port``.

        ``seconds`` bounds one scan, ``queue_seconds`` the wait for it, ``connect_seconds`` a fresh socket; a socket
        is kept for ``idle_seconds``. ``concurrent`` is how many scans run at once in each clamd. ``on_trouble`` hears
        of one that failed where there are others. Raises ValueError where an address is none.
        """
        listed = [addresses] if isinstance(addresses, str) else addresses
        self._servers = [
            Server(each, connect_seconds=connect_seconds, idle_seconds=idle_seconds) for each in dict.fromkeys(listed)
        ]
        self._seconds = seconds
        self._queue_seconds = queue_seconds
        self._concurrent = concurrent
        self._on_trouble = on_trouble
        self._queue: FairQueue[Server] = FairQueue()
        self._served = 0

    @classmethod
    def of(cls, config: Config, on_trouble: Callable[[str], None] | None = None) -> Self:
        """Make it as the node is configured."""
        bounds = config.clamd
        return cls(
            config.clamd_addresses,
            bounds.seconds,
            config.scans_at_once,
            queue_seconds=bounds.queue_seconds,
            connect_seconds=bounds.connect_seconds,
            idle_seconds=bounds.idle_seconds,
            on_trouble=on_trouble,
        )

    async def scan(self, content: Content, *, who: str = "", until: float | None = None) -> ScanResult:
        """Scan the octets of a message as they came. As ``scan_stream``."""
        return await self.scan_stream(content.blocks, threaded=content.memory is None, who=who, until=until)

    async def scan_stream(
        self, opened: Open, *, threaded: bool = False, who: str = "", until: float | None = None
    ) -> ScanResult:
        """Scan what ``opened`` gives in blocks, each time anew that it is called; in a thread where ``threaded``.

        Clients (``who``) wait in turns. ``until`` is loop time: what is left till then bounds wait and scan. Raises
        ScannerError, ScannerTimeout, and what reading the blocks raises.
        """
        tried: list[ScannerError] = []
        while True:
            if until is not None and until <= asyncio.get_running_loop().time():
                raise ScannerTimeout("no time was left for a scan", Trouble.SLOW)
            server = await self._turn(who, until)
            try:
                return await self._scan_by(server, opened, threaded=threaded, until=until)
            except ScannerError as error:
                self._failed(server, error)
                tried.append(error)
                broke = sum(each.trouble is not Trouble.DOWN for each in tried)
                if len(tried) >= len(self._servers) or error.trouble is Trouble.SLOW or broke > 1:
                    raise
            finally:
                self._give_back(server)

    def close(self) -> None:
        """Close the sockets that are kept, and look after nobody any more."""
        for server in self._servers:
            server.close()

    async def _scan_by(self, server: Server, opened: Open, *, threaded: bool, until: float | None) -> ScanResult:
        """Scan at one clamd, within the time that there is. Raises ScannerError."""
        bound, words = self._bound(self._seconds, until)
        try:
            with within(bound):
                answer = await server.scan(opened, threaded=threaded)
        except TimeoutError:
            text = f"clamd at {server.address} gave no answer within {words}"
            raise ScannerTimeout(text, Trouble.SLOW) from None
        return read_answer(answer)

    async def _turn(self, who: str, until: float | None) -> Server:
        """Give a clamd that has room; ``_give_back`` must follow. Raises ScannerError where none is well."""
        if not self._queue and (server := self._free()) is not None:
            return self._taken(server)
        future = self._queue.join(who)
        if not any(each.trouble is None for each in self._servers):
            for each in self._servers:
                self._probe(each)
        bound, words = self._bound(self._queue_seconds, until)
        try:
            with within(bound):
                return await future
        except BaseException as error:
            self._queue.leave(who, future)
            if future.done() and not future.cancelled() and future.exception() is None:
                self._give_back(future.result())  # it was given in the moment in which we ceased to wait
            if isinstance(error, TimeoutError):
                raise ScannerTimeout(f"no clamd became free within {words}", Trouble.BUSY) from None
            raise

    def _free(self) -> Server | None:
        """Give the clamd with the fewest scans under way that is well and has room, in turns where they are equal."""
        free = [each for each in self._servers if each.trouble is None and each.under_way < self._concurrent]
        return min(free, key=lambda each: (each.under_way, each.served)) if free else None

    def _taken(self, server: Server) -> Server:
        """Count a scan as under way."""
        self._served += 1
        server.served = self._served
        server.under_way += 1
        return server

    def _give_back(self, server: Server) -> None:
        """Count it as over, and let the next begin."""
        server.under_way -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        """Give those who wait what there is room for."""
        while self._queue and (server := self._free()) is not None:
            if not self._queue.serve(self._taken(server)):
                server.under_way -= 1

    def _failed(self, server: Server, error: ScannerError) -> None:
        """Leave a clamd alone for a while; where it was the last, whoever waits has all of them asked at once."""
        first = server.trouble is None
        server.trouble = error
        server.let_go()
        if first and self._on_trouble is not None and len(self._servers) > 1:
            self._on_trouble(f"{error}; the others go on")
        self._look_later(server)
        if self._queue and not any(each.trouble is None for each in self._servers):
            for each in self._servers:
                self._probe(each)

    def _look_later(self, server: Server) -> None:
        """Ask it after its rest."""
        server.rest(REST_SECONDS, self._probe)

    def _probe(self, server: Server) -> None:
        """Begin to ask a clamd that failed whether it is well, unless that is under way."""
        if server.trouble is not None and server.probing is None:
            server.probing = asyncio.get_running_loop().create_task(self._ask(server))

    async def _ask(self, server: Server) -> None:
        """Ask; who waits is served, or told where nobody is left to wait for."""
        try:
            await server.ping()
        except ScannerError as error:
            server.trouble = error
            self._look_later(server)
        else:
            server.trouble = None
        finally:
            server.probing = None
        self._hand_out()
        if self._queue and all(each.trouble is not None and each.probing is None for each in self._servers):
            troubles = [each.trouble for each in self._servers if each.trouble is not None]
            words = "; ".join(str(each.args[0]) for each in troubles)
            self._queue.fail(ScannerError(words, troubles[0].trouble))

    def _bound(self, seconds: float, until: float | None) -> tuple[float, str]:
        """Give how long something may take, and that in words."""
        if until is None or (left := until - asyncio.get_running_loop().time()) >= seconds:
            return seconds, f"{seconds:g} seconds"
        return max(0.0, left), "the time that was left"  # no figure: an alarm's words must not differ each time
