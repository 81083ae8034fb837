"""The journal as its writer sees it: one JSON line a record, appended by one process, rotated by it.

A line is handed to the kernel at once, so ``kill -9`` loses none; it is on disk once ``sync`` has run. Files are named
``<slot>-<start>-<number>.jsonl`` and sort in the order in which they were written, whatever the clock did. Nothing here
ever reads a record.
"""

import contextlib
import os
import threading
import time
from pathlib import Path

from gateway.spool.disk import FILE_MODE, SpoolError, checked_name, make_folder, sync_folder, told

SUFFIX = ".jsonl"


class JournalWriter:
    """The journal of the process that owns ``slot``.

    ``append`` may be called in an event loop while ``sync`` and ``append_durably`` run in threads: the lock
    is held for a write into the page cache, never for a sync.
    """

    def __init__(self, folder: Path, slot: str, max_octets: int = 16 * 1024**2, max_age: float = 3600.0) -> None:
        """Open a new file. ``max_octets`` and ``max_age`` (seconds) bound one file. Raises SpoolError."""
        self.folder = folder
        self.slot = checked_name(slot, folder)
        self._max_octets = max_octets
        self._max_age = max_age
        self._lock = threading.Lock()
        self._number = 0
        self._handle = -1
        self._size = 0
        self._opened = 0.0
        self._dirty = False  # something was written since the last sync
        self._torn = False  # the file ends in a half line that could not be cut off
        self._retired: list[int] = []
        self._durable_names = 0  # so many of our files have a name that is on disk
        with told(folder):
            make_folder(folder)
            self._start = max(time.time_ns(), _latest_start(folder, slot) + 1)
            self._open()

    @property
    def path(self) -> Path:
        """The file that is written now."""
        return self._path

    def append(self, line: bytes) -> None:
        """Append one line (given without its end). Does not sync. Raises SpoolError; nothing of the line stays then."""
        with self._lock, told(self._path):
            self._append(line)

    def append_durably(self, line: bytes) -> None:
        """Append one line and wait until it is on disk. Blocks: call it in a thread. Raises SpoolError."""
        with told(self._path):
            with self._lock:
                self._append(line)
                handle, number = os.dup(self._handle), self._number
            # Not by way of the dirty mark: another thread may have taken that and still be waiting for its sync.
            try:
                os.fsync(handle)
                self._sync_names(number)
            except OSError:
                self._distrust()
                raise
            finally:
                os.close(handle)

    def sync(self) -> bool:
        """Write out what was appended since the last time; False where there was nothing. Blocks. Raises SpoolError."""
        with self._lock, told(self._path):
            if self._size and time.monotonic() - self._opened > self._max_age:
                self._rotate()
            handles, self._retired = self._retired, []
            if self._dirty:
                handles.append(os.dup(self._handle))
            self._dirty = False
            number = self._number
        try:
            with told(self._path):
                self._sync_names(number)
                for handle in handles:
                    os.fsync(handle)
        except SpoolError:
            self._distrust()
            raise
        finally:
            for handle in handles:
                os.close(handle)
        return bool(handles)

    def close(self) -> None:
        """Sync and close. Raises SpoolError."""
        try:
            self.sync()
        finally:
            with self._lock, contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = -1

    def _append(self, line: bytes) -> None:
        """Write the line as one write, or take back what was written of it. The lock is held. Raises OSError."""
        if b"\n" in line:
            raise ValueError("a record must be one line")
        if self._size and (
            self._size + len(line) >= self._max_octets or time.monotonic() - self._opened > self._max_age
        ):
            with contextlib.suppress(OSError):  # then the old file has to take it
                self._rotate()
        rest = memoryview((b"\n" if self._torn else b"") + line + b"\n")
        octets = len(rest)
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError:
            self._take_back()
            raise
        self._size += octets
        self._torn = False
        self._dirty = True

    def _take_back(self) -> None:
        """Cut a half line off. Where even that fails the next line ends it first, so that only the half one is lost."""
        try:
            os.ftruncate(self._handle, self._size)
        except OSError:
            self._torn = True

    def _rotate(self) -> None:
        """Go on in a new file; the next ``sync`` syncs and closes the old one. The lock is held. Raises OSError."""
        old = self._handle
        self._open()
        self._retired.append(old)

    def _open(self) -> None:
        """Make the next file; its name is synced by the next ``sync``. Raises OSError."""
        path = self.folder / f"{self.slot}-{self._start:019d}-{self._number:06d}{SUFFIX}"
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, FILE_MODE)
        self._path = path
        self._number += 1
        self._size = 0
        self._opened = time.monotonic()
        self._dirty = self._torn = False

    def _sync_names(self, number: int) -> None:
        """Make the names of the first ``number`` files durable, once. Raises OSError."""
        if self._durable_names < number:
            sync_folder(self.folder)
            self._durable_names = max(self._durable_names, number)

    def _distrust(self) -> None:
        """After a failed sync: try everything again, in a new file, as the kernel reports such an error only once."""
        with self._lock:
            self._dirty = True
            with contextlib.suppress(OSError):
                self._rotate()


def _latest_start(folder: Path, slot: str) -> int:
    """Give the latest start among the slot's files, 0 where there is none."""
    starts = [0]
    for path in folder.glob(f"{slot}-*{SUFFIX}"):
        name, _, start = path.stem.rpartition("-")[0].rpartition("-")
        if name == slot and start.isdigit():
            starts.append(int(start))
    return max(starts)
