"""When the last backup was made, and what the last proof found: files in ``status/``, for doctor and console."""

import time
from pathlib import Path
from typing import TypeVar

import msgspec
from django.conf import settings

from gateway.config import Config
from gateway.operations import alarms
from gateway.spool.disk import replace_file

_BACKUP = "backup.json"
_PROOF = "proof.json"
_DAY = 86_400.0


class BackupRecord(msgspec.Struct, frozen=True):
    """The last backup. Times are seconds since the epoch; ``since`` is that of the first one of this home."""

    at: float
    since: float
    folder: str
    messages: int
    octets: int


class Proof(msgspec.Struct, frozen=True):
    """The last proof: when, of which backup (``made``), what was proven, and what failed."""

    at: float
    made: float
    folder: str
    proven: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    def age(self, now: float | None = None) -> float:
        """Give its age in days."""
        return ((time.time() if now is None else now) - self.at) / _DAY

    def stale(self, days: float) -> bool:
        """Whether the backup was older than so many days when it was proven: later ones did not arrive there."""
        return self.at - self.made > days * _DAY


Record = TypeVar("Record", BackupRecord, Proof)


def last_backup(config: Config) -> BackupRecord | None:
    """Give the last backup, None where there is none that is known."""
    return _read(config.status_folder / _BACKUP, BackupRecord)


def last_proof(config: Config) -> Proof | None:
    """Give the last proof, None where there is none that is known."""
    return _read(config.status_folder / _PROOF, Proof)


def note_backup(config: Config, record: BackupRecord) -> None:
    """Remember a backup. Raises OSError."""
    _write(config.status_folder / _BACKUP, record)


def note_proof(config: Config, proof: Proof) -> None:
    """Remember a proof. Raises OSError."""
    _write(config.status_folder / _PROOF, proof)


def trouble(config: Config, now: float | None = None) -> str | None:
    """Say why nobody can rely on the backups of this node; None where all is well, or none has ever been made."""
    now = time.time() if now is None else now
    backup, proof = last_backup(config), last_proof(config)
    days, proof_days = config.backup.days, config.backup.proof_days
    if backup is not None and now - backup.at > days * _DAY:
        return f"the last backup is of {moment(backup.at)}, which is more than {days:g} days ago"
    if proof is not None and not proof.good:
        return f"the last backup that was tried could not be proven: {proof.failed[0]}"
    if proof is not None and proof.stale(days):
        return (
            f"the backup that was proven last, at {moment(proof.at)}, is itself of {moment(proof.made)}: "
            "no later one has come to where it is fetched from"
        )
    if proof is not None and proof.age(now) > proof_days:
        return (
            f"the last proof that a backup can be restored is of {moment(proof.at)}, more than {proof_days:g} days ago"
        )
    if proof is None and backup is not None and now - backup.since > proof_days * _DAY:
        return f"no backup has been proven in {proof_days:g} days; whether one can be restored is not known"
    return None


def watch() -> None:
    """Raise an alarm where nobody can rely on the backups."""
    if why := trouble(settings.CONFIG):
        alarms.raise_alarm(settings.CONFIG.name, why)


def moment(at: float) -> str:
    """Give a time as it is told."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))


def _read(path: Path, kind: type[Record]) -> Record | None:
    """Read a record."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def _write(path: Path, record: BackupRecord | Proof) -> None:
    """Write a record, whole or not at all. Raises OSError."""
    replace_file(path, [msgspec.json.encode(record)])
