"""A fair queue for what there is too little of: clients take turns, and each client's messages come in their order."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Who waits, by client. Nobody can push others back by coming often."""

    def __init__(self) -> None:
        """Begin empty."""
        self._waiting: dict[str, deque[asyncio.Future[T]]] = {}

    def __len__(self) -> int:
        """Give how many wait."""
        return sum(map(len, self._waiting.values()))

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    def join(self, who: str) -> asyncio.Future[T]:
        """Wait in line; gives what is awaited."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(future)
        return future

    def leave(self, who: str, future: asyncio.Future[T]) -> None:
        """Wait no longer."""
        line = self._waiting.get(who)
        if line is not None and future in line:
            line.remove(future)
            if not line:
                del self._waiting[who]

    def serve(self, thing: T) -> bool:
        """Give it to whose turn it is; False where nobody waits."""
        while self._waiting:
            who = next(iter(self._waiting))
            line = self._waiting.pop(who)
            future = line.popleft()
            if line:
                self._waiting[who] = line  # behind all others
            if not future.done():
                future.set_result(thing)
                return True
        return False

    def fail(self, error: Exception) -> None:
        """Tell everybody that there is nothing to wait for."""
        waiting, self._waiting = self._waiting, {}
        for line in waiting.values():
            for future in line:
                if not future.done():
                    future.set_exception(error)
