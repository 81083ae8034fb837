"""Room for what is quarantined: says so while there is still time to do something.

Once there is none, quarantine becomes reject (see ``gateway.outcome``).
"""

import shutil

import msgspec
from django.conf import settings

from gateway.config import Config
from gateway.operations import alarms
from gateway.spool.quarantine import Quarantine

ON_DISK = 4  # times what must stay free on the disk: from there on it is told
FILLED = 0.95  # of what the quarantine may take; retention keeps it below that, but for a flood within a day
_GIB = 1024**3


class Shortage(msgspec.Struct, frozen=True):
    """What is short. ``refused`` tells that mail is refused for it already."""

    text: str
    remedy: str
    refused: bool


def shortages(config: Config) -> list[Shortage]:
    """Give what is short, nothing where all is well. Raises OSError.

    The texts name marks and no figures of now: what lasts is one alarm.
    """
    found = []
    folder = config.spool_folder if config.spool_folder.is_dir() else config.home
    least = config.retention.quarantine_min_free
    free = shutil.disk_usage(folder).free
    end = f"what should be quarantined is refused below {least / _GIB:.1f} GiB"
    if free < ON_DISK * least:
        text = f"less than {(least if free < least else ON_DISK * least) / _GIB:.1f} GiB are free below {folder}: {end}"
        found.append(Shortage(text, "free space on that disk, or give it more", free < least))
    limit = config.retention.quarantine_bytes
    used = Quarantine(config.spool_folder).usage()
    if used > FILLED * limit:
        share = 1.0 if used >= limit else FILLED
        text = f"the quarantine takes {share:.0%} of its {limit / _GIB:.1f} GiB: what it should take then is refused"
        found.append(Shortage(text, "raise retention.quarantine_bytes, or delete what nobody wants", used >= limit))
    return found


def watch() -> None:
    """Raise an alarm for whatever is short. Raises OSError."""
    for shortage in shortages(settings.CONFIG):
        alarms.raise_alarm(settings.CONFIG.name, f"{shortage.text}; {shortage.remedy}")
