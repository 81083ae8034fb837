"""A client that comes again with what was done already gets its ``250``, and nobody a second copy."""

import asyncio
import hashlib
from collections.abc import Sequence

from gateway.mail.decisions import Action, Disposition
from gateway.mail.reply import Reply
from gateway.mail.trace import RecipientTrace, Trace
from gateway.outcome.case import Means
from gateway.spool.disk import SpoolError
from gateway.spool.item import Copy, Purpose
from gateway.spool.quarantine import Quarantine

DONE_BEFORE = Reply(250, "2.0.0", "accepted before")


def delivery_key(trace: Trace, recipients: Sequence[RecipientTrace]) -> str:
    """Give the name by which a delivery is remembered: sender, these recipients, and content."""
    who = sorted(each.address.lower() for each in recipients)
    text = "\0".join([trace.listener, trace.sender or "", *who, trace.sha256])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


async def settle_as_before(trace: Trace, recipients: Sequence[RecipientTrace], known: str, means: Means) -> Reply:
    """Settle a retry of what a transaction has done already, as it was done then; there is no second copy."""
    kept = await asyncio.to_thread(_kept, means.quarantine, known)
    for each in recipients:
        dropped = each.decision is not None and each.decision.action is Action.DROP
        each.disposition = Disposition.DROPPED if dropped else _as_then(each.delivered_to.lower(), kept)
    trace.because = f"transaction {known} did it already, and the client may not have read its 250"
    return DONE_BEFORE


def _kept(quarantine: Quarantine, known: str) -> tuple[Copy, ...]:
    """Give what a transaction has kept and what is still there."""
    try:
        return tuple(quarantine.read(known)[0].copies)
    except SpoolError:
        return ()


def _as_then(address: str, kept: Sequence[Copy]) -> Disposition:
    """Say what became of a recipient's message, by what is kept of it; several share one redirected copy."""
    if any(each.purpose is Purpose.REVIEW and each.recipient.lower() == address for each in kept):
        return Disposition.QUARANTINED
    redirected = any(each.purpose is Purpose.REDIRECT for each in kept)
    return Disposition.REDIRECTED if redirected else Disposition.DELIVERED
