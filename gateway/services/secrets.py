"""Secrets: each in a 0600 file of its own, named by an id. Never logged, never part of policy or export."""

import re
import secrets as randomness
from pathlib import Path

from gateway.spool.disk import make_folder, sync_folder, write_file

_ID = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,199}")
_cache: dict[Path, tuple[tuple[int, int, int], str]] = {}


def read(folder: Path, id: str) -> str | None:  # noqa: A002 - the design's word
    """Give the text without the line end behind it, or None where there is none.

    Cached by the file's identity, size and time of change, so that a look-up costs one system call. Raises ValueError
    for an id that is none, OSError where the file can't be read.
    """
    file = _file(folder, id)
    try:
        status = file.stat()
    except FileNotFoundError:
        _cache.pop(file, None)
        return None
    state = (status.st_mtime_ns, status.st_ino, status.st_size)
    known = _cache.get(file)
    if known is None or known[0] != state:
        known = _cache[file] = (state, file.read_text(encoding="utf-8").rstrip("\r\n"))
    return known[1]


def write(folder: Path, id: str, text: str) -> None:  # noqa: A002 - the design's word
    """Store, atomically and durably, readable by the owner only. Raises ValueError for an id that is none, OSError."""
    file = _file(folder, id)
    make_folder(folder)
    # The blank keeps the passing name out of the ids.
    passing = folder / f".{id} {randomness.token_hex(8)}"
    try:
        write_file(passing, [text.encode()])
        passing.replace(file)
    except BaseException:
        passing.unlink(missing_ok=True)
        raise
    _cache.pop(file, None)
    sync_folder(folder)


def destroy(folder: Path, id: str) -> bool:  # noqa: A002 - the design's word
    """Remove for good; tells whether there was one. Raises ValueError for an id that is none, OSError."""
    file = _file(folder, id)
    _cache.pop(file, None)
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    sync_folder(folder)
    return True


def _file(folder: Path, id: str) -> Path:  # noqa: A002 - the design's word
    """Give the file of an id. Raises ValueError: an id must never be a way out of the folder."""
    if not _ID.fullmatch(id):
        raise ValueError(f"{id!r} can't name a secret: use a-z, 0-9, '.', '_' and '-', and no dot in front")
    return folder / id
