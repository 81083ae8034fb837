"""The hold of a restored node: nothing leaves by itself until a person says so.

A backup is older than what has happened since: what it calls pending may have left long ago. So a restore writes one
file into the home, before anything else, and whoever delivers or teaches looks for it. The SMTP side knows nothing of
it: mail that comes in is judged and relayed as ever.
"""

import time
from pathlib import Path

import msgspec
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from gateway.config import Config
from gateway.models import Lesson, QuarantinedCopy
from gateway.models.lesson import LessonState
from gateway.models.quarantine import CopyState
from gateway.operations import adopt, audit
from gateway.spool.disk import replace_file, sync_folder

_FILE = "restored.json"
_KEPT = "it was pending in a restored backup, and kept"


class Hold(msgspec.Struct, frozen=True):
    """What a restore left. Times are seconds since the epoch: of the restore, and of the backup that was restored."""

    restored: float
    made: float = 0.0


class Waiting(msgspec.Struct, frozen=True):
    """How much waits: copies that are to be delivered, lessons that are to be taught."""

    copies: int
    lessons: int

    def __str__(self) -> str:
        """Give it in words."""
        copies = "copy" if self.copies == 1 else "copies"
        return f"{self.copies} {copies} and {self.lessons} lesson{'' if self.lessons == 1 else 's'}"


def of(config: Config) -> Hold | None:
    """Give the hold of this node, None where there is none. A file that can't be read holds, too."""
    path = config.home / _FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Hold)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError):
        return Hold(0.0)


def place(home: Path, made: float) -> None:
    """Hold the node of that home, durably. Raises OSError."""
    replace_file(home / _FILE, [msgspec.json.encode(Hold(time.time(), made))])


def waiting(database: str = "default") -> Waiting:
    """Count what is pending now, in the database of that alias."""
    return Waiting(pending_copies().using(database).count(), pending_lessons().using(database).count())


def resume(config: Config, who: str, *, keep: bool) -> Waiting | None:
    """End the hold; gives what was pending, None where there was no hold.

    What is pending leaves now, or, where it is to be kept, goes back to quarantine, to be released one by one; lessons
    are given up then. Raises OSError, SpoolError.
    """
    if of(config) is None:
        return None
    adopt.adopt()  # what came while the backup was made has its rows now, too
    pending = waiting()
    with transaction.atomic():
        if keep:
            pending_copies().update(
                state=CopyState.QUARANTINED,
                next_attempt=None,
                claimed=None,
                next_hop_reply=_KEPT,
                changed=timezone.now(),
            )
            pending_lessons().update(state=LessonState.FAILED, next_attempt=None, detail=_KEPT)
        audit.record(who, "resume", config.name, f"{pending} {'kept' if keep else 'may leave'}")
    (config.home / _FILE).unlink(missing_ok=True)
    sync_folder(config.home)
    return pending


def pending_copies() -> QuerySet[QuarantinedCopy]:
    """Give the copies that are to be delivered."""
    return QuarantinedCopy.objects.filter(state=CopyState.RELEASING)


def pending_lessons() -> QuerySet[Lesson]:
    """Give the lessons that are to be taught."""
    return Lesson.objects.filter(state=LessonState.WAITING)
