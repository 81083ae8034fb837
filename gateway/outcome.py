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
import hashlib
import time
from collections.abc import Callable, Sequence

import msgspec

from gateway.backscatter.ledger import Ledger
from gateway.config import Config
from gateway.delivery import headers
from gateway.delivery.faults import RouteFault
from gateway.delivery.relay import NextHopTransaction
from gateway.mail.address import parse_mailbox
from gateway.mail.decisions import Action, Decision, Disposition
from gateway.mail.findings import Outcome, confirmed_name
from gateway.mail.message import Content
from gateway.mail.reply import Reply
from gateway.mail.stripped import Taken
from gateway.mail.trace import Event, RecipientTrace, Trace
from gateway.outbound.dkim_signature import KeyUnusableError, MessageUnsignableError
from gateway.outbound.marking import Marks
from gateway.policy import replies
from gateway.policy.decide import decide, match_of, rules_for, weight_of
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Mode
from gateway.spool.copies import copies_of
from gateway.spool.deliveries import Deliveries
from gateway.spool.disk import SpoolError
from gateway.spool.item import Copy, Item, Purpose
from gateway.spool.journal import JournalWriter
from gateway.spool.quarantine import Quarantine
from gateway.spool.records import TraceRecord, encode
from gateway.spool.staging import Spool, Staged
from gateway.strip import strip

ROUTE_FAULT = Reply(451, "4.4.0", "the mail server behind this one can not be reached at the moment, please try again")
NO_SPACE = Reply(452, "4.3.1", "not enough storage at the moment, please try again")
QUARANTINE_FULL = Reply(550, "5.7.1", "message refused by policy")
NO_MARKS = Reply(451, "4.3.5", "mail that leaves can not be signed at the moment, please try again")
MALFORMED = Reply(554, "5.6.0", "the message's header is malformed, and can not be signed")
ACCEPTED = Reply(250, "2.0.0", "accepted")
DONE_BEFORE = Reply(250, "2.0.0", "accepted before")

_KEEPS_NOTHING = {Action.REJECT, Action.DEFER, Action.DROP}
_DONE = {
    Action.QUARANTINE: Disposition.QUARANTINED,
    Action.REDIRECT: Disposition.REDIRECTED,
    Action.DROP: Disposition.DROPPED,
}
_KEPT = {Disposition.QUARANTINED, Disposition.REDIRECTED}


class _NoRoomError(SpoolError):
    """The quarantine is full."""


class Means(msgspec.Struct, frozen=True):
    """What carrying out needs.

    ``alarm`` tells the administrator, at once and once. ``done_before`` gives the id of the transaction that did a
    delivery already, by its key.
    """

    config: Config
    spool: Spool
    quarantine: Quarantine
    deliveries: Deliveries
    journal: JournalWriter
    ledger: Ledger
    alarm: Callable[[str], None]
    done_before: Callable[[str], str | None]


class Case(msgspec.Struct, frozen=True):
    """One message at the end of DATA. ``held`` is the transaction with the next hop, None where nobody needs one.

    ``deadline`` is the loop time at which the budget of DATA ends; ``key`` names the delivery (sender, recipients,
    content), so that a retry is known; ``marks`` is set for mail that leaves; ``apart`` says that the client hears of
    each recipient apart, and then the key is made once it is known for whom something is done. ``sent`` is what is sent
    on where that is not the content, and ``taken`` what was stripped from it.
    """

    trace: Trace
    policy: Policy
    content: Content
    held: NextHopTransaction | None
    deadline: float
    key: str
    marks: Marks | None = None
    apart: bool = False
    sent: Content | None = None
    taken: tuple[Taken, ...] = ()


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
        if not case.content.kept and _action(each) not in _KEEPS_NOTHING:
            each.decision = _too_large(case, _decision(each))
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
            each.reply = _with_id(trace, reply)
    return CarriedOut(await _record(trace, means, waiting, _as_a_whole(waiting)), key)


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


def _answer_apart(trace: Trace, waiting: Sequence[RecipientTrace]) -> list[RecipientTrace]:
    """Settle who is refused or deferred, each with its own reply; gives the others."""
    for each in waiting:
        if _action(each) is Action.DEFER:
            each.disposition, each.reply = Disposition.DEFERRED, _with_id(trace, _decision(each).reply or ROUTE_FAULT)
        elif _action(each) is Action.REJECT:
            each.disposition = Disposition.REJECTED
            each.reply = _with_id(trace, _decision(each).reply or QUARANTINE_FULL)
    return [each for each in waiting if each.disposition is None]


