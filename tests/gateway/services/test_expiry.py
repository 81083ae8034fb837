"""Time-outs by the tenth of a second behave as those of asyncio."""

import asyncio
import time

import pytest

from gateway.services.expiry import watch, within


async def test_what_takes_longer_is_interrupted() -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError), within(0.05):
        await asyncio.sleep(60)
    assert 0.05 <= time.monotonic() - began < 30


async def test_what_ends_in_time_is_left_alone() -> None:
    with within(0.5):
        await asyncio.sleep(0)
    await asyncio.sleep(0.7)  # the tick has passed


async def test_a_cancellation_from_outside_stays_one() -> None:
    async def work() -> None:
        with within(60):
            await asyncio.sleep(60)

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_in_the_block_goes_through() -> None:
    with pytest.raises(KeyError), within(60):
        raise KeyError


async def test_the_inner_bound_does_not_end_the_outer_block() -> None:
    with within(60):
        with pytest.raises(TimeoutError), within(0.01):
            await asyncio.sleep(60)
        await asyncio.sleep(0)


def test_each_event_loop_has_its_own_clock() -> None:
    async def late() -> bool:
        try:
            with within(0.01):
                await asyncio.sleep(5)
        except TimeoutError:
            return True
        return False

    assert asyncio.run(late())
    assert asyncio.run(late())


async def test_only_what_is_still_watched_expires() -> None:
    class Noted:
        def __init__(self) -> None:
            self.over = asyncio.Event()

        def expire(self) -> None:
            self.over.set()

    kept, dropped = Noted(), Noted()
    loop = asyncio.get_running_loop()
    watch(kept, loop.time() + 0.01, loop)
    watch(dropped, loop.time() + 0.01, loop).discard(dropped)
    await asyncio.wait_for(kept.over.wait(), 60)
    assert not dropped.over.is_set()
