"""Teaches spam engines: asked for by a person, done by a worker, one lesson for each engine that is on.

A lesson keeps nothing alive: where the message was deleted before its turn, it fails and says so. Every step is a
conditional UPDATE, so that a task which runs twice teaches once; a lesson asked for anew meanwhile is taught anew.
"""

import asyncio
import functools
import logging
from collections.abc import Callable
from datetime import timedelta

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from gateway.config import Config
from gateway.mail.message import Content
from gateway.models import Lesson
from gateway.models.lesson import LessonKind, LessonState
from gateway.operations import audit, broker, columns, hold
from gateway.policy import codec
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Mode
from gateway.services import secrets
from gateway.services.engines import Engine, EngineError, EngineRefusal
from gateway.services.engines.configured import engines
from gateway.spool.disk import SpoolError
from gateway.spool.quarantine import Quarantine

CLAIM = timedelta(minutes=15)  # longer than a task can take
WORKER = "learn"  # who the audit names for what a worker did
_FIRST_DELAYS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
_DELAY = timedelta(hours=1)
ATTEMPTS = len(_FIRST_DELAYS) + 12

log = logging.getLogger(__name__)


class Result(msgspec.Struct, frozen=True):
    """How one attempt ended: what the engine said, or in ``trouble`` why it learned nothing; ``final``: for good."""

    said: str = ""
    trouble: str = ""
    final: bool = False


def engines_on(config: Config) -> tuple[str, ...]:
    """Give the names of the engines that are on anywhere in the published policy; none before the first one."""
    try:
        policy = Policy(codec.load(config.policy_folder / "current.json"))
    except codec.PolicyError:
        return ()
    leaving = policy.snapshot.outbound.rules.checks
    on = policy.wanted.checks.keys() | {name for name, rule in leaving.items() if rule.mode is not Mode.OFF}
    return tuple(name for name in _engines(config) if name in on)


def ask(message: str, kind: LessonKind, by: str) -> tuple[str, ...]:
    """Ask that every engine which is on learns a stored message, by its id; gives their names. Rings a worker for each.

    What an engine has learned so already is not asked again.
    """
    asked = []
    with transaction.atomic():
        for engine in engines_on(settings.CONFIG):
            now = timezone.now()
            fresh = {"kind": kind, "by": by[:150], "asked": now, "next_attempt": now, "attempts": 0, "detail": ""}
            lesson, made = Lesson.objects.get_or_create(message=message, engine=engine, defaults=fresh)
            if not made:
                if lesson.kind == kind and lesson.state == LessonState.LEARNED:
                    continue
                Lesson.objects.filter(pk=lesson.pk).update(state=LessonState.WAITING, **fresh)
            asked.append(engine)
            number = lesson.pk
            transaction.on_commit(lambda number=number: broker.ring(number, broker.TEACH))  # type: ignore[misc]
        if asked:
            audit.record(by, f"learn as {kind}", message, ", ".join(asked))
    return tuple(asked)


def of_message(message: str) -> QuerySet[Lesson]:
    """Give the lessons of a message."""
    return Lesson.objects.filter(message=message).order_by("engine")


def ring_due() -> int:
    """Ring for every lesson that is due and that nobody has in hand; gives how many. A restored node waits."""
    if hold.of(settings.CONFIG) is not None:
        return 0
    due = Lesson.objects.filter(state=LessonState.WAITING, next_attempt__lte=timezone.now()).order_by("next_attempt")
    numbers = list(due.values_list("pk", flat=True)[:1000])
    for number in numbers:
        broker.ring(number, broker.TEACH)
    return len(numbers)


def teach_before_it_goes(message: str) -> None:
    """Try the lessons of a message that are due, for its bytes are about to be removed."""
    for number in of_message(message).filter(state=LessonState.WAITING).values_list("pk", flat=True):
        teach(number)


def teach(number: int) -> LessonState | None:
    """Try one lesson; gives its state then, None where it was not due, or was asked for anew meanwhile."""
    if hold.of(settings.CONFIG) is not None:
        return None
    now = timezone.now()
    taken = Lesson.objects.filter(pk=number, state=LessonState.WAITING, next_attempt__lte=now).update(
        attempts=F("attempts") + 1, next_attempt=now + CLAIM
    )
    if not taken:
        return None
    lesson = Lesson.objects.get(pk=number)
    result = _attempt(lesson)
    state = _state(lesson, result)
    log.info("lesson %s, attempt %d: %s, %s", lesson, lesson.attempts, state, result.said or result.trouble)
    with transaction.atomic():
        same = Lesson.objects.filter(
            pk=number, state=LessonState.WAITING, kind=lesson.kind, attempts=lesson.attempts, asked=lesson.asked
        )
        changed = same.update(
            state=state,
            detail=columns.text(result.said or result.trouble),
            next_attempt=timezone.now() + _delay(lesson.attempts) if state is LessonState.WAITING else None,
        )
        if not changed:
            return None
        if state is not LessonState.WAITING:
            audit.record(WORKER, str(state), str(lesson), result.said or result.trouble)
    return state


def _attempt(lesson: Lesson) -> Result:
    """Hand the stored bytes to the engine."""
    config = settings.CONFIG
    try:
        _, content = Quarantine(config.spool_folder).read(lesson.message)
        engine = _engines(config)[lesson.engine]
        if content.size > engine.max_size:
            size = f"{content.size} octets are more than the {engine.max_size} that {lesson.engine} is handed"
            return Result(trouble=size, final=True)
        return Result(said=asyncio.run(_taught(engine, content, spam=lesson.kind == LessonKind.SPAM)))
    except SpoolError as error:
        return Result(trouble=f"the message is not kept any more, or can't be read: {error}", final=True)
    except KeyError:
        return Result(trouble=f"there is no engine {lesson.engine}", final=True)
    except EngineRefusal as error:
        return Result(trouble=str(error), final=True)
    except (EngineError, OSError) as error:
        return Result(trouble=str(error))


async def _taught(engine: Engine, content: Content, *, spam: bool) -> str:
    """Teach, and end the connection. Raises EngineError."""
    try:
        return await engine.learn(content, spam=spam)
    finally:
        await engine.close()


def _state(lesson: Lesson, result: Result) -> LessonState:
    """Give the state after an attempt."""
    if not result.trouble:
        return LessonState.LEARNED
    return LessonState.FAILED if result.final or lesson.attempts >= ATTEMPTS else LessonState.WAITING


def _delay(attempts: int) -> timedelta:
    """Give how long to wait after so many attempts."""
    return _FIRST_DELAYS[attempts - 1] if attempts <= len(_FIRST_DELAYS) else _DELAY


def _engines(config: Config) -> dict[str, Engine]:
    """Give the engines of this node."""
    read: Callable[[str], str | None] = functools.partial(secrets.read, config.secrets_folder)
    return engines(config, read)
