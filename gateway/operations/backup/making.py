"""Makes a backup set while the gateway runs. Nothing of the node is changed, and nothing waits for it.

Spool and small files are taken twice, before the database and after it, and the set holds both. A row without its bytes
could be mended by nobody; so what had a row when the database was dumped is there from the first time, unless it came
later than that. Bytes without a row, which the second time brings, get theirs by the sweep (``adopt``), and those whose
row says that they are settled are removed by it. The same holds for secrets, and for journals that ingest removes.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from django.db import DatabaseError

from gateway import halfway, installation
from gateway.config import Config, file_of
from gateway.operations.backup import databases, files, probe, records
from gateway.operations.backup import manifest as manifests
from gateway.operations.backup.manifest import FILE, FORMAT, BackupError, Entry, Manifest, Tell, entry_of
from gateway.operations.backup.records import BackupRecord
from gateway.spool.disk import SpoolError, sync_folder
from gateway.spool.item import decode
from gateway.spool.quarantine import ITEM, MESSAGE, Quarantine, place_of

FOLDERS = ("secrets", "policy", "learned", "journal")  # of the home, each flat
LEDGER = "ledger"
COUNTERS = "counters*"
DELIVERIES = "deliveries.json"
_ELSEWHERE = "name the gateway's state folder by --home or node.home"


def backup(config: Config, target: Path, tell: Tell, *, replace: bool = False, note_later: bool = False) -> Manifest:
    """Write a set to a folder that is not there yet, or to one that holds a set and may be replaced.

    It appears under its name when it is whole and on disk. Whoever carries it elsewhere has it noted later, by
    ``note``. Raises BackupError; nothing is left then.
    """
    if trouble := halfway.trouble(config.home):  # it would be the latest backup, and be restored
        raise BackupError(f"no backup was made: {trouble}")
    with files.faults(config.home):
        if not any((config.home / name).is_dir() for name in FOLDERS):
            raise BackupError(f"no backup was made: {config.home} holds nothing of a gateway; {_ELSEWHERE}")
    target = target.absolute()
    began = time.time()
    _check_target(target, replace=replace)
    try:
        with files.draft(target) as draft:
            with files.faults(draft):
                manifest = _fill(config, draft, began, tell)
                files.sync(draft)
                _install(draft, target)
            if not note_later:
                _note(config, target, manifest)
            return manifest
    except (DatabaseError, SpoolError) as error:
        raise BackupError(f"no backup was made: {error}") from error


def note(config: Config, target: Path) -> Manifest:
    """Remember that the set of a folder is where backups are kept. Raises BackupError."""
    manifest = manifests.read(target.absolute())
    _note(config, target.absolute(), manifest)
    return manifest


def _check_target(target: Path, *, replace: bool) -> None:
    """Say early what would go wrong at the end. Raises BackupError."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not replace:
        raise BackupError(f"{target}: is there already; name a new folder, or say --replace where it is an older set")
    if not (target / FILE).is_file():
        raise BackupError(f"{target}: is no backup set, and is not replaced; name another folder")