def _as_a_whole(waiting: Sequence[RecipientTrace]) -> Reply:
    """Give the last reply, for the message as a whole: a client takes a refusal there for one of all recipients."""
    replies = [each.reply for each in waiting if each.reply is not None]
    if any(each.positive for each in replies):
        return ACCEPTED
    first = next((each for each in replies if each.temporary), replies[0] if replies else ROUTE_FAULT)
    return Reply(first.code, first.enhanced, "nobody takes this message" if first.permanent else "please try again")


def _with_id(trace: Trace, reply: Reply) -> Reply:
    """Give a reply as the client hears it, with the id that people can quote."""
    return trace.client.hears(Reply(reply.code, reply.enhanced, f"{reply.text}, id {trace.id}"))


async def _do(case: Case, means: Means, waiting: Sequence[RecipientTrace]) -> Reply:
    """Do what was decided; sets every recipient's disposition."""
    deferred = [each for each in waiting if _action(each) is Action.DEFER]
    if deferred:
        _settle(waiting, Disposition.DEFERRED)
        return _decision(deferred[0]).reply or ROUTE_FAULT
    refused = [each for each in waiting if _action(each) is Action.REJECT]
    if len(refused) == len(waiting):
        _settle(waiting, Disposition.REJECTED)
        return _decision(refused[0]).reply or QUARANTINE_FULL
    for each in refused:
        each.decision = _instead_of_reject(case, each)
    try:
        sent = await strip(case.trace, case.policy, case.content, waiting, means.spool.incoming_path)
        case = msgspec.structs.replace(case, sent=sent.content, taken=sent.taken)
        staged = await _stage(case, means, waiting)
        refusal = await _relay_and_commit(case, means, waiting, staged)
    except _NoRoomError:
        return _no_room(case, waiting)
    except SpoolError as error:
        means.alarm(f"quarantine can not be written: {error}")
        _settle([each for each in waiting if each.disposition is None], Disposition.DEFERRED)
        return NO_SPACE
    finally:
        if case.taken and case.sent is not None and case.sent.path is not None:
            await asyncio.to_thread(case.sent.path.unlink, missing_ok=True)
    if refusal is not None:
        return refusal
    copies = copies_of(case.policy, waiting)
    case.trace.copies = tuple(each for each in copies if each.purpose is not Purpose.REVIEW)
    for action, disposition in _DONE.items():
        _settle([each for each in waiting if _action(each) is action], disposition)
    return ACCEPTED


async def _relay_and_commit(
    case: Case, means: Means, waiting: Sequence[RecipientTrace], staged: Staged | None
) -> Reply | None:
    """Relay, then commit what was staged; gives the refusal where the next hop did not take it. Raises SpoolError."""
    relayed = [each for each in waiting if _action(each).relays]
    answer = await _relay(case, means, relayed) if relayed else ACCEPTED
    if not answer.positive:
        if staged is not None:
            await asyncio.to_thread(staged.discard)
        for each in relayed:
            each.stripped = ()  # nobody got it so
        if not (answer.permanent and case.trace.client.forwarder):
            _settle(waiting, Disposition.DEFERRED if answer.temporary else Disposition.REJECTED)
            return answer
        # A 5xx would become a bounce at the forwarder: what was refused is quarantined.
        for each in relayed:
            each.decision = _quarantine_for_forwarder(case, _decision(each), answer)
        staged = await _stage(msgspec.structs.replace(case, taken=()), means, waiting)
    else:
        _settle(relayed, Disposition.DELIVERED)
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
        means.alarm("the quarantine is full: what it should take is refused; free space on its disk, or raise retention.quarantine_bytes")
        raise _NoRoomError(means.config.spool_folder, "the quarantine is full")
    return await asyncio.to_thread(means.spool.stage, _item(case, copies), case.content)


async def _relay(case: Case, means: Means, relayed: Sequence[RecipientTrace]) -> Reply:
    """Send the message on. A fault of our own route is ``451`` and an alarm; the next hop's answer keeps its code."""
    trace, held = case.trace, case.held
    if held is None:
        means.alarm("no next hop was asked for a message that is to be relayed")
        return ROUTE_FAULT
    if asyncio.get_running_loop().time() >= case.deadline:
        return _out_of_time(trace, means, relayed)
    content = case.sent or case.content
    head, skip = headers.scrub(content, means.config.name)
    prefix = trace_headers(case, means.config.name, relayed)
    if case.marks is None:
        prefix += head
    else:
        try:
            signature, behind = await _mark(case, case.marks, means, relayed, head, skip)
        except MessageUnsignableError as error:
            return _unsigned(relayed, Action.REJECT, f"its header can't be signed: {error}", MALFORMED)
        except (KeyUnusableError, OSError) as error:
            means.alarm(str(error))
            trace.alarms.append(str(error))
            return _unsigned(relayed, Action.DEFER, str(error), NO_MARKS)
        prefix = signature + prefix + behind
    wanted = [each.delivered_to for each in relayed]
    narrowed = wanted if len(wanted) != len(held.accepted) else None
    try:
        answer = await held.send(prefix, content, skip=skip, recipients=narrowed, deadline=case.deadline)
    except RouteFault as fault:
        for each in relayed:
            each.next_hop_reply = str(fault)
            score = _decision(each).score
            each.decision = Decision(Action.DEFER, f"the route failed: {fault}", "next_hop", score=score)
        means.alarm(f"route {held.route_name}: {fault}")
        trace.alarms.append(f"route {held.route_name}: {fault}")
        return ROUTE_FAULT
    for each in relayed:
        each.next_hop_reply = str(answer)
    return told(answer)


