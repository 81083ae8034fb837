"""Runs the checks of one stage: in parallel, each within its budget, results in catalogue order.

It knows nothing of decisions. A check that every rule in question has off does not run; a check that raises, or is
slow, has its own outcome.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Sequence

from gateway.checks.base import Check, Seen, View, failed, skipped, timed_out
from gateway.mail.findings import Observation
from gateway.mail.stages import Stage
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Rules
from gateway.services.expiry import within

Waiting = tuple[int, Check, int, Awaitable[Seen]]  # place, check, when it began (in nanoseconds), its answer

_PENDING = skipped("its answer has not come yet")  # keeps the place of one that waits


async def run(
    stage: Stage,
    checks: Sequence[Check],
    view: View,
    rules: Sequence[Rules],
    *,
    seconds: float,
) -> list[Observation]:
    """Run the checks that at least one of the rules wants.

    ``rules`` are those of all recipients in question; empty means that nothing is known yet, and every check runs.
    ``seconds`` bounds the stage as a whole.
    """
    observations, waiting = _looked(stage, checks, view, rules)
    return await _answered(observations, waiting, seconds) if waiting else observations


def begin(
    stage: Stage,
    checks: Sequence[Check],
    view: View,
    rules: Sequence[Rules],
    *,
    seconds: float,
) -> asyncio.Future[list[Observation]]:
    """Do as ``run`` does while the caller goes on; it has ended already where no check waits for anybody."""
    observations, waiting = _looked(stage, checks, view, rules)
    loop = asyncio.get_running_loop()
    if waiting:
        return loop.create_task(_answered(observations, waiting, seconds))
    ended: asyncio.Future[list[Observation]] = loop.create_future()
    ended.set_result(observations)
    return ended


def _looked(
    stage: Stage, checks: Sequence[Check], view: View, rules: Sequence[Rules]
) -> tuple[list[Observation], list[Waiting]]:
    """Let the checks look; gives what they saw, and those that wait, whose places are kept."""
    recipient = None if view.recipient is None else str(view.recipient)
    observations: list[Observation] = []
    waiting: list[Waiting] = []
    began = time.perf_counter_ns()
    for check in _wanted(checks, rules, view.policy):
        try:
            seen = check.look(view)
        except Exception as error:  # noqa: BLE001 - an exception in a check is an outcome, never a pass
            seen = _raised(error)
        ended = time.perf_counter_ns()
        if not isinstance(seen, Seen):
            waiting.append((len(observations), check, began, seen))
            seen = _PENDING
        cost = (ended - began) // 1000 / 1000
        observations.append(Observation(check.name, stage, seen.outcome, seen.findings, recipient, cost, seen.detail))
        began = ended
    return observations, waiting


async def _answered(observations: list[Observation], waiting: Sequence[Waiting], seconds: float) -> list[Observation]:
    """Give all observations once the checks that wait have their answers. The last needs no task of its own."""
    loop = asyncio.get_running_loop()
    *others, last = waiting
    tasks = [loop.create_task(_answer(observations, each, seconds)) for each in others]
    try:
        await _answer(observations, last, seconds)
        for task in tasks:
            await task
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        raise
    return observations


def _wanted(checks: Sequence[Check], rules: Sequence[Rules], policy: Policy) -> Sequence[Check]:
    """Give the checks that any of the rules has on; all, where there are none."""
    if not rules:
        return checks
    first, *others = [policy.names_on(each) for each in rules]
    on = first.union(*others) if others else first
    return [check for check in checks if check.name in on]


async def _answer(observations: list[Observation], waiting: Waiting, seconds: float) -> None:
    """Wait for a check's answer within its own bound and the stage's, and put it in its place."""
    at, check, began, answer = waiting
    bound = seconds if check.seconds is None else min(seconds, check.seconds)
    try:
        if bound <= 0:
            if inspect.iscoroutine(answer):
                answer.close()
            seen = timed_out("no time was left for it")
        else:
            with within(bound):
                seen = await answer
    except TimeoutError:
        seen = timed_out(f"no answer within {bound:.1f} s")
    except Exception as error:  # noqa: BLE001 - an exception in a check is an outcome, never a pass
        seen = _raised(error)
    cost, kept = (time.perf_counter_ns() - began) // 1000 / 1000, observations[at]
    observations[at] = Observation(
        check.name, kept.stage, seen.outcome, seen.findings, kept.recipient, cost, seen.detail
    )


def _raised(error: Exception) -> Seen:
    """Say that a check broke, and where, in one line."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f" at {at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno}" if at is not None else ""
    return failed(f"{type(error).__name__}: {error}{where}")