def _fill(config: Config, draft: Path, began: float, tell: Tell) -> Manifest:
    """Write everything into the draft. Raises BackupError, SpoolError, OSError, ``django.db.DatabaseError``."""
    try:
        version = installation.version()
    except installation.VersionError:
        version = "unknown"
    described = databases.own()
    _take_files(config, draft / "home", tell)
    migrations = databases.applied()
    if not migrations:
        raise BackupError(f"no backup was made: the database of {config.home} has no tables; {_ELSEWHERE}")
    databases.dump(described, draft, tell)
    messages = _take_files(config, draft / "home", tell)
    _take_deliveries(config, draft)
    _take_ledger(config, draft / "home")
    _take_configuration(config, draft)
    files.write(draft / probe.FILE, msgspec.json.encode(probe.made(config, draft)))
    entries, damaged = _entries(draft, tell)
    manifest = Manifest(
        format=FORMAT,
        version=version,
        node=config.name,
        began=began,
        ended=time.time(),
        database=databases.kind(described),
        migrations=migrations,
        messages=messages,
        files=entries,
        damaged=damaged,
        installation=databases.installation(),
    )
    files.write(draft / FILE, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return manifest


def _take_files(config: Config, home: Path, tell: Tell) -> int:
    """Take what is small, and the quarantine; gives how many messages there are now."""
    for name in FOLDERS:
        source = config.home / name
        files.folder(home / name)
        if source.is_dir():
            for path in sorted(source.iterdir()):
                if path.is_file() and not path.name.startswith("."):
                    _copy_if_there(path, home / name / path.name)
    for path in config.home.glob(COUNTERS):
        if path.is_file() and not path.name.endswith(".new"):
            _copy_if_there(path, home / path.name)
    return _take_quarantine(config.spool_folder, home / "spool", tell)


def _take_quarantine(source: Path, target: Path, tell: Tell) -> int:
    """Take every message that is not there yet; one that goes meanwhile is left out whole."""
    count = 0
    for message in Quarantine(source).ids():
        count += 1
        here, there = place_of(source, message), place_of(target, message)
        if there.exists():
            continue
        try:
            # The item comes last: as in the spool, it is what says that a message is there.
            for name in (MESSAGE, ITEM):
                files.place(here / name, there / name)
        except FileNotFoundError:
            shutil.rmtree(there, ignore_errors=True)
            count -= 1
        tell(f"quarantine: {count} messages")
    return count


def _take_deliveries(config: Config, draft: Path) -> None:
    """Note which deliveries are remembered, and since when."""
    known: dict[str, tuple[str, float]] = {}
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(config.spool_folder / "deliveries"):
            if not entry.name.startswith("."):
                with contextlib.suppress(OSError):
                    at = entry.stat(follow_symlinks=False).st_mtime
                    known[entry.name] = (os.readlink(entry.path), at)  # noqa: PTH115 - beside scandir
    files.write(draft / DELIVERIES, msgspec.json.encode(known))


def _take_ledger(config: Config, home: Path) -> None:
    """Take the ledger while it is written: an entry is there or is not, whichever moment is read."""
    _copy_if_there(config.home / LEDGER, home / LEDGER)


def _take_configuration(config: Config, draft: Path) -> None:
    """Take what lies outside the home: the configuration file, certificate and key."""
    source = file_of()
    if source is not None:
        files.copy(source, draft / "configuration" / "backstop.toml")
    _copy_if_there(config.certificate, draft / "tls" / "cert.pem")
    _copy_if_there(config.key, draft / "tls" / "key.pem")


def _copy_if_there(source: Path, target: Path) -> None:
    """Copy a file, unless it is gone meanwhile."""
    try:
        files.copy(source, target)
    except FileNotFoundError:
        if source.exists():
            raise


def _entries(draft: Path, tell: Tell) -> tuple[dict[str, Entry], list[str]]:
    """Read everything that the set holds; gives its entries, and the messages that are damaged in the spool itself."""
    entries: dict[str, Entry] = {}
    damaged = []
    for path in _files_of(draft):
        entries[str(path.relative_to(draft))] = entry_of(path)
        tell(f"checksums: {len(entries)} files")
    for name, entry in entries.items():
        if name.endswith(f"/{MESSAGE}"):
            item = draft / name.replace(MESSAGE, ITEM)
            try:
                if decode(item.read_bytes()).sha256 != entry.sha256:
                    damaged.append(item.parent.name)
            except (OSError, msgspec.MsgspecError):
                damaged.append(item.parent.name)
    return entries, damaged


def _files_of(folder: Path) -> Iterator[Path]:
    """Give every file below a folder."""
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in sorted(names))


def _install(draft: Path, target: Path) -> None:
    """Give the set its name; an older one goes once the new one stands in its place. Raises OSError."""
    aside = target.with_name(f".{target.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if (target / FILE).exists():
        target.rename(aside)
    draft.rename(target)
    sync_folder(target.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _note(config: Config, target: Path, manifest: Manifest) -> None:
    """Remember that there is a backup. Raises BackupError."""
    earlier = records.last_backup(config)
    since = earlier.since if earlier else manifest.ended
    record = BackupRecord(manifest.ended, since, str(target), manifest.messages, manifest.octets)
    with files.faults(config.status_folder):
        records.note_backup(config, record)
