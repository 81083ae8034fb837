"""The few things that make a change on disk last: files and folders written out before anybody relies on them.

It never swallows an error of the disk: each becomes a SpoolError that names the path and the remedy.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space, or delete quarantined messages",
    errno.EDQUOT: "the disk quota is used up; raise it, or delete quarantined messages",
    errno.EROFS: "the file system is read-only; mount it writable",
    errno.EACCES: "permission denied; the folder must belong to the user that the gateway runs as",
    errno.EPERM: "operation not permitted; the folder must belong to the user that the gateway runs as",
    errno.ENOENT: "no such file or folder; it was removed by something else than the gateway",
    errno.EIO: "the disk failed to read or write; check it",
    errno.EMFILE: "too many open files; raise the limit of the service (LimitNOFILE)",
}


class SpoolError(Exception):
    """The spool or the journal could not do it. The text names the path and the remedy; ``path`` is the path alone."""

    def __init__(self, path: Path, why: str) -> None:
        """Make the error out of a path and the sentence behind it."""
        super().__init__(f"{path}: {why}")
        self.path = path


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn any OSError of the block into a SpoolError about ``path``, or about the file that the error itself names."""
    try:
        yield
    except OSError as error:
        place = Path(error.filename) if isinstance(error.filename, str) else path
        why = _REMEDIES.get(error.errno or 0) or error.strerror or str(error)
        raise SpoolError(place, why) from error


def checked_name(name: str, folder: Path) -> str:
    """Give a message id or a slot back when it can name a file in ``folder``. Raises SpoolError otherwise."""
    if not _NAME.fullmatch(name):
        raise SpoolError(folder, f"{name!r} can't name a file here; it must be letters, digits, dots and dashes")
    return name


def sync_folder(folder: Path) -> None:
    """Write a folder's entries out: a name made in it, or moved to it, survives a power failure. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Write a file's octets out, whoever wrote them. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, each durable in its own parent before it is used. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(
        FileExistsError
    ):  # another process of ours may have been first; its entry needs the fsync too
        folder.mkdir(mode=FOLDER_MODE)
    sync_folder(folder.parent)


def write_file(path: Path, blocks: Iterable[bytes]) -> None:
    """Write a new file and its octets out. Its name is durable once its folder is synced. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(handle, "wb") as file:
        for block in blocks:
            file.write(block)
        file.flush()
        os.fsync(handle)


def replace_file(path: Path, blocks: Iterable[bytes]) -> None:
    """Put a file in its place, whole and durably: whoever reads it sees the old one or the new one. Raises OSError.

    Makes its folder where there is none. Two at once must not write the same file.
    """
    make_folder(path.parent)
    passing = path.with_name(f".{path.name}.new")
    passing.unlink(missing_ok=True)  # of one who was killed
    write_file(passing, blocks)
    passing.replace(path)
    sync_folder(path.parent)
