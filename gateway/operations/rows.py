"""The rows of a trace and of a quarantined item, not yet saved."""

from typing import Any

from gateway.mail.decisions import Decision, Disposition
from gateway.mail.trace import Trace
from gateway.models import QuarantinedCopy, Transaction, TransactionRecipient
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
    """Give the rows of the copies that a trace says are in quarantine."""
    return [
        _copy(trace, trace.started, each.delivered_to, each.route, each.decision)
        for each in trace.recipients
        if each.disposition is Disposition.QUARANTINED
    ]


def copies_of_item(item: Item) -> list[QuarantinedCopy]:
    """Give the rows of a quarantined item's copies."""
    return [_copy(item, item.received, each.recipient, each.route, each.decision) for each in item.copies]


def _copy(
    message: Trace | Item, received: float, recipient: str, route: str, decision: Decision | None
) -> QuarantinedCopy:
    """Give the row of one copy."""
    return QuarantinedCopy(
        message=text(message.id, 40),
        recipient=text(recipient, 320),
        route=text(route, 64),
        sender=text(message.sender or "", 320),
        header_from=text(message.header_from),
        subject=text(message.subject),
        client_ip=columns.address(message.client.ip),
        received=columns.moment(received),
        size=columns.big_integer(message.size),
        check_name=text((decision and decision.check) or "", 64),
        symbol=text((decision and decision.symbol) or "", 64),
        score=decision.score if decision else 0.0,
        because=text(decision.because) if decision else "",
    )
