"""The ledger's store: one file of fixed size, shared by all SMTP processes of a node. Needs no server.

The file is a hash table: a header, then buckets of eight entries of sixteen octets: twelve of the hash, four of time.
An entry lies within one sector and is written by one ``pwrite``: after ``kill -9`` or a power failure it is there or it
is not. A look-up is one ``pread`` without a lock; writers take turns by ``flock``. A full bucket loses its oldest.
The file is read and written by system calls and not mapped: a full disk is an error then, not the end of the process.
"""

import contextlib
import fcntl
import logging
import os
import secrets as randomness
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from gateway.backscatter.ledger import HashedLedger, Ledger, Mac, NoLedger
from gateway.services import secrets

log = logging.getLogger("ledger")

SECRET = "ledger"  # the id of the secret that keys the hashes  # noqa: S105 - an id, not a secret
ENTRIES_A_MEGABYTE = 65_536
ENTRIES = 64 * ENTRIES_A_MEGABYTE  # a million messages to one or two recipients each

_MAGIC = b"BACKSTOP-LEDGER1"
_HEADER = struct.Struct("<16sQ")
_FIRST = 128  # octets before the first bucket
_TIME = struct.Struct("<I")
_ENTRY = 16
_TAG = 12
_SLOTS = 8
_BUCKET = _ENTRY * _SLOTS


class LedgerError(Exception):
    """The ledger can't be opened. The text names the file and the remedy."""


class FileStore:
    """A bounded memory of hashes in a file. One a process; safe between threads and processes."""

    def __init__(self, path: Path, entries: int = ENTRIES, *, writable: bool = True) -> None:
        """Open, and make the file where there is none; one that is there keeps its size, and another wish is logged.

        The hashes that it holds can't be put into a table of another size: it keeps but a part of each.
        A file that is damaged is put aside, for a memory that lies is worse than none. Raises LedgerError.
        """
        self.path = path
        self.writable = writable
        self._turn = threading.Lock()
        try:
            self._handle, self._buckets = _open(path, max(1, entries // _SLOTS), writable=writable)
        except OSError as error:
            raise LedgerError(
                f"{path}: {error.strerror}; the folder must be there, writable and not on a full disk"
            ) from error

        if writable and self.entries != max(1, entries // _SLOTS) * _SLOTS:
            log.warning(
                "%s was made with %d entries and keeps them, though %d are configured; to change its size, stop the "
                "gateway and remove the file: what was sent until then is forgotten, tags and seals still prove it",
                *(path, self.entries, entries),
            )

    @property
    def entries(self) -> int:
        """How many entries the file has room for."""
        return self._buckets * _SLOTS

    def get(self, mac: Mac) -> float | None:
        """Give the time of a hash, or None where it is not there (any more). Raises OSError where the disk fails."""
        bucket = os.pread(self._handle, _BUCKET, self._place(mac))
        at = _slot_of(bucket, mac[8:20])
        return None if at is None else float(_TIME.unpack_from(bucket, at + _TAG)[0])

    def put(self, mac: Mac, at: float) -> None:
        """Remember a hash, or move its time forward. Raises OSError where the disk is full or fails."""
        if not self.writable:
            return
        place, tag, when = self._place(mac), mac[8:20], max(1, min(int(at), 0xFFFFFFFF))
        with self._locked():
            bucket = os.pread(self._handle, _BUCKET, place).ljust(_BUCKET, b"\0")
            slot = _slot_of(bucket, tag)
            if slot is None:
                slot = _oldest(bucket)
            elif _TIME.unpack_from(bucket, slot + _TAG)[0] >= when:
                return
            os.pwrite(self._handle, tag + _TIME.pack(when), place + slot)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _place(self, mac: Mac) -> int:
        """Give where the bucket of a hash begins."""
        return _FIRST + int.from_bytes(mac[:8], "little") % self._buckets * _BUCKET

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one writer in at a time."""
        with self._turn:
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._handle, fcntl.LOCK_UN)


def open_ledger(
    home: Path, secrets_folder: Path, *, entries: int = ENTRIES, writable: bool = True
) -> tuple[HashedLedger, FileStore]:
    """Open a node's ledger under its home, and make its file and secret where there are none.

    Where it is not ``writable``, nothing is made and nothing noted: what is asked changes nothing. Raises LedgerError.
    """
    store = FileStore(home / "ledger", entries, writable=writable)
    try:
        secret = secrets.read(secrets_folder, SECRET)
        if secret is None and writable:
            with store._locked():  # noqa: SLF001 - one of several processes makes the secret
                secret = secrets.read(secrets_folder, SECRET)
                if secret is None:
                    secret = randomness.token_hex(32)
                    secrets.write(secrets_folder, SECRET, secret)
    except OSError as error:
        store.close()
        raise LedgerError(f"{error.filename or secrets_folder}: {error.strerror}; the gateway must own it") from error
    return HashedLedger((secret or "").encode(), store, time.time), store


def peek(home: Path, secrets_folder: Path) -> Ledger:
    """Give a node's ledger to look at, without changing it; one that knows nothing where there is none.

    Raises LedgerError.
    """
    if not (home / "ledger").exists():
        return NoLedger()
    return open_ledger(home, secrets_folder, writable=False)[0]


def _open(path: Path, buckets: int, *, writable: bool) -> tuple[int, int]:
    """Open or make the file; gives its handle and the number of its buckets. Raises OSError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC if writable else os.O_RDONLY | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if writable else fcntl.LOCK_SH)
        header = os.pread(handle, _HEADER.size, 0)
        if not header and writable:
            os.ftruncate(handle, _FIRST + buckets * _BUCKET)
            os.pwrite(handle, _HEADER.pack(_MAGIC, buckets), 0)
            os.fsync(handle)
            header = os.pread(handle, _HEADER.size, 0)
        found = _buckets_of(header, os.fstat(handle).st_size)
        fcntl.flock(handle, fcntl.LOCK_UN)
    except BaseException:
        os.close(handle)
        raise
    if found is not None:
        return handle, found
    try:
        if not writable:
            raise OSError(0, "it is damaged, the gateway puts it aside when it starts")
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.samestat(os.fstat(handle), path.stat()):  # no other process has put it aside meanwhile
            aside = path.with_name(f"{path.name}.damaged")
            log.error("%s is damaged; it is kept as %s, and what was sent until now is forgotten", path, aside.name)
            path.replace(aside)
    finally:
        os.close(handle)
    return _open(path, buckets, writable=writable)


def _buckets_of(header: bytes, size: int) -> int | None:
    """Read a header: the number of buckets, or None where it is none, or does not fit the file's size."""
    if len(header) != _HEADER.size:
        return None
    magic, buckets = _HEADER.unpack(header)
    fits = magic == _MAGIC and buckets > 0 and size == _FIRST + buckets * _BUCKET
    return int(buckets) if fits else None


def _slot_of(bucket: bytes, tag: bytes) -> int | None:
    """Find the entry of a hash in its bucket."""
    at = bucket.find(tag)
    while at >= 0 and at % _ENTRY:
        at = bucket.find(tag, at + 1)
    return at if at >= 0 and bucket[at + _TAG : at + _ENTRY] != b"\0\0\0\0" else None


def _oldest(bucket: bytes) -> int:
    """Find the entry that goes: an empty one (its time is 0), else the oldest."""
    return min(range(0, _BUCKET, _ENTRY), key=lambda at: int(_TIME.unpack_from(bucket, at + _TAG)[0]))
