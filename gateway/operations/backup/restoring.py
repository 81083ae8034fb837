"""Restores a set into a home, and holds what was pending in it: nothing leaves until a person says so.

What is there already is never removed: it is moved aside within the home, and a database on a server is dumped there
before its tables are dropped. The configuration file of the machine is left alone; the one of the set is told.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from django.core.management import call_command
from django.db import DatabaseError

from gateway import halfway
from gateway.config import Config
from gateway.operations import hold
from gateway.operations.backup import databases, files
from gateway.operations.backup import manifest as manifests
from gateway.operations.backup.databases import SQLITE_FILE, Described
from gateway.operations.backup.making import COUNTERS, DELIVERIES, FOLDERS, LEDGER
from gateway.operations.backup.manifest import BackupError, Manifest, Tell
from gateway.spool.deliveries import Deliveries
from gateway.spool.disk import SpoolError, make_folder, sync_folder
from gateway.spool.quarantine import Quarantine

_ENTRIES = (*FOLDERS, "tls", "spool", LEDGER, SQLITE_FILE, f"{SQLITE_FILE}-wal", f"{SQLITE_FILE}-shm")
_BEAT_SECONDS = 7.0  # ingest says every five that it lives

Copy = Callable[[Path, Path], None]


class Restored(msgspec.Struct, frozen=True):
    """What was restored: what its set says, what waits for a person, and where that lies which was there before."""

    manifest: Manifest
    waiting: hold.Waiting
    aside: Path | None


def restore(config: Config, source: Path, home: Path, tell: Tell, *, overwrite: bool = False) -> Restored:
    """Restore a set into ``home`` and its database. The configuration's own database is used where it is on a server.

    Raises BackupError; where that comes after the set was found to be whole, the home is held and no gateway may start
    on it before a restore has succeeded.
    """
    source, home = source.absolute(), home.absolute()
    manifest = manifests.read(source)
    described = _described(config, home, manifest)
    _require_quiet(home)
    present = _present(home)
    full = manifest.database == "postgresql" and not databases.is_empty(described)
    if (present or full) and not overwrite:
        what = ", ".join([*(path.name for path in present), *(["its database"] if full else [])])
        raise BackupError(
            f"{home}: a node lives there ({what}); name another folder with --into, "
            "or say --overwrite to have it moved aside"
        )
    manifests.verify(source, manifest, tell)
    try:
        with files.faults(home), databases.known_to_django(described) as alias:
            aside = _make_aside(home, described, tell, full=full) if present or full else None
            # From here on nothing starts on the home until all is there, and it is held, whatever comes.
            halfway.begin(home)
            hold.place(home, manifest.ended)
            if full:
                databases.clear(described)
            if aside is not None:
                _move_aside(aside, present)
            take(source, manifest, home, files.copy, tell)
            databases.load(source, manifest.database, described, tell)
            tell("database: migrations")
            call_command("migrate", database=alias, interactive=False, verbosity=0)
            waiting = hold.waiting(alias)
            files.sync(home)
            halfway.end(home)
    except (DatabaseError, SpoolError) as error:
        raise BackupError(f"{home}: not restored: {error}") from error
    return Restored(manifest, waiting, aside)


def take(source: Path, manifest: Manifest, home: Path, put: Copy, tell: Tell) -> None:
    """Put the files of a set into a home; ``put`` copies one. Raises OSError, BackupError, SpoolError."""
    count = 0
    for name in manifest.files:
        kind, _, rest = name.partition("/")
        if kind in ("home", "tls"):
            put(source / name, home / (rest if kind == "home" else name))
            count += 1
            tell(f"restored {count} files")
    for name in (*FOLDERS, "spool/quarantine"):
        files.folder(home / name)
    _take_deliveries(source / DELIVERIES, home / "spool")


def _described(config: Config, home: Path, manifest: Manifest) -> Described:
    """Give the database to restore into. Raises BackupError where it is of another kind."""
    own = databases.own()
    configured = "sqlite" if config.database.url == "sqlite" else databases.kind(own)
    if configured != manifest.database:
        raise BackupError(
            f"the set holds a database of the kind {manifest.database}, database.url names {configured}: "
            "set database.url to one of the set's kind"
        )
    return {**own, "NAME": home / SQLITE_FILE} if configured == "sqlite" else own


def _require_quiet(home: Path) -> None:
    """Make sure that no gateway runs on the home. Raises BackupError."""
    for lock in (home / "run.lock", *home.glob("locks/smtp*")):
        with contextlib.suppress(OSError), lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError(f"{home}: a gateway runs there ({lock.name}); stop all its services first") from None
    beat = home / "status" / "ingest.json"
    with contextlib.suppress(FileNotFoundError):
        last = beat.stat().st_mtime
        if (left := last + _BEAT_SECONDS - time.time()) > 0:
            time.sleep(min(left, _BEAT_SECONDS))
            if beat.stat().st_mtime > last:
                raise BackupError(f"{home}: ingest runs there; stop all services of the gateway first")


def _present(home: Path) -> list[Path]:
    """Give what of a node's state is there: folders that hold something, and files."""
    found = [*(home / name for name in _ENTRIES), *home.glob(COUNTERS)]
    quarantine = Quarantine(home / "spool")
    return [
        path
        for path in found
        if (path.is_file() or (path.is_dir() and any(path.iterdir())))
        and (path.name != "spool" or next(quarantine.ids(), None) is not None or _has_more(path))
    ]


def _has_more(spool: Path) -> bool:
    """Whether a spool holds more than a quarantine without messages."""
    return any(path.name != "quarantine" for path in spool.iterdir())


def _make_aside(home: Path, described: Described, tell: Tell, *, full: bool) -> Path:
    """Make the place for what is there, and dump a database on a server into it. Raises BackupError, OSError."""
    aside = home / f"before-restore-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    make_folder(aside)
    if full:
        databases.dump(described, aside, tell)
    return aside


def _move_aside(aside: Path, present: list[Path]) -> None:
    """Move what is there aside. Raises OSError."""
    for path in present:
        path.rename(aside / path.name)
    sync_folder(aside.parent)


def _take_deliveries(source: Path, spool: Path) -> None:
    """Remember the deliveries that the set names, each as old as it is. Raises OSError, BackupError, SpoolError."""
    try:
        known = msgspec.json.decode(source.read_bytes(), type=dict[str, tuple[str, float]])
    except msgspec.MsgspecError as error:
        raise BackupError(f"{source}: damaged, {error}; take another backup") from error
    Deliveries(spool)
    folder = spool / "deliveries"
    for name, (target, at) in known.items():
        if "/" not in name and "/" not in target:
            (folder / name).symlink_to(target)
            os.utime(folder / name, (at, at), follow_symlinks=False)
    sync_folder(folder)
