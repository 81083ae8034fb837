"""Counters of a single process: for tests, ``explain``, and one that runs without a parent. In memory only."""

import time
from collections.abc import Callable, Sequence

from gateway.services.counters.interface import Claim
from gateway.services.counters.tables import Distinct, Slots, Store, Value, Windows, admit, enter


class LocalCounters:
    """Implements Counters; never unreachable."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """Take the clock: seconds since the epoch."""
        self._now = now
        self._slots = Slots()
        self._windows = Windows()
        self._distinct = Distinct()
        self._store = Store()

    async def acquire(self, key: str, limit: int) -> bool:
        """Take a slot, unless ``limit`` are taken."""
        return self._slots.acquire_all([(key, limit)]) is None

    async def acquire_all(self, claims: Sequence[tuple[str, int]], events: Sequence[Claim] = ()) -> str | None:
        """Take one slot for each claim and count the events, or nothing; gives the key that is full."""
        return enter(self._slots, claims, self._windows, self._distinct, events, self._now())

    def release(self, *keys: str) -> None:
        """Give slots back."""
        self._slots.release(keys)

    async def count(self, key: str, window: float) -> int:
        """Count one event and give the new number."""
        return self._windows.count(key, window, self._now())

    async def peek(self, key: str, window: float) -> int:
        """Give the number."""
        return self._windows.peek(key, window, self._now())

    async def admit(self, claims: Sequence[Claim]) -> str | None:
        """Count one event for each claim, or none; gives the key that is full."""
        return admit(self._windows, self._distinct, claims, self._now())

    async def put(self, key: str, value: str, ttl: float, *, durable: bool = False) -> None:  # noqa: ARG002 - no disk here
        """Store; nothing survives the process."""
        self._store.put(key, Value(value, self._now() + ttl))

    def get(self, key: str) -> str | None:
        """Look."""
        return self._store.get(key, self._now())

    def forget(self, key: str) -> None:
        """Remove."""
        self._store.forget(key)
        self._windows.forget(key)
        self._distinct.forget(key)