def _out_of_time(trace: Trace, means: Means, relayed: Sequence[RecipientTrace]) -> Reply:
    """Defer where the checks have spent the budget of DATA: nothing was said to the next hop, whose fault it is not."""
    slowest = max(trace.observations, key=lambda each: each.cost_ms, default=None)
    why = "the budget of DATA was spent before the next hop was asked"
    if slowest is not None:
        why = f"{why}, most of it by {slowest.check}"  # no figure: an alarm's words must not differ each time
    trace.alarms.append(why)
    means.alarm(why)
    for each in relayed:
        each.decision = Decision(Action.DEFER, why, slowest.check if slowest else None, score=_decision(each).score)
    return replies.UNDECIDED


async def _mark(  # noqa: PLR0913, PLR0917 - one call, all it is about
    case: Case, marks: Marks, means: Means, relayed: Sequence[RecipientTrace], head: bytes, skip: int
) -> tuple[bytes, bytes]:
    """Note mail of ours in the ledger, and give what goes in front of and behind our trace fields.

    It is noted before it is sent: a bounce can come back at once. Raises the errors of signing.
    """
    trace, policy = case.trace, case.policy
    sender = policy.plain(parse_mailbox(trace.sender)) if trace.sender else None
    leaves = any(match_of(policy, each.address) is None for each in relayed)
    signature, behind = await marks.fields(
        case.sent or case.content, head, skip, sender, leaves=leaves, now=trace.started
    )
    noted = sender is not None
    if sender is not None:
        try:
            means.ledger.sent(trace.message_id, str(sender), [each.delivered_to for each in relayed], trace.started)
        except OSError as error:
            noted = False
            means.alarm(f"the ledger can not be written: {error}; what is sent now is proven by seal and tag only")
    sealed, signed = ("with" if has else "without" for has in (len(behind) > len(head), signature))
    words = f"it leaves {sealed} a seal, {signed} a DKIM signature, and is {'' if noted else 'not '}noted in the ledger"
    trace.events.append(Event(round((time.time() - trace.started) * 1000, 1), words))
    return signature, behind


def _unsigned(relayed: Sequence[RecipientTrace], action: Action, because: str, reply: Reply) -> Reply:
    """Refuse what can't be signed: a domain's DMARC record may ask others to refuse it unsigned."""
    for each in relayed:
        each.decision = Decision(action, because, "dkim", score=_decision(each).score)
    return reply


def told(answer: Reply) -> Reply:
    """Give a next hop's answer as our client hears it: its code, our text. Its own words stay in the trace."""
    if answer.positive:
        return answer
    if answer.temporary:
        return Reply(
            answer.code, answer.enhanced, "the mail server behind this one can not take it now, please try again"
        )
    return Reply(answer.code, answer.enhanced, "refused by the mail server behind this one")


def trace_headers(case: Case, node: str, relayed: Sequence[RecipientTrace]) -> bytes:
    """Give the lines that go in front of a relayed message: Received, Authentication-Results and X-Spam-*."""
    trace = case.trace
    decision = _decision(relayed[0])
    return (
        headers.received(
            trace.client,
            by=node,
            id=trace.id,
            at=trace.started,
            recipients=tuple(each.delivered_to for each in relayed),
            utf8=trace.parameters.smtputf8,
            listener=trace.listener,
            name=confirmed_name(trace.observations),
        )
        + headers.authentication_results(node, headers.results_of(trace))
        + (headers.stripped(node, trace.id, case.taken) if case.taken else b"")
        + headers.spam_headers(
            decision,
            scored_symbols(trace, case.policy, relayed[0].address),
            flag=any(_action(each) is Action.TAG for each in relayed),
        )
    )


