"""The writers' side of the spool: messages come in, are staged out of sight, and are committed or discarded.

    incoming/<slot>/<id>             a large message while it comes
    staging/<slot>/<id>/             complete and on disk, but invisible to every reader

A slot belongs to one SMTP process at a time: what lies in it when the process starts was never answered with 250, and
goes. Everything blocks on the disk: call it in a thread.
"""

import contextlib
import errno
import os
import shutil
from pathlib import Path

from gateway.mail.message import Content
from gateway.spool.disk import (
    FILE_MODE,
    FOLDER_MODE,
    SpoolError,
    checked_name,
    make_folder,
    sync_file,
    sync_folder,
    told,
    write_file,
)
from gateway.spool.item import Item, encode
from gateway.spool.quarantine import ITEM, MESSAGE, SHARDS, place_of

_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK}


class Spool:
    """The spool in ``folder``, as the SMTP process of ``slot`` writes it."""

    def __init__(self, folder: Path, slot: str) -> None:
        """Make the folders of the slot. Raises SpoolError where that can't be done."""
        self.folder = folder
        self.slot = checked_name(slot, folder)
        self._incoming = folder / "incoming" / slot
        self._staging = folder / "staging" / slot
        with told(folder):
            quarantine = folder / "quarantine"
            for place in (self._incoming, self._staging, quarantine):
                make_folder(place)
            # All shards are made here and synced before any is used: a commit never depends on another process' sync.
            for shard in SHARDS:
                (quarantine / shard).mkdir(mode=FOLDER_MODE, exist_ok=True)
            sync_folder(quarantine)

    def discard_leftovers(self) -> int:
        """Remove what an earlier process of this slot left unanswered; gives how many. Raises SpoolError.

        To be called at a start, before the first message.
        """
        count = 0
        with told(self.folder):
            for place in [*self._incoming.iterdir(), *self._staging.iterdir()]:
                if place.is_dir():
                    shutil.rmtree(place)
                else:
                    place.unlink()
                count += 1
        return count

    def incoming_path(self, message: str) -> Path:
        """Give the path at which the SMTP side writes a large message as it comes, and which it removes in the end."""
        return self._incoming / checked_name(message, self.folder)

    def stage(self, item: Item, content: Content) -> "Staged":
        """Put a message on disk, synced and invisible, once for all its copies.

        Raises SpoolError, and leaves nothing then.
        A content that is a file on the same file system gets a second name instead of being copied; either way it stays
        readable where it was. Whoever wrote it must have flushed it.
        """
        place = self._staging / checked_name(item.id, self.folder)
        staged = Staged(item.id, place, place_of(self.folder, item.id))
        with told(place):
            place.mkdir(mode=FOLDER_MODE)
            try:
                _store(content, place / MESSAGE)
                write_file(place / ITEM, [encode(item)])
                sync_folder(place)
            except BaseException:
                staged.discard()
                raise
        return staged


class Staged:
    """A message that is safe on disk, but not yet ours to keep: commit it or discard it."""

    def __init__(self, message: str, place: Path, target: Path) -> None:
        """Remember where it lies and where it would go; ``Spool.stage`` makes these."""
        self.id = message
        self._place = place
        self._target = target

    def commit(self) -> None:
        """Move it into the quarantine, durably: once this returns, 250 may be said. Raises SpoolError.

        After an error the message is in neither place, so that the client's next try makes no second copy.
        """
        try:
            with told(self._target):
                self._place.rename(self._target)
                sync_folder(self._target.parent)
                sync_folder(self._place.parent)
        except SpoolError as error:
            # What stands at the target when the rename itself failed is another message's.
            if not self._place.exists():
                shutil.rmtree(self._target, ignore_errors=True)
            self.discard()
            raise error from error.__cause__

    def discard(self) -> None:
        """Remove it. Never raises: what can't be removed now goes at the next start."""
        shutil.rmtree(self._place, ignore_errors=True)


def _store(content: Content, target: Path) -> None:
    """Put the content at ``target``, synced: by a second name where it can be had, else by a copy. Raises OSError."""
    if content.path is not None:
        try:
            os.link(content.path, target)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
        else:
            with contextlib.suppress(PermissionError):
                target.chmod(FILE_MODE)
            sync_file(target)
            return
    write_file(target, content.blocks())
