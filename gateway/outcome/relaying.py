"""Sends a message on: what stands in front of it, what marks it where it leaves, and what is made of the answer.

Trouble of our own route is ``451`` and an alarm; the next hop's answer keeps its code, and its words stay in the trace.
"""

import asyncio
import time
from collections.abc import Sequence

from gateway.delivery import headers
from gateway.delivery.faults import RouteFault
from gateway.mail.address import parse_mailbox
from gateway.mail.decisions import Action, Decision
from gateway.mail.findings import Outcome, confirmed_name
from gateway.mail.reply import Reply
from gateway.mail.trace import Event, RecipientTrace, Trace
from gateway.outbound.dkim_signature import KeyUnusableError, MessageUnsignableError
from gateway.outbound.marking import Marks
from gateway.outcome.case import Case, Means, action_of, decision_of
from gateway.policy import replies
from gateway.policy.decide import match_of, rules_for, weight_of
from gateway.policy.matching import Policy
from gateway.policy.snapshot import Mode

ROUTE_FAULT = Reply(451, "4.4.0", "the mail server behind this one can not be reached at the moment, please try again")
NO_MARKS = Reply(451, "4.3.5", "mail that leaves can not be signed at the moment, please try again")
MALFORMED = Reply(554, "5.6.0", "the message's header is malformed, and can not be signed")


async def relay(case: Case, means: Means, relayed: Sequence[RecipientTrace]) -> Reply:
    """Send the message on. A fault of our own route is ``451`` and an alarm; the next hop's answer keeps its code."""
    trace, held = case.trace, case.held
    if held is None:
        means.alarm("no next hop was asked for a message that is to be relayed")
        return ROUTE_FAULT
    if asyncio.get_running_loop().time() >= case.deadline:
        return _out_of_time(trace, means, relayed)
    content = case.sent or case.content
    head, skip = headers.scrub(content, means.config.name)
    prefix = _trace_headers(case, means.config.name, relayed)
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
            score = decision_of(each).score
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
        each.decision = Decision(Action.DEFER, why, slowest.check if slowest else None, score=decision_of(each).score)
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
        each.decision = Decision(action, because, "dkim", score=decision_of(each).score)
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


def _trace_headers(case: Case, node: str, relayed: Sequence[RecipientTrace]) -> bytes:
    """Give the lines that go in front of a relayed message: Received, Authentication-Results and X-Spam-*."""
    trace = case.trace
    decision = decision_of(relayed[0])
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
            _scored_symbols(trace, case.policy, relayed[0].address),
            flag=any(action_of(each) is Action.TAG for each in relayed),
        )
    )


def _scored_symbols(trace: Trace, policy: Policy, recipient: str) -> dict[str, float]:
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
