"""Deletes quarantined copies, and removes a message's bytes once no copy needs them any more."""

import logging

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from gateway.models import QuarantinedCopy
from gateway.models.quarantine import CopyState
from gateway.operations import alarms, audit
from gateway.spool.deliveries import Deliveries
from gateway.spool.disk import SpoolError
from gateway.spool.quarantine import Quarantine

LIVE = (CopyState.QUARANTINED, CopyState.RELEASING, CopyState.FAILED)  # as long as one copy is, the bytes stay

log = logging.getLogger(__name__)


def delete(copies: QuerySet[QuarantinedCopy], who: str) -> int:
    """Delete copies for good; gives how many. One that a worker is delivering just now stays, as one that is gone."""
    deletable = Q(state__in=(CopyState.QUARANTINED, CopyState.FAILED)) | Q(state=CopyState.RELEASING, claimed=None)
    messages = set()
    count = 0
    for copy in copies.filter(deletable):
        with transaction.atomic():
            chosen = QuarantinedCopy.objects.filter(deletable, pk=copy.pk)
            if chosen.update(state=CopyState.DELETED, next_attempt=None, changed=timezone.now()):
                audit.record(who, "delete", str(copy), f"from {copy.sender or '<>'}, {copy.because}")
                messages.add(copy.message)
                count += 1
    for message in messages:
        remove_unused_bytes(message)
    return count


def remove_unused_bytes(message: str) -> bool:
    """Remove a message's bytes when none of its copies is live; tells whether they went. Never raises for the disk.

    A copy never comes back to life, so there is nothing to lock. What can't be removed goes with the next sweep.
    """
    if QuarantinedCopy.objects.filter(message=message, state__in=LIVE).exists():
        return False
    quarantine = Quarantine(settings.CONFIG.spool_folder)
    try:
        _settle(quarantine, message)
        return quarantine.delete(message)
    except SpoolError as error:
        log.warning("a deleted message stays in the spool: %s", error)
        alarms.raise_alarm(settings.CONFIG.name, f"deleted messages stay in the spool: {error}")
        return False


def _settle(quarantine: Quarantine, message: str) -> None:
    """Let the delivery be remembered when its bytes are gone: a client may still try again. Raises SpoolError."""
    try:
        key = quarantine.read(message)[0].delivery
    except SpoolError:
        return  # gone meanwhile, or damaged: nothing can be said of it
    if key:
        Deliveries(quarantine.folder).settle(key, message)
