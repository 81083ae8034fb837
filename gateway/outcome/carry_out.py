"""Carries decisions out: stage, relay, commit, and only then the reply.

This file keeps the first promise: ``250`` means that the next hop has the message, or that it is durably in quarantine,
or that it was dropped on purpose and the drop is durably on record. Nothing here decides what a message is worth.

The order, for a message with several recipients:

1. one recipient must be deferred: ``451`` for all, nothing is done;
2. all are refused: ``5xx``; some are: their copies join the quarantined ones, for one reply must fit all;
3. copies are staged, on disk, synced, invisible: what is quarantined, what goes to another mailbox of ours, and the
   original of what is stripped;
4. the relay runs; anything but ``2xx`` discards what was staged, and its code is the reply;
5. what was staged is committed, the record is synced, and the reply is ``250``.

A client that asked for a reply for each recipient (PRDR) hears of each one apart: who is refused or deferred is settled
first, and the steps are taken for the others.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from gateway.delivery import headers
from gateway.mail.decisions import Action, Disposition
from gateway.mail.reply import Reply
from gateway.mail.trace import RecipientTrace, Trace
from gateway.outcome.case import Case, Means, action_of, decision_of, settle
from gateway.outcome.instead import instead_of_reject, quarantine_for_forwarder, too_large
from gateway.outcome.relaying import ROUTE_FAULT, relay
from gateway.outcome.retries import delivery_key, settle_as_before
from gateway.outcome.strip import strip
from gateway.outcome.summary import finish, with_id
from gateway.policy.decide import decide
from gateway.spool.copies import copies_of
from gateway.spool.disk import SpoolError
from gateway.spool.item import Copy, Item, Purpose
from gateway.spool.records import TraceRecord, encode
from gateway.spool.staging import Staged

NO_SPACE = Reply(452, "4.3.1", "not enough storage at the moment, please try again")
QUARANTINE_FULL = Reply(550, "5.7.1", "message refused by policy")
ACCEPTED = Reply(250, "2.0.0", "accepted")

_KEEPS_NOTHING = {Action.REJECT, Action.DEFER, Action.DROP}
_DONE = {
    Action.QUARANTINE: Disposition.QUARANTINED,
    Action.REDIRECT: Disposition.REDIRECTED,
    Action.DROP: Disposition.DROPPED,
}
_KEPT = {Disposition.QUARANTINED, Disposition.REDIRECTED}


class _NoRoomError(SpoolError):
    """The quarantine is full."""


class CarriedOut(msgspec.Struct, frozen=True):
    """What came of it: the reply for the message as a whole, and the key of what was done."""

    reply: Reply
    key: str


async def carry_out(case: Case, means: Means) -> CarriedOut:
    """Decide for every recipient that is still open, do it, record it, and give the one reply for all of them.

    Where recipients are answered apart, each has its own reply in the trace.
    """
    trace = case.trace
    waiting = [each for each in trace.recipients if each.disposition is None]
    for each in waiting:
        if each.decision is None:
            each.decision = decide(trace, case.policy, each.address)
        if not case.content.kept and action_of(each) not in _KEEPS_NOTHING:
            each.decision = too_large(case, decision_of(each))
    if not case.apart:
        reply = await _do(case, means, waiting)
        return CarriedOut(await _record(trace, means, waiting, reply), case.key)
    taken = _answer_apart(trace, waiting)
    key = delivery_key(trace, taken)
    if taken:
        if (known := means.done_before(key)) is not None:
            reply = await settle_as_before(trace, taken, known, means)
        else:
            reply = await _do(msgspec.structs.replace(case, key=key), means, taken)
        for each in taken:
            each.reply = with_id(trace, reply)
    return CarriedOut(await _record(trace, means, waiting, _as_a_whole(waiting)), key)


def _answer_apart(trace: Trace, waiting: Sequence[RecipientTrace]) -> list[RecipientTrace]:
    """Settle who is refused or deferred, each with its own reply; gives the others."""
    for each in waiting:
        if action_of(each) is Action.DEFER:
            each.disposition, each.reply = Disposition.DEFERRED, with_id(trace, decision_of(each).reply or ROUTE_FAULT)
        elif action_of(each) is Action.REJECT:
            each.disposition = Disposition.REJECTED
            each.reply = with_id(trace, decision_of(each).reply or QUARANTINE_FULL)
    return [each for each in waiting if each.disposition is None]


def _as_a_whole(waiting: Sequence[RecipientTrace]) -> Reply:
    """Give the last reply, for the message as a whole: a client takes a refusal there for one of all recipients."""
    replies = [each.reply for each in waiting if each.reply is not None]
    if any(each.positive for each in replies):
        return ACCEPTED
    first = next((each for each in replies if each.temporary), replies[0] if replies else ROUTE_FAULT)
    return Reply(first.code, first.enhanced, "nobody takes this message" if first.permanent else "please try again")


async def _do(case: Case, means: Means, waiting: Sequence[RecipientTrace]) -> Reply:
    """Do what was decided; sets every recipient's disposition."""
    deferred = [each for each in waiting if action_of(each) is Action.DEFER]
    if deferred:
        settle(waiting, Disposition.DEFERRED)
        return decision_of(deferred[0]).reply or ROUTE_FAULT
    refused = [each for each in waiting if action_of(each) is Action.REJECT]
    if len(refused) == len(waiting):
        settle(waiting, Disposition.REJECTED)
        return decision_of(refused[0]).reply or QUARANTINE_FULL
    for each in refused:
        each.decision = instead_of_reject(case, each)
    try:
        sent = await strip(case.trace, case.policy, case.content, waiting, means.spool.incoming_path)
        case = msgspec.structs.replace(case, sent=sent.content, taken=sent.taken)
        staged = await _stage(case, means, waiting)
        refusal = await _relay_and_commit(case, means, waiting, staged)
    except _NoRoomError:
        return _no_room(case, waiting)
    except SpoolError as error:
        means.alarm(f"quarantine can not be written: {error}")
        settle([each for each in waiting if each.disposition is None], Disposition.DEFERRED)
        return NO_SPACE
    finally:
        if case.taken and case.sent is not None and case.sent.path is not None:
            await asyncio.to_thread(case.sent.path.unlink, missing_ok=True)
    if refusal is not None:
        return refusal
    copies = copies_of(case.policy, waiting)
    case.trace.copies = tuple(each for each in copies if each.purpose is not Purpose.REVIEW)
    for action, disposition in _DONE.items():
        settle([each for each in waiting if action_of(each) is action], disposition)
    return ACCEPTED


