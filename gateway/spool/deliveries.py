"""Which transaction did a delivery, by the delivery's key: so that a retry makes no second copy.

A process can be killed between the commit and the ``250``; the client tries again then. The name is announced
before the commit and counts only while the committed item is there, so it can never stand for a message that was
lost. Once the item has done its duty and goes, which may be seconds later, the name is settled and counts by itself.
So does that of a delivery of which nothing was kept, and whose client may not have read the ``250``. It is forgotten as
soon as the client shows that it has read it: a device that reports with the same octets each time, without a date, is
no retry. The names are files, so that all SMTP processes of the node know them, whatever their version.

    deliveries/<key>    a symbolic link whose target is the transaction's id, with a + in front once it is settled
"""

import contextlib
import os
import time
from pathlib import Path

from gateway.spool.disk import checked_name, make_folder, sync_folder, told
from gateway.spool.quarantine import ITEM, place_of

_SETTLED = "+"
KEPT_SECONDS = 5 * 86_400.0  # as long as clients try again (RFC 5321 4.5.4.1)


class Deliveries:
    """The names of one spool."""

    def __init__(self, folder: Path) -> None:
        """Open; makes the folder. Raises SpoolError."""
        self._spool = folder
        self._folder = folder / "deliveries"
        with told(self._folder):
            make_folder(self._folder)

    def find(self, key: str) -> str | None:
        """Give the id of the transaction that kept copies of this delivery, or None. Fast: one readlink."""
        try:
            message = os.readlink(f"{self._folder}/{key}")  # noqa: PTH115 - in the path of every message
        except OSError:
            return None
        if message.startswith(_SETTLED):
            return message[1:]
        return message if (place_of(self._spool, message) / ITEM).exists() else None

    def announce(self, key: str, message: str) -> None:
        """Say that the transaction is about to be committed; durable. Blocks. Raises SpoolError."""
        self._write(key, message, message)

    def settle(self, key: str, message: str) -> None:
        """Say that the transaction's item goes, its duty done; durable. Blocks. Raises SpoolError.

        Nothing happens where the name is forgotten already, or another transaction's.
        """
        place = self._folder / checked_name(key, self._folder)
        with told(place):
            try:
                known = place.readlink()
            except FileNotFoundError:
                return
        if str(known) == message:
            self._write(key, f"{_SETTLED}{message}", message)

    def remember(self, key: str, message: str) -> None:
        """Say that the transaction did this delivery, and that its client may not know; durable. Blocks.

        Raises SpoolError.
        """
        self._write(key, f"{_SETTLED}{message}", message)

    def forget(self, key: str) -> None:
        """Forget a name, for the client knows: the same octets from now on are another message. Fast: one unlink.

        It is not durable: after a power cut a repetition may be taken for a retry once more. Raises SpoolError.
        """
        place = self._folder / checked_name(key, self._folder)
        with told(place):
            place.unlink(missing_ok=True)

    def _write(self, key: str, target: str, message: str) -> None:
        """Write a name, by way of another one that is the transaction's own. Raises SpoolError."""
        place = self._folder / checked_name(key, self._folder)
        new = self._folder / f".{message}"
        with told(place):
            new.unlink(missing_ok=True)
            new.symlink_to(target)
            new.replace(place)
            sync_folder(self._folder)

    def forget_old(self, now: float | None = None) -> int:
        """Remove what no client will ask for again; gives how many. Blocks."""
        oldest = (time.time() if now is None else now) - KEPT_SECONDS
        removed = 0
        for entry in os.scandir(self._folder):
            with contextlib.suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < oldest:
                    Path(entry.path).unlink()
                    removed += 1
        return removed
