"""Publishing: from the rows that people edit to the one file that the SMTP side reads.

    policy/<revision>.json    written once, never changed
    policy/current.json       the one in force; replaced by a rename, so that a reader sees the old or the new one

Nothing here decides what a policy means, and no secret is ever part of one.
"""

import contextlib
import json
import time
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from gateway import models
from gateway.operations import audit, keys, probe
from gateway.operations.building import build
from gateway.policy import codec
from gateway.policy.admission import open_domains
from gateway.policy.changes import changes
from gateway.policy.feed import FILE
from gateway.policy.location import PolicyError, line_of
from gateway.policy.snapshot import Snapshot
from gateway.spool.disk import replace_file

_SUMMARY_LINES = 200
_ALIVE_SECONDS = 15.0


class ProcessStatus(msgspec.Struct):
    """What one SMTP process says of itself. Times are seconds since the epoch."""

    slot: str
    pid: int
    revision: int | None = None
    revision_error: str | None = None
    started: float = 0.0
    heartbeat: float = 0.0
    connections: int = 0
    listeners: list[str] = []

    @property
    def alive(self) -> bool:
        """Whether it has said so lately."""
        return time.time() - self.heartbeat < _ALIVE_SECONDS


def publish_policy(who: str, *, probed: bool = False) -> models.PolicyRevision:
    """Publish the rows as they are: a new revision, or the last one where nothing has changed.

    Raises PolicyError where the rows make no valid policy, and then nothing has changed; OSError where the file can't
    be written. A next hop to which unknown recipients are left is probed before, where it is not known to refuse them,
    unless the caller has done that.
    """
    if not probed and (names := probe.unproven(draft := build(0, who))):
        probe.probe_domains(draft, names)
    folder = settings.CONFIG.policy_folder
    with transaction.atomic():
        # One at a time: the row is the lock.
        models.NodePolicy.load()
        models.NodePolicy.objects.select_for_update().get(pk=1)
        last = models.PolicyRevision.objects.first()
        number = max(last.number if last else 0, _installed()) + 1
        snapshot = build(number, who)
        text = codec.encode(snapshot)
        codec.decode(text, name=f"{number}.json")
        for fault in open_domains(snapshot, probe.accepting(snapshot)):
            raise PolicyError(f"{number}.json", line_of(text.decode(), fault.place), fault.reason, fault.remedy)
        difference = changes(_stored(last), _plain(snapshot))
        if last is not None and not difference:
            revision, number, text = last, last.number, codec.encode(_snapshot_of(last))
        else:
            revision = models.PolicyRevision.objects.create(
                number=number,
                published=datetime.fromisoformat(snapshot.published),
                by=who,
                summary=_summary(difference),
                snapshot=json.loads(text),
            )
            audit.record(who, "publish", str(revision), revision.summary)
            replace_file(folder / f"{number}.json", [text])
    before = _in_force()
    # Only what is on record may come into force; a stop right here is mended by publishing again.
    if _installed() != number:
        replace_file(folder / FILE, [text])
    in_force = codec.decode(text, name=f"{number}.json")
    keys.destroy_unneeded(before, in_force)
    probe.tell_unknown(in_force)
    return revision


def pending() -> list[str]:
    """Say what publishing now would change, one line for each difference."""
    return changes(_stored(models.PolicyRevision.objects.first()), _plain(build(1, "")))


def problem() -> str | None:
    """Say why the rows can't be published as they are, or None where they can."""
    snapshot = build(1, "")
    try:
        codec.decode(codec.encode(snapshot), name="policy")
    except PolicyError as error:
        return f"{error.reason}; {error.remedy}"
    fault = next(open_domains(snapshot, probe.accepting(snapshot)), None)
    return f"{fault.reason}; {fault.remedy}" if fault is not None else None


def applied() -> list[ProcessStatus]:
    """Give what each SMTP process of this node says of itself, by slot. A status that can't be read is left out."""
    found = []
    for path in sorted(settings.CONFIG.status_folder.glob("smtp-*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=ProcessStatus, strict=False))
    return sorted(found, key=lambda each: (len(each.slot), each.slot))


def _snapshot_of(revision: models.PolicyRevision) -> Snapshot:
    """Give the snapshot of a revision. Raises PolicyError."""
    return codec.decode(json.dumps(revision.snapshot).encode(), name=f"{revision.number}.json")


def _stored(revision: models.PolicyRevision | None) -> dict[str, Any]:
    """Give the last revision as built-in values; an empty policy where there is none, or none that is still valid."""
    empty = Snapshot(revision=1, published="", by="")
    if revision is None:
        return _plain(empty)
    try:
        return _plain(_snapshot_of(revision))
    except PolicyError:
        return _plain(empty)


def _plain(snapshot: Snapshot) -> dict[str, Any]:
    """Give a snapshot as built-in values."""
    plain: dict[str, Any] = json.loads(codec.encode(snapshot))
    return plain


def _summary(difference: list[str]) -> str:
    """Join the differences; of very many, the first."""
    lines = difference[:_SUMMARY_LINES]
    if more := len(difference) - len(lines):
        lines.append(f"and {more} more")
    return "\n".join(lines)


def _in_force() -> Snapshot | None:
    """Give the policy in force on this node, None where there is none that can be read."""
    try:
        return codec.load(settings.CONFIG.policy_folder / FILE)
    except PolicyError:
        return None


def _installed() -> int:
    """Give the revision in force on this node, 0 where there is none that can be read."""
    snapshot = _in_force()
    return 0 if snapshot is None else snapshot.revision