async def _relay_and_commit(
    case: Case, means: Means, waiting: Sequence[RecipientTrace], staged: Staged | None
) -> Reply | None:
    """Relay, then commit what was staged; gives the refusal where the next hop did not take it. Raises SpoolError."""
    relayed = [each for each in waiting if action_of(each).relays]
    answer = await relay(case, means, relayed) if relayed else ACCEPTED
    if not answer.positive:
        if staged is not None:
            await asyncio.to_thread(staged.discard)
        for each in relayed:
            each.stripped = ()  # nobody got it so
        if not (answer.permanent and case.trace.client.forwarder):
            settle(waiting, Disposition.DEFERRED if answer.temporary else Disposition.REJECTED)
            return answer
        # A 5xx would become a bounce at the forwarder: what was refused is quarantined.
        for each in relayed:
            each.decision = quarantine_for_forwarder(case, decision_of(each), answer)
        staged = await _stage(msgspec.structs.replace(case, taken=()), means, waiting)
    else:
        settle(relayed, Disposition.DELIVERED)
    if staged is not None:
        await asyncio.to_thread(_commit, staged, case, means)
    return None


async def _stage(case: Case, means: Means, waiting: Sequence[RecipientTrace]) -> Staged | None:
    """Stage the copies that are to be kept, where there are any. Raises SpoolError."""
    copies = copies_of(case.policy, waiting)
    if not copies:
        return None
    keep = means.config.retention
    if not await asyncio.to_thread(
        means.quarantine.has_room, case.content.size, keep.quarantine_bytes, keep.quarantine_min_free
    ):
        means.alarm(
            "the quarantine is full: what it should take is refused; free space on its disk, "
            "or raise retention.quarantine_bytes"
        )
        raise _NoRoomError(means.config.spool_folder, "the quarantine is full")
    return await asyncio.to_thread(means.spool.stage, _item(case, copies), case.content)


def _commit(staged: Staged, case: Case, means: Means) -> None:
    """Make the quarantined copies visible, for good. Raises SpoolError; then they are nowhere."""
    try:
        means.deliveries.announce(case.key, case.trace.id)
    except SpoolError:
        staged.discard()
        raise
    staged.commit()


def _no_room(case: Case, waiting: Sequence[RecipientTrace]) -> Reply:
    """Refuse while the quarantine is full; where others take the message, or a forwarder brought it, for now only."""
    if all(action_of(each) is Action.QUARANTINE for each in waiting) and not case.trace.client.forwarder:
        settle(waiting, Disposition.REJECTED)
        return QUARANTINE_FULL
    settle([each for each in waiting if each.disposition is None], Disposition.DEFERRED)
    return NO_SPACE


async def _record(trace: Trace, means: Means, waiting: Sequence[RecipientTrace], reply: Reply) -> Reply:
    """Finish the trace and write it; synced before the reply where it is all that tells of the message."""
    finish(trace, reply)
    for each in waiting:
        each.reply = each.reply or trace.reply
    line = encode(TraceRecord(trace))
    dropped = any(each.disposition is Disposition.DROPPED for each in waiting)
    kept = bool(trace.copies) or any(each.disposition in _KEPT for each in waiting)
    try:
        if dropped or kept:
            await asyncio.to_thread(means.journal.append_durably, line)
        else:
            means.journal.append(line)
    except SpoolError as error:
        means.alarm(f"journal can not be written: {error}")
        # What is kept carries its own record; a drop without one would be a loss.
        if dropped and not kept and not any(each.disposition is Disposition.DELIVERED for each in waiting):
            return NO_SPACE
    return trace.reply or reply


def _item(case: Case, copies: tuple[Copy, ...]) -> Item:
    """Describe what is kept."""
    trace = case.trace
    return Item(
        id=trace.id,
        received=trace.started,
        node=trace.node,
        revision=trace.revision,
        listener=trace.listener,
        client=trace.client,
        sender=trace.sender or "",
        parameters=trace.parameters,
        copies=copies,
        size=trace.size,
        sha256=trace.sha256,
        header_from=trace.header_from,
        subject=trace.subject,
        message_id=trace.message_id,
        results=headers.results_of(trace),
        delivery=case.key,
        stripped=case.taken,
    )
