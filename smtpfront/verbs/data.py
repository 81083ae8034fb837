"""DATA (RFC 5321 4.1.1.4): receive, scan, decide, carry out, reply. The sender is connected all the while."""

import asyncio

from gateway import pipeline
from gateway.mail.decisions import Disposition
from gateway.mail.message import Content, Headers
from gateway.mail.reply import Reply
from gateway.mail.stages import Stage
from gateway.outcome.carry_out import carry_out
from gateway.outcome.case import Case, Means
from gateway.outcome.retries import delivery_key, settle_as_before
from gateway.outcome.summary import finish
from gateway.services.expiry import within
from smtpfront import greylist
from smtpfront.receive import Receiver
from smtpfront.session import TIMED_OUT, Session
from smtpfront.transaction import Transaction
from smtpfront.verbs.simple import NO_ARGUMENT

NEED_MAIL = Reply(503, "5.5.1", "say MAIL first")
NO_RECIPIENTS = Reply(554, "5.5.1", "no valid recipients")
GO_AHEAD = b"354 end the message with a lone dot\r\n"
NO_SPACE = Reply(452, "4.3.1", "not enough storage at the moment, please try again")
HEADER_KEPT = 1000  # characters of a header field that the trace keeps


async def data(session: Session, rest: str) -> Reply | None:
    """Receive the message and answer for its fate."""
    transaction = session.transaction
    if transaction is None:
        return NEED_MAIL
    if rest:
        return NO_ARGUMENT
    if not transaction.accepted:
        return NO_RECIPIENTS
    session._write(GO_AHEAD)  # noqa: SLF001 - verbs are the session's other half
    front = session.front
    receiver = Receiver(
        front.spool.incoming_path(transaction.trace.id),
        limit=transaction.policy.snapshot.max_size,
        memory=front.config.limits.memory_per_message,
    )
    try:
        with within(front.config.limits.data_seconds):
            content = await receiver.receive(session.reader)
    except TimeoutError:
        await receiver.discard()
        session.note("DATA", TIMED_OUT)
        session.answer(TIMED_OUT)
        session.close()
        return None
    except EOFError:
        await receiver.discard()
        raise
    except OSError as error:
        # The rest of the message can not be told from commands any more: the connection ends here.
        await receiver.discard()
        front.alarm(f"spool can not be written: {error}; free space below {front.config.spool_folder}")
        session.note("DATA", NO_SPACE)
        session.answer(NO_SPACE)
        session.close()
        return None
    session.transaction = None
    session.settling = True
    try:
        return await _judge(session, transaction, content)
    finally:
        transaction.closed = True
        await transaction.let_go()
        if content.path is not None:
            await asyncio.to_thread(content.path.unlink, missing_ok=True)
        session.settling = False  # last: nobody waits between here and the reply


async def _judge(session: Session, transaction: Transaction, content: Content) -> Reply:
    """Scan, decide and carry out; the reply's ``250`` is only given when the outcome is safe.

    A client that asked for it hears of each recipient before (draft-hall-prdr-00 2), where it named several.
    """
    front, trace = session.front, transaction.trace
    deadline = session.loop.time() + front.config.budget.data
    view = transaction.view()
    view.content = content
    view.deadline = deadline
    view.recipients = tuple(each.address for each in trace.recipients if each.disposition is None)
    _describe(transaction, content, view.headers)
    transaction.note(f"DATA, {content.size} octets")
    apart = trace.parameters.prdr and len(transaction.named) > 1
    open_ones = [each for each in trace.recipients if each.disposition is None]
    key = "" if apart else delivery_key(trace, open_ones)
    if key and (known := front.done_before(key)) is not None:
        session.unconfirmed = f"{key} {known}"
        return await _delivered_before(session.front.means, transaction, known)
    seen = await pipeline.run(
        Stage.DATA, front.catalog[Stage.DATA], view, transaction.rules, seconds=front.config.budget.data
    )
    front.alarm_on_breakage(seen)
    trace.observations += seen
    transaction.note("checked")
    done = await carry_out(
        Case(trace, transaction.policy, content, transaction.held, deadline, key, transaction.marks, apart), front.means
    )
    await greylist.note_content(transaction)
    transaction.tell()
    if done.reply.positive:
        session.delivered |= any(each.disposition is Disposition.DELIVERED for each in trace.recipients)
        session.unconfirmed = f"{done.key} {trace.id}"
    if apart:
        session.answer_apart([each.reply or done.reply for each in transaction.named])
    return done.reply


def _describe(transaction: Transaction, content: Content, headers: Headers) -> None:
    """Note in the trace what people look for."""
    trace = transaction.trace
    trace.size, trace.sha256 = content.size, content.sha256
    trace.header_from = headers.get("from")[:HEADER_KEPT]
    trace.subject = headers.get("subject")[:HEADER_KEPT]
    trace.message_id = headers.get("message-id")[:HEADER_KEPT]


async def _delivered_before(means: Means, transaction: Transaction, known: str) -> Reply:
    """Answer a retry of what was done already, whose 250 got lost: 250, and no second copy."""
    trace = transaction.trace
    waiting = [each for each in trace.recipients if each.disposition is None]
    reply = await settle_as_before(trace, waiting, known, means)
    finish(trace, reply)
    for each in trace.recipients:
        each.reply = each.reply or trace.reply
    transaction.write()
    return trace.reply or reply
