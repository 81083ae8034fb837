"""The quarantine as its readers see it: whole messages by their id, never a staged one.

    quarantine/<shard>/<id>/message.eml    the octets as they came
    quarantine/<shard>/<id>/item.json      envelope, reasons and revision

An item never changes once it is here; it is read, or it is deleted. Everything blocks on the disk.
"""

import contextlib
import os
import shutil
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.mail.message import HEAD_LIMIT, Content, head_of
from gateway.spool.disk import SpoolError, checked_name, sync_folder, told
from gateway.spool.item import Item, decode

MESSAGE = "message.eml"
ITEM = "item.json"
_TRASH = ".deleted-"  # such a folder is on its way out: no reader sees it
_SETTLED_NS = 1_000_000_000


SHARDS = tuple(f"{number:02x}" for number in range(256))


def place_of(folder: Path, message: str) -> Path:
    """Give the folder of a message below the spool's folder. The shards keep folders short at any size."""
    shard = SHARDS[zlib.crc32(checked_name(message, folder).encode()) & 0xFF]
    return folder / "quarantine" / shard / message


class Quarantine:
    """The readers' side of the spool in ``folder``."""

    def __init__(self, folder: Path) -> None:
        """Look at the quarantine of a spool; nothing is made or read yet."""
        self.folder = folder
        self._shards: dict[str, tuple[int, int]] = {}  # shard: when it last changed, octets
        self._counted = float("-inf")
        self._room = 0
        self._lock = threading.Lock()

    def exists(self, message: str) -> bool:
        """Whether the bytes of that message are here."""
        return (place_of(self.folder, message) / ITEM).exists()

    def read(self, message: str) -> tuple[Item, Content]:
        """Give envelope and content; the content stays on disk. Raises SpoolError where it is gone or damaged."""
        place = place_of(self.folder, message)
        with told(place):
            try:
                item = decode((place / ITEM).read_bytes())
            except msgspec.MsgspecError as error:
                raise SpoolError(place / ITEM, f"damaged: {error}") from error
            with (place / MESSAGE).open("rb") as file:
                head = head_of(file.read(HEAD_LIMIT))
                size = os.fstat(file.fileno()).st_size
        if size != item.size:
            raise SpoolError(place / MESSAGE, f"damaged: {size} octets where {item.size} were stored")
        return item, Content(size=size, sha256=item.sha256, head=head, path=place / MESSAGE)

    def ids(self) -> Iterator[str]:
        """Give the id of every message, in no order."""
        for shard in self._shard_folders():
            with told(shard), contextlib.suppress(FileNotFoundError):
                yield from (place.name for place in shard.iterdir() if not place.name.startswith("."))

    def delete(self, message: str) -> bool:
        """Remove a message; it vanishes at once and whole. False where it was gone already. Raises SpoolError."""
        place = place_of(self.folder, message)
        trash = place.with_name(_TRASH + message)
        with told(place):
            try:
                place.rename(trash)
            except FileNotFoundError:
                return False
            sync_folder(place.parent)
            shutil.rmtree(trash)
        return True

    def discard_leftovers(self) -> int:
        """Remove what a killed deletion left behind; gives how many."""
        found = [path for shard in self._shard_folders() for path in shard.glob(_TRASH + "*")]
        for path in found:
            shutil.rmtree(path, ignore_errors=True)
        return len(found)

    def usage(self) -> int:
        """Give the octets of all that is stored. Shards that have not changed since the last call are not read."""
        total = 0
        for shard in self._shard_folders():
            try:
                changed = shard.stat().st_mtime_ns
                known = self._shards.get(shard.name)
                if known is None or known[0] != changed:
                    known = (changed, _octets_below(shard))
                    # A second change within the same tick of the file system's clock would go unseen.
                    if time.time_ns() - changed > _SETTLED_NS:
                        self._shards[shard.name] = known
            except FileNotFoundError:
                continue
            total += known[1]
        return total

    def octets(self, message: str) -> int:
        """Give the octets that one message takes, 0 where it is not here."""
        return _octets_of(str(place_of(self.folder, message)))

    def free(self) -> int:
        """Give the octets that the file system has left for us. Raises SpoolError."""
        place = self.folder
        while not place.exists() and place != place.parent:
            place = place.parent
        with told(place):
            return shutil.disk_usage(place).free

    def has_room(self, octets: int, limit: int, min_free: int, seconds: float = 3.0) -> bool:
        """Whether a message of that size fits: under ``limit`` octets in all, with ``min_free`` left on the disk.

        Cheap: what was counted holds for ``seconds``, less what was asked for since. A disk that does not answer has
        no room.
        """
        with self._lock:
            now = time.monotonic()
            if now - self._counted > seconds:
                try:
                    self._room = min(limit - self.usage(), self.free() - min_free)
                except (OSError, SpoolError):
                    self._room = 0
                self._counted = now
            if octets > self._room:
                return False
            self._room -= octets
            return True

    def _shard_folders(self) -> list[Path]:
        """Give the folders of all shards."""
        try:
            return sorted(path for path in (self.folder / "quarantine").iterdir() if path.is_dir())
        except FileNotFoundError:
            return []


def _octets_below(shard: Path) -> int:
    """Sum up the files of all messages of a shard; one that vanishes meanwhile counts nothing."""
    return sum(_octets_of(message.path) for message in os.scandir(shard))


def _octets_of(place: str) -> int:
    """Sum up the files of one message."""
    total = 0
    for name in (MESSAGE, ITEM):
        with contextlib.suppress(OSError):
            total += os.stat(f"{place}/{name}").st_size  # noqa: PTH116 - a Path for each of 100,000 files costs more than the stat
    return total
