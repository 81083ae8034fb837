"""Proves that a set can be restored, by restoring it into a scratch place and trying what it holds.

The scratch place is a folder below the home and a database of its own; both are removed afterwards. No process is
started on it and it is held as every restored node is, so nothing of it can send mail. The node's own state is only
told the result.
"""

import fcntl
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from django.core.management import call_command
from django.db import DatabaseError

from gateway.config import Config
from gateway.operations import alarms, hold
from gateway.operations.backup import databases, files, probe, records, restoring
from gateway.operations.backup import manifest as manifests
from gateway.operations.backup.manifest import BackupError, Manifest, Tell
from gateway.operations.backup.records import Proof
from gateway.operations.backup.trials import TRIALS, Scene, TrialError
from gateway.spool.disk import SpoolError, make_folder

_LOCK = "prove.lock"
_SCRATCH = "proof"

log = logging.getLogger(__name__)


def prove(config: Config, source: Path, tell: Tell) -> Proof:
    """Try a set, and remember the result; a failed one raises an alarm.

    Raises BackupError only where nothing could be tried for a reason that is not the set's: there is none, another
    proof runs, or the result can't be written.
    """
    source = source.absolute()
    try:
        (source / manifests.FILE).stat()
    except OSError as error:  # what somebody mistyped says nothing of the backups
        why = f"{source}: nothing was tried, no backup set can be read there ({error.strerror})"
        raise BackupError(f"{why}; name the folder of a whole backup set, as the command backup writes it") from None
    made, proven, failed = 0.0, list[str](), list[str]()
    with _alone(config):
        try:
            manifest = manifests.read(source)
            made = manifest.ended
            manifests.verify(source, manifest, tell)
            proven.append(f"{len(manifest.files)} files are what the manifest says")
            with _restored(config, source, manifest, tell) as scene:
                _try_all(scene, proven, failed, tell)
        except (BackupError, DatabaseError, SpoolError) as error:
            failed.append(str(error))
        proof = Proof(time.time(), made, str(source), tuple(proven), tuple(failed))
        with files.faults(config.status_folder):
            records.note_proof(config, proof)
    if not proof.good:
        # A database that is away must not hide the result.
        with suppress(DatabaseError):
            alarms.raise_alarm(config.name, f"a backup could not be proven: {failed[0]}")
    return proof


def _try_all(scene: Scene, proven: list[str], failed: list[str], tell: Tell) -> None:
    """Try everything, whatever fails."""
    for trial in TRIALS:
        tell(f"trying {trial.__name__}")
        try:
            proven.append(trial(scene))
        except TrialError as error:
            failed.append(str(error))
        except Exception as error:  # a trial that breaks is a failed one, and must not hide the others
            log.exception("the trial %s broke", trial.__name__)
            failed.append(f"{trial.__name__}: {error}")


@contextmanager
def _restored(config: Config, source: Path, manifest: Manifest, tell: Tell) -> Iterator[Scene]:
    """Restore into the scratch place, and remove it afterwards. Raises BackupError, SpoolError, django.db.Error."""
    scratch = config.home / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with files.faults(scratch):
            make_folder(scratch)
            hold.place(scratch, manifest.ended)
            # Nothing of the scratch place is written to but its database: a second name is enough.
            restoring.take(source, manifest, scratch, files.place, tell)
            tried = msgspec.json.decode((source / probe.FILE).read_bytes(), type=probe.Probe)
        with (
            databases.scratch(manifest.database, scratch, config.name) as described,
            databases.known_to_django(described) as alias,
        ):
            with files.faults(scratch):
                databases.load(source, manifest.database, described, tell)
            call_command("migrate", database=alias, interactive=False, verbosity=0)
            yield Scene(scratch, alias, manifest, tried, config.limits.session_seconds)
    except msgspec.MsgspecError as error:
        raise BackupError(f"{source / probe.FILE}: damaged, {error}; take another backup") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    """Let one proof run at a time. Raises BackupError."""
    path = config.status_folder / _LOCK
    with files.faults(path):
        make_folder(path.parent)
        file = path.open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError("another proof runs on this node now; wait for it") from None
        yield
