"""A child's side of the counters: asks the parent, keeps a whole copy of the store."""

import asyncio
import socket
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.services.counters import wire
from gateway.services.counters.interface import Claim, CountersUnreachable
from gateway.services.counters.tables import Store, Value
from gateway.services.expiry import within

_RELEASE_WITHIN = 0.01  # seconds that a release may wait for company: one write less for each connection

_decoder = msgspec.msgpack.Decoder(wire.Response)


class CounterClient:
    """Implements Counters over the socket that ``CounterServer.attach`` gave."""

    def __init__(self, sock: socket.socket, seconds: float = 5.0) -> None:
        """Take the child's end of the pair; the parent has ``seconds`` to answer."""
        self._sock = sock
        self._seconds = seconds
        self._store = Store()
        self._line: _ClientLine | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._late: dict[int, list[str]] = {}  # slots that may be granted to somebody who waits no more
        self._last_id = 0
        self._ready: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Connect to the running loop and wait for the store's first copy. Raises CountersUnreachable."""
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        _, self._line = await loop.create_unix_connection(lambda: _ClientLine(self), sock=self._sock)
        try:
            async with asyncio.timeout(self._seconds):
                await self._ready
        except TimeoutError:
            raise CountersUnreachable("the parent sent no copy of the store") from None

    async def stop(self) -> None:
        """Close the socket; the parent frees this child's slots."""
        if self._line is not None:
            self._line.close()

    async def acquire(self, key: str, limit: int) -> bool:
        """Take a slot, unless ``limit`` are taken. Raises CountersUnreachable."""
        return await self.acquire_all([(key, limit)]) is None

    async def acquire_all(self, claims: Sequence[tuple[str, int]], events: Sequence[Claim] = ()) -> str | None:
        """Take one slot for each claim and count the events, or nothing. Raises CountersUnreachable."""
        number = self._next()
        try:
            full: str | None = await self._asked(number, wire.Acquire(number, list(claims), list(events)))
        except BaseException:
            self._late[number] = [key for key, _ in claims]
            raise
        return full

    def release(self, *keys: str) -> None:
        """Give slots back, within a hundredth of a second."""
        if self._line is not None and keys:
            self._line.say(wire.Release(list(keys)), within=_RELEASE_WITHIN)

    async def count(self, key: str, window: float) -> int:
        """Count one event and give the new number. Raises CountersUnreachable."""
        number = self._next()
        total: int = await self._asked(number, wire.Count(number, key, window, add=True))
        return total

    async def peek(self, key: str, window: float) -> int:
        """Give the number. Raises CountersUnreachable."""
        number = self._next()
        total: int = await self._asked(number, wire.Count(number, key, window, add=False))
        return total

    async def admit(self, claims: Sequence[Claim]) -> str | None:
        """Count one event for each claim, or none; gives the key that is full. Raises CountersUnreachable."""
        number = self._next()
        full: str | None = await self._asked(number, wire.Admit(number, list(claims)))
        return full

    async def put(self, key: str, value: str, ttl: float, *, durable: bool = False) -> None:
        """Store here at once and everywhere soon; ``durable`` waits for the disk. Raises CountersUnreachable."""
        expires = time.time() + ttl
        self._store.put(key, Value(value, expires))
        if not durable:
            if self._line is not None:
                self._line.say(wire.Put(0, key, value, expires))
            return
        number = self._next()
        if not await self._asked(number, wire.Put(number, key, value, expires)):
            raise CountersUnreachable("the parent could not save; its log says why")

    def get(self, key: str) -> str | None:
        """Look in this process's copy."""
        return self._store.get(key, time.time())

    def forget(self, key: str) -> None:
        """Remove here at once and everywhere soon."""
        self._store.forget(key)
        if self._line is not None:
            self._line.say(wire.Forget(key))

    def _next(self) -> int:
        """Give a number for a request."""
        self._last_id += 1
        return self._last_id

    async def _asked(self, number: int, request: wire.Request) -> Any:  # noqa: ANN401 - the caller knows what it asked
        """Ask and wait for the answer. Raises CountersUnreachable."""
        if self._line is None or self._line.transport is None:
            raise CountersUnreachable("the parent is gone")
        self._waiting[number] = answer = asyncio.get_running_loop().create_future()
        self._line.say(request)
        try:
            with within(self._seconds):
                return await answer
        except TimeoutError:
            raise CountersUnreachable(f"the parent gave no answer within {self._seconds:g} seconds") from None
        finally:
            self._waiting.pop(number, None)

    def take(self, response: wire.Response) -> None:
        """Take one message of the parent."""
        match response:
            case wire.Full(id=number, key=key):
                self._answer(number, key)
                if (late := self._late.pop(number, None)) and key is None:
                    self.release(*late)
            case wire.Total(id=number, total=total):
                self._answer(number, total)
            case wire.Saved(id=number, ok=ok):
                self._answer(number, ok)
            case wire.Stored(key=key, value=value, expires=expires):
                self._store.put(key, Value(value, expires))
            case wire.Forget(key=key):
                self._store.forget(key)
            case wire.Ready():
                if self._ready is not None and not self._ready.done():
                    self._ready.set_result(None)

    def lost(self) -> None:
        """Tell everybody who waits that the parent is gone."""
        gone = CountersUnreachable("the parent is gone")
        for answer in (*self._waiting.values(), self._ready):
            if answer is not None and not answer.done():
                answer.set_exception(gone)

    def _answer(self, number: int, value: str | int | bool | None) -> None:  # noqa: FBT001 - the answer may be yes or no
        """Give an answer to who asked, if it still waits."""
        answer = self._waiting.get(number)
        if answer is not None and not answer.done():
            answer.set_result(value)


class _ClientLine(wire.Line):
    """The child's end."""

    def __init__(self, client: CounterClient) -> None:
        """Belong to a client."""
        super().__init__()
        self._client = client

    def received(self, octets: bytes) -> None:
        """Hand a message over."""
        self._client.take(_decoder.decode(octets))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the client."""
        super().connection_lost(exc)
        self._client.lost()
