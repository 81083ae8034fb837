"""Backups: the last one, the last proof that one can be restored, and what a restore has left waiting."""

import time
from collections.abc import Iterator

from gateway import installation
from gateway.config import Config
from gateway.operations import hold
from gateway.operations.backup import records
from gateway.operations.backup.records import moment
from gateway.operations.doctor.result import Result, fail, ok, warn

_HOURS_TOLD = 48  # from here on in days
_MAKE = f"run {installation.PROGRAM} backup FOLDER each night; of one by a timer see journalctl -u backstop-backup"
_PROVE = f"run {installation.PROGRAM} prove FOLDER, which says what is wrong; by a timer: journalctl -u backstop-proof"


def made(config: Config) -> Iterator[Result]:
    """Tell of the last backup and the last proof."""
    backup, proof = records.last_backup(config), records.last_proof(config)
    now = time.time()
    if backup is None:
        yield warn("backup", "none has been made on this node", _MAKE)
    else:
        text = f"the last is of {moment(backup.at)}, {age(now - backup.at)} old: {backup.messages} quarantined messages"
        late = now - backup.at > config.backup.days * 86_400
        yield fail("backup", f"{text}; that is too old", _MAKE) if late else ok("backup", text)
    if proof is None:
        never = f"no backup has been proven; {installation.PROGRAM} prove FOLDER does it"
        yield (warn if records.trouble(config) is None or backup is None else fail)("proof", never, _PROVE)
        return
    text = f"the last is of {moment(proof.at)}, {age(now - proof.at)} old"
    if not proof.good:
        yield fail("proof", f"{text}, and it failed: {'; '.join(proof.failed)}", _PROVE)
    elif proof.stale(config.backup.days):
        yield fail(
            "proof",
            f"{text}, of the backup of {moment(proof.made)}; later ones have not come to where it is fetched from",
            "journalctl -u backstop-backup, or whatever carries the sets away",
        )
    elif proof.age(now) > config.backup.proof_days:
        yield fail("proof", f"{text}; that is too old", _PROVE)
    else:
        yield ok("proof", f"{text}, of the backup of {moment(proof.made)}: {'; '.join(proof.proven)}")


def restored(config: Config) -> Iterator[Result]:
    """Tell whether this node was restored, and waits for a person."""
    held = hold.of(config)
    if held is None:
        yield ok("restored", "nothing is held")
        return
    yield fail(
        "restored",
        f"{told(held)}; {hold.waiting()} wait, and nothing leaves by itself",
        f"look at what waits, then {installation.PROGRAM} resume, or resume --keep to decide on each in quarantine",
    )


def told(held: hold.Hold) -> str:
    """Say what is known of a restore."""
    if not held.restored:
        return "this node was restored, and restored.json can't be read"
    return f"this node was restored at {moment(held.restored)} from a backup of {moment(held.made)}"


def age(seconds: float) -> str:
    """Give an age in words."""
    hours = round(max(0.0, seconds) / 3600)
    if hours < _HOURS_TOLD:
        return f"{hours} hour{'' if hours == 1 else 's'}"
    return f"{hours // 24} days"
