"""The journals as their reader sees them: whole lines from an offset on, in bounded batches, never a half line.

It knows nothing of what the lines say, and remembers nothing: the offset is the caller's to keep.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.spool.disk import SpoolError, told
from gateway.spool.journal import SUFFIX

BLOCK = 1024 * 1024
_ABANDONED_SECONDS = 60.0


class JournalFile(msgspec.Struct, frozen=True):
    """One file of a journal. It is ``finished`` when its slot has a newer one: nothing more is written to it."""

    path: Path
    slot: str
    finished: bool

    @property
    def name(self) -> str:
        """The file's name, by which its position is kept."""
        return self.path.name


class Line(msgspec.Struct, frozen=True):
    """One line, without its end. ``offset`` is where it begins in the file, ``end`` where the next one does, in octets.

    ``torn`` marks the half line with which a finished file ends: its writer was killed within it.
    """

    offset: int
    end: int
    text: bytes
    torn: bool = False


class JournalReader:
    """The journals of all slots in ``folder``."""

    def __init__(self, folder: Path) -> None:
        """Look at a folder of journals, which need not exist yet."""
        self.folder = folder

    def files(self) -> list[JournalFile]:
        """Give all files, each slot's in the order in which they were written. Raises SpoolError."""
        slots: dict[str, list[Path]] = {}
        with told(self.folder):
            for path in sorted(self.folder.glob(f"*{SUFFIX}")):
                slot = path.stem.rpartition("-")[0].rpartition("-")[0]
                slots.setdefault(slot, []).append(path)
        return [
            JournalFile(path, slot, finished=path is not paths[-1])
            for slot, paths in sorted(slots.items())
            for path in paths
        ]

    def lines(self, file: JournalFile, offset: int, count: int = 1000, octets: int = 4 * BLOCK) -> list[Line]:
        """Give the complete lines from ``offset`` on: at most ``count``, about ``octets`` in all. Raises SpoolError.

        An unfinished last line waits for its end; in a finished file, once it has been left alone for a
        minute, it comes as torn. Empty lines are passed over. A file that is gone has no lines.
        """
        found: list[Line] = []
        try:
            with told(file.path):
                for line in self._from(file, offset, octets):
                    found.append(line)
                    if len(found) >= count:
                        break
        except SpoolError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return []
            raise
        return found

    def fully_read(self, file: JournalFile, offset: int) -> bool:
        """Whether no line lies behind ``offset``, nor ever will. Raises SpoolError."""
        return file.finished and self._abandoned(file) and not self.lines(file, offset, 1)

    @staticmethod
    def _abandoned(file: JournalFile) -> bool:
        """Whether nobody has written to the file for a minute. Raises SpoolError."""
        with told(file.path):
            return time.time() - file.path.stat().st_mtime > _ABANDONED_SECONDS

    def _from(self, file: JournalFile, offset: int, octets: int) -> Iterator[Line]:
        """Give lines from ``offset`` on, until one begins behind ``octets`` octets. Raises OSError."""
        stop = offset + octets
        with file.path.open("rb") as opened:
            opened.seek(offset)
            rest = b""
            while offset < stop:
                block = opened.read(BLOCK)
                if not block:
                    break
                *whole, rest = (rest + block).split(b"\n")
                for text in whole:
                    end = offset + len(text) + 1
                    if text:
                        yield Line(offset, end, text)
                    offset = end
            else:
                return
        if rest and file.finished and self._abandoned(file):
            yield Line(offset, offset + len(rest), rest, torn=True)
