"""Runs the checks of one stage: in parallel, each within its budget, results in catalogue order.

It knows nothing of decisions. A check that every rule in question has off does not run; a check that raises, or is
slow, has its own outcome.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Sequence

from gateway.checks.base import Check, Seen, View, failed, timed_out
from gateway.mail.findings import Observation
from gateway.mail.stages import Stage
from gateway.policy.snapshot import Mode, Rules
from gateway.services.expiry import within

Waiting = tuple[int, Check, float, Awaitable[Seen]]  # place, check, when it began, its answer


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
    wanted = [check for check in checks if not rules or _wanted(check, rules)]
    observations: list[Observation | None] = [None] * len(wanted)
    waiting: list[Waiting] = []
    recipient = None if view.recipient is None else str(view.recipient)
    began = time.perf_counter()
    for at, check in enumerate(wanted):
        try:
            seen = check.look(view)
        except Exception as error:  # noqa: BLE001 - an exception in a check is an outcome, never a pass
            seen = _raised(error)
        ended = time.perf_counter()
        if isinstance(seen, Seen):
            observations[at] = _observation(check, stage, recipient, seen, ended - began)
        else:
            waiting.append((at, check, began, seen))
        began = ended
    if len(waiting) == 1:  # the usual case, without the cost of tasks
        at, check, began, answer = waiting[0]
        seen = await _bounded(check, answer, seconds)
        observations[at] = _observation(check, stage, recipient, seen, time.perf_counter() - began)
    elif waiting:
        answers = await _all(waiting, seconds)
        for (at, check, began, _), (seen, ended) in zip(waiting, answers, strict=True):
            observations[at] = _observation(check, stage, recipient, seen, ended - began)
    return [each for each in observations if each is not None]


def _wanted(check: Check, rules: Sequence[Rules]) -> bool:
    """Whether any of the rules has the check on."""
    for each in rules:
        rule = each.checks.get(check.name)
        if rule is not None and rule.mode is not Mode.OFF:
            return True
    return False


async def _all(waiting: Sequence[Waiting], seconds: float) -> list[tuple[Seen, float]]:
    """Wait for all answers; gives each with the time at which it came. The last needs no task of its own."""

    async def timed(check: Check, answer: Awaitable[Seen]) -> tuple[Seen, float]:
        return await _bounded(check, answer, seconds), time.perf_counter()

    *others, (_, check, _, answer) = waiting
    tasks = [asyncio.ensure_future(timed(each[1], each[3])) for each in others]
    try:
        last = await timed(check, answer)
        return [*[await each for each in tasks], last]
    except asyncio.CancelledError:
        for each in tasks:
            each.cancel()
        raise


async def _bounded(check: Check, answer: Awaitable[Seen], seconds: float) -> Seen:
    """Wait for a check's answer within its own bound and the stage's."""
    bound = seconds if check.seconds is None else min(seconds, check.seconds)
    if bound <= 0:
        if inspect.iscoroutine(answer):
            answer.close()
        return timed_out("no time was left for it")
    try:
        with within(bound):
            return await answer
    except TimeoutError:
        return timed_out(f"no answer within {bound:.1f} s")
    except Exception as error:  # noqa: BLE001 - an exception in a check is an outcome, never a pass
        return _raised(error)


def _raised(error: Exception) -> Seen:
    """Say that a check broke, and where, in one line."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f" at {at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno}" if at is not None else ""
    return failed(f"{type(error).__name__}: {error}{where}")


def _observation(check: Check, stage: Stage, recipient: str | None, seen: Seen, seconds: float) -> Observation:
    """Make the record of what a check saw and cost."""
    cost_ms = round(seconds * 1000, 3)
    return Observation(check.name, stage, seen.outcome, seen.findings, recipient, cost_ms, seen.detail)
