"""Counters that are exact on a node: connection slots, sliding windows, and a small store that every process holds whole."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class CountersUnreachable(Exception):  # noqa: N818 - it names the outcome
    """The owner of the counters does not answer. The caller has a policy for that; it is never taken for "below the limit"."""


class Counters(Protocol):
    """What the SMTP side asks. Keys are text such as ``client:192.0.2.1``; times are in seconds."""

    async def acquire(self, key: str, limit: int) -> bool:
        """Take a slot, unless ``limit`` are taken. Raises CountersUnreachable."""

    async def acquire_all(self, claims: Sequence[tuple[str, int]]) -> str | None:
        """Take one slot for each (key, limit), or none at all: gives the key that is full, or None. One round trip."""

    def release(self, *keys: str) -> None:
        """Give slots back. Does not wait and never raises."""

    async def count(self, key: str, window: float) -> int:
        """Count one event and give the number of events within the last ``window`` seconds. Raises CountersUnreachable."""

    async def peek(self, key: str, window: float) -> int:
        """Give that number without counting. Raises CountersUnreachable."""

    async def put(self, key: str, value: str, ttl: float, *, durable: bool = False) -> None:
        """Store for ``ttl`` seconds in every process. With ``durable``, returns once it is on disk, or raises CountersUnreachable."""

    def get(self, key: str) -> str | None:
        """Look in this process's copy of the store."""

    def forget(self, key: str) -> None:
        """Remove from the store, everywhere. Does not wait and never raises."""


class LocalCounters:
    """Counters of a single process: tests, ``explain``."""


class CounterServer:
    """The owner, in the parent. ``file`` keeps store and windows over restarts."""

    def __init__(self, file: Path) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Load the file and begin to save every few seconds."""

    def attach(self) -> socket.socket:
        """Make a socket pair, serve one end, give the other: it is the child's (inheritable, non-blocking)."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Save and close everything."""


class CounterClient:
    """A child's side. Implements Counters."""

    def __init__(self, sock: socket.socket, seconds: float = 5.0) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Connect to the running loop and wait for the store's first copy. Raises CountersUnreachable."""

    async def stop(self) -> None:
        """Close the socket; the parent frees this child's slots."""