def scored_symbols(trace: Trace, policy: Policy, recipient: str) -> dict[str, float]:
    """Give each symbol that counted towards the score for a recipient, with its points, of all checks that gave it."""
    symbols: dict[str, float] = {}
    hits = [one for one in trace.observations if one.outcome is Outcome.HIT]
    if not hits:
        return symbols
    rules = rules_for(policy, recipient)
    for one in hits:
        each = one.seen_for(recipient)
        if each is not None and each.outcome is Outcome.HIT:
            rule = rules.checks.get(each.check)
            if rule is not None and rule.mode is Mode.SCORE:
                for finding in each.findings:
                    if weight := weight_of(finding, rule):
                        symbols[finding.symbol] = symbols.get(finding.symbol, 0.0) + weight
    return symbols


def _quarantine_for_forwarder(case: Case, decision: Decision, answer: Reply) -> Decision:
    """Give the decision for what the next hop refused, or what can not be signed, from a trusted forwarder."""
    ours = decision.action is Action.REJECT  # it can't be signed, and was sent to nobody
    why, check = (decision.because, decision.check) if ours else (f"the next hop answered {answer.code}", "next_hop")
    because = f"{why}, and the trusted forwarder {case.trace.client.forwarder} would bounce a reject"
    return msgspec.structs.replace(decision, action=Action.QUARANTINE, because=because, check=check)


def _too_large(case: Case, decision: Decision) -> Decision:
    """Give the decision where nothing of a message was kept, so that it can neither be delivered nor quarantined."""
    because, forwarder = f"{case.content.size} octets are more than is kept", case.trace.client.forwarder
    if forwarder:
        because = f"{because}, and the trusted forwarder {forwarder} would bounce a reject"
        return msgspec.structs.replace(decision, action=Action.DROP, because=because, check="message_size")
    reply = replies.refusal("message_size")
    return Decision(Action.REJECT, because, "message_size", "OVERSIZE", score=decision.score, reply=reply)


def _instead_of_reject(case: Case, each: RecipientTrace) -> Decision:
    """Give the decision where others take what this recipient refuses: quarantine, or drop at high confidence."""
    decision = _decision(each)
    line = rules_for(case.policy, each.address).thresholds.drop
    certain = line is not None and decision.score >= line
    action = Action.DROP if certain or not case.content.kept else Action.QUARANTINE
    because = f"{decision.because}, and other recipients take the message"
    return msgspec.structs.replace(decision, action=action, because=because, reply=None, instead_of=Action.REJECT)


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
    if all(_action(each) is Action.QUARANTINE for each in waiting) and not case.trace.client.forwarder:
        _settle(waiting, Disposition.REJECTED)
        return QUARANTINE_FULL
    _settle([each for each in waiting if each.disposition is None], Disposition.DEFERRED)
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


def finish(trace: Trace, reply: Reply | None) -> None:
    """Set what sums a transaction up: disposition, sentence, reply with the id that people can quote, duration."""
    words = {each.disposition.value for each in trace.recipients if each.disposition is not None}
    if len(words) == 1:
        trace.disposition = words.pop()
    elif words:
        trace.disposition = "mixed"
    if not trace.because:
        trace.because = reason(trace)
    if reply is not None:
        trace.reply = _with_id(trace, reply)
    trace.duration_ms = round((time.time() - trace.started) * 1000, 1)


def reason(trace: Trace) -> str:
    """Give what completes the sentence "<disposition>, because ...": the one reason, or each with its recipients."""
    parts: dict[tuple[str, str], list[str]] = {}
    for each in trace.recipients:
        if each.disposition is not None:
            parts.setdefault((each.disposition.value, _why(each)), []).append(each.address)
    if len(parts) == 1:
        return next(iter(parts))[1]
    if trace.disposition == "mixed":
        return "; ".join(f"it was {what} for {', '.join(who)}, because {why}" for (what, why), who in parts.items())
    return "; ".join(f"{why} (for {', '.join(who)})" for (_, why), who in parts.items())


def _why(each: RecipientTrace) -> str:
    """Give the reason of one recipient: its decision's, unless the next hop had the last word."""
    if each.decision is None:
        return "the transaction ended without a message"
    if each.decision.action.relays and each.disposition is not Disposition.DELIVERED:
        return f"the next hop said {each.next_hop_reply}"
    if each.stripped:
        return f"{each.decision.because}; taken out: {', '.join(each.stripped)}"
    return each.decision.because


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


def _decision(each: RecipientTrace) -> Decision:
    """Give the decision, which every open recipient has by now."""
    if each.decision is None:
        raise ValueError(f"no decision was made for {each.address}")
    return each.decision


def _action(each: RecipientTrace) -> Action:
    """Give the decided action."""
    return _decision(each).action


def _settle(recipients: Sequence[RecipientTrace], disposition: Disposition) -> None:
    """Say what became of these."""
    for each in recipients:
        each.disposition = disposition
