"""What the SMTP side asks of counters, whoever owns them."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class CountersUnreachable(Exception):  # noqa: N818 - it names the outcome
    """The owner of the counters does not answer. The caller has a policy for that; it never means "below the limit"."""


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """One event that shall stay within ``limit`` in the last ``window`` seconds.

    With a ``value`` distinct values are what counts: one that was seen within the window already is always within it.
    Where it does not ``count``, it is only looked at whether another one would fit.
    """

    key: str
    window: float
    limit: int
    value: str = ""
    counts: bool = True


class Counters(Protocol):
    """Keys are text such as ``client:192.0.2.1``; times are in seconds."""

    async def acquire(self, key: str, limit: int) -> bool:
        """Take a slot, unless ``limit`` are taken. Raises CountersUnreachable."""

    async def acquire_all(self, claims: Sequence[tuple[str, int]], events: Sequence[Claim] = ()) -> str | None:
        """Take one slot for each (key, limit) and count the events, or nothing of it: gives the key that is full.

        One round trip. Raises CountersUnreachable.
        """

    def release(self, *keys: str) -> None:
        """Give slots back. Does not wait and never raises."""

    async def count(self, key: str, window: float) -> int:
        """Count one event and give the number within the last ``window`` seconds. Raises CountersUnreachable."""

    async def peek(self, key: str, window: float) -> int:
        """Give that number without counting. Raises CountersUnreachable."""

    async def admit(self, claims: Sequence[Claim]) -> str | None:
        """Count one event for each claim where all stay within their limits, else none: gives the key that is full.

        One round trip. Raises CountersUnreachable.
        """

    async def put(self, key: str, value: str, ttl: float, *, durable: bool = False) -> None:
        """Store for ``ttl`` seconds in every process of the node.

        With ``durable`` it returns once the value is on disk, or raises CountersUnreachable; without, it does not wait.
        """

    def get(self, key: str) -> str | None:
        """Look in this process's copy of the store. Costs no I/O."""

    def forget(self, key: str) -> None:
        """Remove a value, and what was counted, of a key, everywhere. Does not wait and never raises."""
