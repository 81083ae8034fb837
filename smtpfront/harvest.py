"""Holds off clients that try out who exists: what is unknown is answered slower, then nothing about recipients at all.

Unknown recipients of a client (an IPv6 address counts as its /64) are counted for an hour, whether our own check or the
next hop refused them; exactly, over all processes of a node. Trusted forwarders and allowed networks are spared.
"""

import asyncio

from gateway.mail.decisions import Action, Decision
from gateway.mail.prefix import prefix
from gateway.mail.reply import Reply
from gateway.mail.trace import RecipientTrace
from gateway.policy.snapshot import Rules
from gateway.services.counters import CountersUnreachable
from smtpfront.front import Front
from smtpfront.nexthop import UNKNOWN
from smtpfront.transaction import Transaction

TOO_MANY = Reply(450, "4.7.1", "too many unknown recipients from this client, please try later")
WINDOW = 3600.0
HELD_OFF_SECONDS = 900.0  # for which a client over its limit is told nothing about recipients
SLOWEST = 5.0
MAX_SLOW = 50  # replies of one process that may be slow at once: the others come at once, and no connection is spent


def held_off(front: Front, transaction: Transaction, each: RecipientTrace, rules: Rules) -> Reply | None:
    """Give the refusal of any recipient, known or not, to a client that is over its limit; None where it is not."""
    if not front.counters.get(_held_off_key(transaction)) or not _holds_for(transaction, rules):
        return None
    return _refused(transaction, each)


async def answer(front: Front, transaction: Transaction, each: RecipientTrace, rules: Rules, reply: Reply) -> Reply:
    """Count a recipient where its refusal says that it is unknown; gives the reply to it, in its time.

    Up to half of the limit at once, from there on later and later, above the limit a refusal for now.
    """
    limit = transaction.policy.snapshot.clients.unknown_per_hour
    unknown = each.decision is not None and each.decision.symbol == UNKNOWN
    if not unknown or limit is None or not _holds_for(transaction, rules):
        return reply
    client = prefix(transaction.trace.client.ip)
    try:
        count = await front.counters.count(f"unknown-recipients:{client}", WINDOW)
        if count > limit:
            await front.counters.put(_held_off_key(transaction), str(count), HELD_OFF_SECONDS)
    except CountersUnreachable as error:
        front.alarm(f"counters can not be reached: {error}")
        return reply
    if count > limit:
        transaction.note(f"the client named {count} unknown recipients within an hour, {limit} are allowed")
        return _refused(transaction, each)
    await _wait(front, seconds_for(count, limit))
    return reply


def seconds_for(count: int, limit: int) -> float:
    """Give for how long the reply to the ``count``-th unknown recipient of a client waits: 0, or 1 to 5 seconds."""
    half = limit / 2
    return 0.0 if count <= half else 1.0 + (SLOWEST - 1.0) * (count - half) / (limit - half)


async def _wait(front: Front, seconds: float) -> None:
    """Wait, where not too many wait already."""
    if not seconds or front.slow_replies >= MAX_SLOW:
        return
    front.slow_replies += 1
    try:
        await asyncio.sleep(seconds)
    finally:
        front.slow_replies -= 1


def _holds_for(transaction: Transaction, rules: Rules) -> bool:
    """Whether this client is counted at all, and the rules do more than observe."""
    policy = transaction.policy
    if policy.snapshot.observe or rules.observe or transaction.trace.listener != "inbound":
        return False
    return not policy.is_spared(transaction.trace.client)


def _refused(transaction: Transaction, each: RecipientTrace) -> Reply:
    """Refuse a recipient for now."""
    because = "this client has named too many unknown recipients within an hour"
    each.decision = Decision(Action.DEFER, because, "harvest")
    return transaction.refuse(each, TOO_MANY)


def _held_off_key(transaction: Transaction) -> str:
    """Name a client in the store of those that are held off."""
    return f"held-off:{prefix(transaction.trace.client.ip)}"
