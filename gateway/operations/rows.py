"""The rows of a trace and of a quarantined item, not yet saved."""

from typing import Any

from django.utils import timezone

from gateway.mail.copies import Copy, Purpose
from gateway.mail.decisions import Disposition
from gateway.mail.trace import Trace
from gateway.models import QuarantinedCopy, Transaction, TransactionRecipient
from gateway.models.quarantine import CopyState
from gateway.operations import columns
from gateway.operations.columns import text
from gateway.spool.item import Item


def transaction_of(trace: Trace, record: dict[str, Any]) -> Transaction:
    """Give the row of a trace; ``record`` is the trace as plain JSON. Raises ValueError for a time that is none."""
    return Transaction(
        id=text(trace.id, 40),
        started=columns.moment(trace.started),
        node=text(trace.node, 255),
        revision=columns.integer(trace.revision),
        listener=text(trace.listener, 16),
        client_ip=columns.address(trace.client.ip),
        helo=text(trace.client.helo, 255),
        account=text(trace.client.account, 255),
        sender=None if trace.sender is None else text(trace.sender, 320),
        header_from=text(trace.header_from),
        subject=text(trace.subject),
        message_id=text(trace.message_id),
        size=columns.big_integer(trace.size),
        disposition=text(trace.disposition, 16),
        because=text(trace.because),
        reply=text(str(trace.reply or "")),
        duration_ms=trace.duration_ms,
        trace=record,
    )


def recipients_of(trace: Trace) -> list[TransactionRecipient]:
    """Give the rows of a trace's recipients."""
    return [
        TransactionRecipient(
            transaction_id=text(trace.id, 40),
            address=text(each.delivered_to, 320),
            action=each.decision.action.value if each.decision else "",
            disposition=each.disposition.value if each.disposition else "",
            because=text(each.decision.because) if each.decision else "",
            score=each.decision.score if each.decision else 0.0,
            reply=text(str(each.reply or "")),
        )
        for each in trace.recipients
    ]


def copies_of(trace: Trace) -> list[QuarantinedCopy]:
    """Give the rows of the copies that a trace says are kept."""
    reviewed = [
        Copy(each.delivered_to, each.route, each.decision)
        for each in trace.recipients
        if each.disposition is Disposition.QUARANTINED and each.decision is not None
    ]
    return [_copy(trace, trace.started, each) for each in (*reviewed, *trace.copies)]


def copies_of_item(item: Item) -> list[QuarantinedCopy]:
    """Give the rows of a quarantined item's copies."""
    return [_copy(item, item.received, each) for each in item.copies]


def _copy(message: Trace | Item, received: float, copy: Copy) -> QuarantinedCopy:
    """Give the row of one copy. One that leaves by itself is due at once."""
    leaves = copy.purpose.leaves_by_itself
    return QuarantinedCopy(
        message=text(message.id, 40),
        recipient=text(copy.recipient, 320),
        route=text(copy.route, 64),
        sender=text(message.sender or "", 320),
        header_from=text(message.header_from),
        subject=text(message.subject),
        client_ip=columns.address(message.client.ip),
        received=columns.moment(received),
        size=columns.big_integer(message.size),
        check_name=text(copy.decision.check or "", 64),
        symbol=text(copy.decision.symbol or "", 64),
        score=copy.decision.score,
        because=text(_because(copy)),
        purpose=copy.purpose.value,
        state=CopyState.RELEASING if leaves else CopyState.QUARANTINED,
        next_attempt=timezone.now() if leaves else None,
    )


def _because(copy: Copy) -> str:
    """Say why a copy is kept, in words that complete "kept, because"."""
    why = copy.decision.because
    match copy.purpose:
        case Purpose.REDIRECT:
            return f"it is redirected from {copy.instead_of}: {why}"
        case Purpose.COPY:
            return f"it is a copy of what was delivered to {copy.instead_of}"
        case Purpose.ORIGINAL:
            return f"it was stripped: {why}"
    return why
