"""The rotation of BATV keys, by schedule: the next one is made in time, and those go whose last tag has expired."""

from datetime import date

from django.conf import settings

from gateway.backscatter import batv
from gateway.models import MarkingKey
from gateway.operations import alarms, audit, keys, publish

ROTATE_AFTER = 30  # days for which a key signs
WORKER = "rotation"  # who the audit names for what the schedule did


def is_due() -> bool:
    """Whether the newest key has signed for so long that another one should follow."""
    newest = MarkingKey.objects.filter(retired=False).first()
    return newest is not None and (keys.today() - newest.since).days >= ROTATE_AFTER


def tend() -> None:
    """Rotate by schedule: make the next key when it is time, and remove those whose last tag has expired.

    Publishes that, unless a person is in the middle of an edit: then an alarm asks for it. Raises PolicyError, OSError.
    """
    undisturbed = not publish.pending()
    made = is_due() and keys.make_key(WORKER)
    if not (remove_expired(WORKER) or made):
        return
    if undisturbed:
        publish.publish_policy(WORKER)
    else:
        alarms.raise_alarm(settings.CONFIG.name, "the next BATV key waits for a publish: look at what is pending")


def remove_expired(who: str) -> int:
    """Remove the keys whose last tag has expired; gives how many. They go with the next publish."""
    rows = list(MarkingKey.objects.filter(retired=False))
    known = [batv.Key(row.number, b"", _days(row.since)) for row in rows]
    gone = 0
    for row, key in zip(rows, known, strict=True):
        last = batv.last_day(key, known)
        if last is not None and last < _days(keys.today()):
            audit.record(who, "remove key", str(row))
            row.delete()
            gone += 1
    return gone


def _days(day: date) -> int:
    """Give a day as days since 1970."""
    return (day - date(1970, 1, 1)).days
