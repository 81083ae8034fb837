"""Files of a set: copied with their holes, or given a second name where they never change."""

import contextlib
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.operations.backup.manifest import BackupError, Tell
from gateway.spool.disk import FILE_MODE, FOLDER_MODE, SpoolError, sync_file, sync_folder, told

_BLOCK = 1024 * 1024
_EMPTY = bytes(_BLOCK)


class Progress:
    """Passes on how far something has come, every few seconds."""

    def __init__(self, tell: Tell, seconds: float = 2.0) -> None:
        """``tell`` hears it."""
        self._tell = tell
        self._seconds = seconds
        self._last = time.monotonic()

    def __call__(self, text: str) -> None:
        """Say it, unless something was said just now."""
        if time.monotonic() - self._last >= self._seconds:
            self._tell(text)
            self._last = time.monotonic()


@contextlib.contextmanager
def faults(place: Path) -> Iterator[None]:
    """Turn what the disk says into a BackupError that names path and remedy."""
    try:
        with told(place):
            yield
    except SpoolError as error:
        raise BackupError(str(error)) from error


def folder(path: Path) -> Path:
    """Make a folder and those above it, for its owner alone; gives it. Raises OSError."""
    if not path.is_dir():
        folder(path.parent)  # mkdir's own parents would be open to others
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)
    return path


def copy(source: Path, target: Path) -> None:
    """Copy a file, for its owner alone, over what is there; empty blocks stay holes. Raises OSError."""
    folder(target.parent)
    with source.open("rb") as read, os.fdopen(_create(target), "wb") as write:
        while block := read.read(_BLOCK):
            if block == _EMPTY[: len(block)]:
                write.seek(len(block), os.SEEK_CUR)
            else:
                write.write(block)
        write.truncate()


def place(source: Path, target: Path) -> None:
    """Give a file that never changes a second name, or copy it where that can't be. Raises OSError."""
    folder(target.parent)
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        copy(source, target)


def write(target: Path, text: bytes) -> None:
    """Write a small file, for its owner alone. Raises OSError."""
    folder(target.parent)
    with os.fdopen(_create(target), "wb") as file:
        file.write(text)


def sync(place: Path) -> None:
    """Write out everything below a folder, so that it survives a power failure; nothing else is waited for.

    What has a second name was written out by whoever gave it the first. Raises OSError.
    """
    for path, _, names in os.walk(place):
        for name in names:
            file = Path(path) / name
            status = file.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                sync_file(file)
        sync_folder(Path(path))


@contextlib.contextmanager
def draft(path: Path) -> Iterator[Path]:
    """Give a folder beside ``path`` to write to, empty and ours alone; it is removed where the block fails.

    What an earlier one left that was killed is removed. Raises BackupError.
    """
    place = path.with_name(f".{path.name}.part")
    with faults(place):
        place.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        place.mkdir(mode=FOLDER_MODE, exist_ok=True)
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(
                f"{place}: another backup writes there now; wait for it, or name another folder"
            ) from None
        with faults(place):
            for left in place.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield place
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    finally:
        os.close(handle)


def _create(target: Path) -> int:
    """Open a file to be written, 0600. Raises OSError."""
    target.unlink(missing_ok=True)
    return os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
