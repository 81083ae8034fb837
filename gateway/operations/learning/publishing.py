"""What was learned, from rows to the one file that the SMTP side reads. Only a change is written."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from gateway import models
from gateway.operations.learning import backscatterers
from gateway.policy import learned
from gateway.policy.learned import Backscatterer, DomainStage, Learned, ListOff, NeverTag, Stage, Storm, Unblocked
from gateway.spool.disk import replace_file

_UNBLOCKED = timedelta(days=1)  # for which the SMTP side is told that somebody was unblocked
_EMPTY = learned.encode(learned.NOTHING).decode()
_MOST = 5000  # backscatterers that are published: those with most points


def publish() -> bool:
    """Write the file anew if it does not say what the rows say; tells whether it was.

    Raises ``django.db.Error``, OSError.
    """
    with transaction.atomic():
        models.LearnedSerial.objects.get_or_create(pk=1)
        row = models.LearnedSerial.objects.select_for_update().get(pk=1)
        text = learned.encode(build()).decode()
        if text != (row.text or _EMPTY):
            row.serial, row.text = row.serial + 1, text
            row.save()
    path = settings.CONFIG.learned_folder / learned.FILE
    whole = learned.encode(build(row.serial))
    try:
        if path.read_bytes() == whole:
            return False
    except FileNotFoundError:
        if row.serial == 0:
            return False
    replace_file(path, [whole])
    return True


def build(serial: int = 0) -> Learned:
    """Give what the rows say now."""
    now = timezone.now()
    return Learned(
        serial=serial,
        storms={
            row.victim: Storm(row.pk, _seconds(row.started), _seconds(row.until))
            for row in models.Storm.objects.filter(closed=None)
        },
        backscatterers={
            row.name: Backscatterer(row.pk, _seconds(row.first), row.points, _seconds(row.last))
            for row in backscatterers.listed(now)[:_MOST]
        },
        never_tag={
            row.destination: NeverTag(row.pk, _seconds(row.since), _seconds(row.expires), row.because)
            for row in models.NeverTag.objects.filter(expires__gt=now)
        },
        stages={
            row.domain: DomainStage(row.pk, _seconds(row.since), Stage(row.stage))
            for row in models.DomainStage.objects.all()
        },
        unblocked={
            f"{row.kind}:{row.name}": Unblocked(row.pk, _seconds(row.unblocked))
            for row in models.SendingBlock.objects.filter(unblocked__gt=now - _UNBLOCKED).order_by("unblocked")
            if row.unblocked is not None
        },
        lists_off={
            row.zone: ListOff(row.pk, _seconds(row.off_since), row.because)
            for row in models.ListHealth.objects.exclude(off_since=None)
            if row.off_since is not None
        },
    )


def _seconds(at: datetime) -> float:
    """Give a moment in seconds since the epoch."""
    return at.timestamp()
