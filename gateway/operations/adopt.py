"""Makes spool and database agree again, whatever was killed in between. The spool is the truth about what is kept.

A message without rows gets them from its own item; a message that no copy needs is removed; copies without a message
raise an alarm and stay as they are: only a person can say what became of the bytes.
"""

import itertools
from collections.abc import Iterable

from django.conf import settings
from django.db import transaction

from gateway.models import QuarantinedCopy, Transaction
from gateway.operations import alarms, rows
from gateway.operations.delete import LIVE, remove_unused_bytes
from gateway.spool.disk import SpoolError
from gateway.spool.quarantine import Quarantine

_CHUNK = 500
_NAMED = 20  # more missing messages than this are counted instead of named


def adopt() -> int:
    """Sweep once; gives how many messages were adopted. Raises SpoolError where the quarantine can't be read."""
    quarantine = Quarantine(settings.CONFIG.spool_folder)
    quarantine.discard_leftovers()
    _report_missing(quarantine)
    count = 0
    ids = quarantine.ids()
    while chunk := list(itertools.islice(ids, _CHUNK)):
        of_chunk = QuarantinedCopy.objects.filter(message__in=chunk)
        known = set(of_chunk.values_list("message", flat=True))
        live = set(of_chunk.filter(state__in=LIVE).values_list("message", flat=True))
        count += sum(_adopt(quarantine, message) for message in chunk if message not in known)
        for message in known - live:
            remove_unused_bytes(message)
    return count


def _adopt(quarantine: Quarantine, message: str) -> bool:
    """Make the rows of one message out of its item; a damaged one raises an alarm."""
    try:
        item, _ = quarantine.read(message)
        copies = rows.copies_of_item(item)
    except (SpoolError, ValueError) as error:
        if quarantine.exists(message):
            alarms.raise_alarm(settings.CONFIG.name, f"a quarantined message can't be adopted: {error}")
        return False
    with transaction.atomic():
        QuarantinedCopy.objects.bulk_create(copies, ignore_conflicts=True)
    return True


def _report_missing(quarantine: Quarantine) -> None:
    """Raise an alarm for each message that should be here and is not."""
    listed = QuarantinedCopy.objects.filter(state__in=LIVE).values_list("message", flat=True).distinct()
    missing = [message for message in listed.order_by().iterator() if not quarantine.exists(message)]
    # A copy that was released or deleted since the list was made is none.
    missing = sorted(_still_live(missing) - _elsewhere(missing))
    for message in missing[:_NAMED]:
        _alarm(f"quarantined message {message} is not in the spool: restore it from a backup, or delete its copies")
    if missing[_NAMED:]:
        _alarm("more quarantined messages are not in the spool: restore it from a backup, or delete the copies")


def _still_live(messages: Iterable[str]) -> set[str]:
    """Give those of the messages that have a live copy now."""
    found: set[str] = set()
    for chunk in _chunks(messages):
        live = QuarantinedCopy.objects.filter(message__in=chunk, state__in=LIVE)
        found.update(live.values_list("message", flat=True))
    return found


def _elsewhere(messages: Iterable[str]) -> set[str]:
    """Give those of the messages that another node took in: their bytes lie there."""
    found: set[str] = set()
    for chunk in _chunks(messages):
        others = Transaction.objects.filter(id__in=chunk).exclude(node=settings.CONFIG.name)
        found.update(others.values_list("id", flat=True))
    return found


def _chunks(messages: Iterable[str]) -> Iterable[list[str]]:
    """Give the messages in lists that one query can hold."""
    rest = iter(messages)
    while chunk := list(itertools.islice(rest, _CHUNK)):
        yield chunk


def _alarm(text: str) -> None:
    """Raise an alarm of this node."""
    alarms.raise_alarm(settings.CONFIG.name, text)
