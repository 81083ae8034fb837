"""One transaction's story, for people: found in the database, or still in a journal, and told in plain lines."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec
from django.db import DatabaseError

from gateway.mail.copies import Purpose
from gateway.mail.findings import Observation
from gateway.mail.trace import RecipientTrace, Trace
from gateway.models import QuarantinedCopy, Transaction
from gateway.operations import columns
from gateway.spool.reading import JournalReader
from gateway.spool.records import TraceRecord, decode


def find_trace(id: str, journals: Path) -> Trace | None:  # noqa: A002 - the trace's own word
    """Give the trace of that id, from the database, else from the journals.

    Raises SpoolError, and DatabaseError where the database can't be asked and no journal has it.
    """
    row, trouble = None, None
    try:
        row = Transaction.objects.filter(pk=id).first()
    except DatabaseError as error:
        trouble = error  # the journals keep an hour more than was ingested
    if row is not None:
        return msgspec.convert(row.trace, Trace)
    reader = JournalReader(journals)
    mark = msgspec.json.encode(id)
    for file in reversed(reader.files()):
        offset = 0
        while lines := reader.lines(file, offset):
            offset = lines[-1].end
            for line in lines:
                if mark in line.text and (trace := _trace_in(line.text)) and trace.id == id:
                    return trace
    if trouble is not None:
        raise trouble
    return None


def copies_of(id: str) -> list[QuarantinedCopy]:  # noqa: A002 - the trace's own word
    """Give the quarantined copies of a transaction; none while the database is away."""
    try:
        return list(QuarantinedCopy.objects.filter(message=id).order_by("id"))
    except DatabaseError:
        return []


def tell(trace: Trace, copies: list[QuarantinedCopy]) -> Iterator[str]:
    """Give the story line by line: who, what was said, what was found, what was decided, what became of it."""
    client = trace.client
    yield f"{trace.id}  {columns.moment(trace.started):%Y-%m-%d %H:%M:%S} UTC  {trace.listener} at {trace.node}"
    yield f"{trace.disposition or 'no outcome'}, because {trace.because or 'nothing was decided'}"
    yield ""
    name = f" as {client.helo}" if client.helo else ""
    extra = [
        word
        for word in (
            client.tls,
            client.account and f"account {client.account}",
            client.forwarder and f"forwarder {client.forwarder}",
        )
        if word
    ]
    yield f"client   {client.ip}{name}{''.join(f', {word}' for word in extra)}"
    yield f"sender   {'none' if trace.sender is None else trace.sender or '<> (null sender)'}"
    if trace.size:
        yield f"message  {trace.size} octets, from {trace.header_from or '-'}, subject {trace.subject or '-'}"
    yield f"policy   revision {trace.revision}"
    yield from _section("what was said", (_event_line(each.at_ms, each.what, each.reply) for each in trace.events))
    yield from _section("what was found", (line for each in trace.observations for line in _observed(each)))
    yield from _section("recipients", (line for each in trace.recipients for line in _recipient(each)))
    known = {(copy.recipient, copy.purpose) for copy in copies}
    coming = (each for each in trace.copies if (each.recipient, each.purpose.value) not in known)
    told = (f"{each.recipient}: {each.purpose.words}, not in the database yet" for each in coming)
    yield from _section("copies", itertools.chain(map(_copy, copies), told))
    yield from _section("alarms", iter(trace.alarms))
    yield ""
    yield f"reply    {trace.reply or '-'}  ({trace.duration_ms:.1f} ms)"


def _trace_in(line: bytes) -> Trace | None:
    """Give the trace of a journal's line, None where it is something else."""
    try:
        record = decode(line)
    except (msgspec.MsgspecError, ValueError):
        return None
    return record.trace if isinstance(record, TraceRecord) else None


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    """Give the lines under a title, or nothing at all."""
    title_due = True
    for line in lines:
        if title_due:
            yield ""
            yield title
            title_due = False
        yield f"  {line}"


def _event_line(at_ms: float, what: str, reply: str) -> str:
    """Give one line of the timeline."""
    return f"{at_ms:9.1f} ms  {what}{f'  ->  {reply}' if reply else ''}"


def _observed(seen: Observation) -> Iterator[str]:
    """Give what one check said."""
    of = f" for {seen.recipient}" if seen.recipient else ""
    detail = f": {seen.detail}" if seen.detail else ""
    yield f"{seen.cost_ms:9.1f} ms  {seen.stage}  {seen.check}{of}  {seen.outcome}{detail}"
    for finding in seen.findings:
        yield f"              {finding.symbol} {finding.weight:+g}{f': {finding.detail}' if finding.detail else ''}"


def _copy(copy: QuarantinedCopy) -> str:
    """Give one line of a copy: whose it is, what for, and where it is by now."""
    said = f", {copy.next_hop_reply}" if copy.next_hop_reply else ""
    purpose = Purpose(copy.purpose)
    what = "" if purpose is Purpose.REVIEW else f"{purpose.words}, "
    return f"{copy.recipient}: {what}{copy.state}{said}"


def _recipient(each: RecipientTrace) -> Iterator[str]:
    """Give one recipient's part."""
    yield f"{each.address}: {each.disposition or 'no outcome'}"
    decision = each.decision
    if decision is not None:
        observed = f" (observe mode; else {decision.observed})" if decision.observed else ""
        yield f"    {decision.action}, because {decision.because}; score {decision.score:g}{observed}"
    if each.stripped:
        yield f"    taken out: {', '.join(each.stripped)}; the original is in quarantine"
    if each.next_hop_reply:
        yield f"    next hop {each.next_hop or '-'} said: {each.next_hop_reply}"
    if each.reply:
        yield f"    the client was told: {each.reply}"
