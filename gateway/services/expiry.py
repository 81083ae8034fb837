"""Time-outs that nearly never come, at the cost of a set's entry: one timer of the loop serves a tenth of a second.

``asyncio.timeout`` makes and cancels a timer each time; a message needs more than twenty of them. What is due is told
up to a tenth of a second late, and never early.
"""

import asyncio
from types import TracebackType
from typing import Protocol

TICK = 0.1  # seconds


class Expiring(Protocol):
    """What can expire."""

    def expire(self) -> None:
        """Take note that the time is over."""


class _Wheel:
    """What is watched in one event loop, by the tick in which it is due."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin empty."""
        self.loop = loop
        self._ticks: dict[int, set[Expiring]] = {}

    def watch(self, each: Expiring, due: float) -> set[Expiring]:
        """Watch something; gives the set to take it from once that is over."""
        tick = int(due / TICK) + 1
        held = self._ticks.get(tick)
        if held is None:
            held = self._ticks[tick] = set()
            self.loop.call_at(tick * TICK, self._expire, tick)
        held.add(each)
        return held

    def _expire(self, tick: int) -> None:
        """Tell those that are still watched."""
        for each in list(self._ticks.pop(tick)):
            each.expire()


class _Last:
    """The wheel of the loop that asked last: a process has one."""

    wheel: _Wheel | None = None


def watch(each: Expiring, due: float, loop: asyncio.AbstractEventLoop) -> set[Expiring]:
    """Watch something until a time of the running loop's; take it from the set that this gives once it is over."""
    wheel = _Last.wheel
    if wheel is None or wheel.loop is not loop:
        wheel = _Last.wheel = _Wheel(loop)
    return wheel.watch(each, due)


class within:  # noqa: N801 - it reads as a word, as asyncio.timeout does
    """``with within(seconds):`` raises TimeoutError where what is awaited in the block takes longer."""

    __slots__ = ("_before", "_expired", "_held", "_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        """Take the bound."""
        self._seconds = seconds
        self._expired = False

    def __enter__(self) -> None:
        """Begin, in a task."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - awaiting needs one
        self._task = task
        self._before = task.cancelling()
        self._held = watch(self, loop.time() + self._seconds, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End; a cancellation that was ours becomes TimeoutError."""
        self._held.discard(self)
        if self._expired and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """Interrupt the block."""
        self._expired = True
        self._task.cancel()
