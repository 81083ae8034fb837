"""Journals into the database: each line once, whatever happens in between.

The offset behind the last line is kept in the same database transaction as its rows, and moves by a conditional
UPDATE: two readers can't both take the same lines. Nothing is ever parsed out of a log: a line is a record.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from gateway.mail.trace import Trace
from gateway.models import JournalPosition, QuarantinedCopy, Transaction, TransactionRecipient
from gateway.operations import alarms, columns, dmarc, learning, refusals, release, rows
from gateway.operations.alarms import Raised
from gateway.spool.disk import told
from gateway.spool.reading import JournalFile, JournalReader, Line
from gateway.spool.records import AlarmRecord, TraceRecord, decode

BATCH = (
    500  # lines in one database transaction: under SQLite's limit of parameters, and short enough to let others write
)
KEEP_SECONDS = 3600.0  # how long a finished journal stays after its last line

log = logging.getLogger(__name__)


class Batch(msgspec.Struct):
    """What a run of lines comes to, not yet saved."""

    transactions: dict[str, Transaction] = {}
    traces: dict[str, Trace] = {}
    raised: list[Raised] = []
    damaged: list[Line] = []


def ingest_once(folder: Path, stopping: Callable[[], bool] = lambda: False) -> int:
    """Read all journals in ``folder`` up to their ends; gives how many lines were ingested.

    Ends early, between two batches, once ``stopping`` says so. Raises ``django.db.Error`` (nothing of the running batch
    is kept then) and SpoolError.
    """
    reader = JournalReader(folder)
    files = reader.files()
    known = dict(JournalPosition.objects.filter(name__in=map(_key, files)).values_list("name", "offset"))
    count = 0
    for file in files:
        offset = known.get(_key(file), 0)
        while not stopping() and (lines := reader.lines(file, offset, BATCH)):
            offset = _save(file, offset, lines)
            count += len(lines)
    return count


def tidy(folder: Path) -> int:
    """Remove journals that were finished and fully read an hour ago, and their positions; gives how many files."""
    reader = JournalReader(folder)
    files = {_key(file): file for file in reader.files()}
    count = 0
    for position in JournalPosition.objects.filter(name__startswith=f"{settings.CONFIG.name}/"):
        file = files.get(position.name)
        if file is None:
            position.delete()
        elif _outlived(file.path) and reader.fully_read(file, position.offset):
            # The file first: a position without a file is nothing, a file without a position is read again.
            with told(file.path):
                file.path.unlink(missing_ok=True)
            position.delete()
            count += 1
    return count


def waiting(folder: Path) -> int:
    """Give how many octets of the journals in ``folder`` nobody has ingested yet. Raises as ``ingest_once``."""
    files = JournalReader(folder).files()
    known = dict(JournalPosition.objects.filter(name__in=map(_key, files)).values_list("name", "offset"))
    octets = 0
    for file in files:
        with told(file.path), contextlib.suppress(FileNotFoundError):
            octets += max(0, file.path.stat().st_size - known.get(_key(file), 0))
    return octets


def _key(file: JournalFile) -> str:
    """Give the name under which a file's position is kept: nodes may share a database."""
    return f"{settings.CONFIG.name}/{file.name}"


def _outlived(path: Path) -> bool:
    """Whether nothing was written to the file for an hour."""
    with contextlib.suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime > KEEP_SECONDS
    return False


def _save(file: JournalFile, offset: int, lines: Sequence[Line]) -> int:
    """Save a run of lines and move the position behind it; gives the new offset.

    A line that the database refuses is found by trying each alone, and set aside.
    """
    batch = _understand(lines)
    try:
        _write(file, offset, lines[-1].end, batch)
    except (DataError, IntegrityError) as error:
        if len(lines) > 1:
            for line in lines:
                offset = _save(file, offset, [line])
            return offset
        log.warning("journal %s, octet %d: the database refuses the line: %s", file.name, lines[0].offset, error)
        _write(file, offset, lines[-1].end, Batch(damaged=list(lines)))
    return lines[-1].end


def _understand(lines: Sequence[Line]) -> Batch:
    """Make rows of lines. Where a transaction comes twice, the first counts: it was written before the reply."""
    batch = Batch()
    for line in lines:
        try:
            text = columns.json_line(line.text)
            record = decode(text)
            if isinstance(record, AlarmRecord):
                batch.raised.append(Raised(record.node, record.text, columns.moment(record.at)))
            elif record.trace.id not in batch.transactions:
                _add_trace(batch, record, text)
        except (msgspec.MsgspecError, ValueError):
            batch.damaged.append(line)
    return batch


def _add_trace(batch: Batch, record: TraceRecord, text: bytes) -> None:
    """Add a trace and what it raises. Raises ValueError."""
    trace = record.trace
    plain: dict[str, Any] = msgspec.json.decode(text)["trace"]
    row = rows.transaction_of(trace, plain)
    batch.transactions[row.id] = row
    batch.traces[row.id] = trace
    batch.raised.extend(Raised(trace.node, alarm, row.started) for alarm in trace.alarms)


def _write(file: JournalFile, offset: int, end: int, batch: Batch) -> None:
    """Save a batch and move the position from ``offset`` to ``end``, or nothing of it. Raises ``django.db.Error``."""
    if batch.damaged:
        _set_aside(file, batch.damaged)
        text = f"journal {file.name}: damaged lines were skipped; they are kept in {file.name}.bad"
        batch.raised.append(Raised(settings.CONFIG.name, text, columns.moment(time.time())))
    positions = JournalPosition.objects
    with transaction.atomic():
        if offset == 0:
            positions.bulk_create([JournalPosition(name=_key(file), offset=0)], ignore_conflicts=True)
        if not positions.filter(name=_key(file), offset=offset).update(offset=end):
            return  # somebody else has taken these lines meanwhile
        known = set(Transaction.objects.filter(id__in=batch.transactions).values_list("id", flat=True))
        new = [trace for name, trace in batch.traces.items() if name not in known]
        Transaction.objects.bulk_create(row for name, row in batch.transactions.items() if name not in known)
        TransactionRecipient.objects.bulk_create(row for trace in new for row in rows.recipients_of(trace))
        # The sweep may have adopted them before, from the spool.
        QuarantinedCopy.objects.bulk_create(
            [row for trace in new for row in rows.copies_of(trace)], ignore_conflicts=True
        )
        if leaving := [trace.id for trace in new if any(each.purpose.leaves_by_itself for each in trace.copies)]:
            transaction.on_commit(lambda: release.ring_for(leaving))
        learning.take_in(new)
        refusals.take_in(new)
        dmarc.take_in(new)
        alarms.raise_all(batch.raised)


def _set_aside(file: JournalFile, lines: Sequence[Line]) -> None:
    """Keep the text of damaged lines beside the journal, each once, headed by its offset. Raises SpoolError."""
    path = file.path.with_name(f"{file.name}.bad")
    with told(path):
        kept = set()
        with contextlib.suppress(FileNotFoundError):
            kept = {line.partition(b" ")[0] for line in path.read_bytes().splitlines()}
        with path.open("ab") as bad:
            for line in lines:
                if b"%d" % line.offset not in kept:
                    bad.write(b"%d %s\n" % (line.offset, line.text))
        path.chmod(0o600)
