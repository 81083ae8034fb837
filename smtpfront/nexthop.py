"""Repeats RCPT in the transaction that is held open with the next hop, and makes its answer ours.

Its 4xx and 5xx to a recipient are the recipient's: passed on with their code and our text. Everything else that goes
wrong is a fault of our own route: ``451``, and an alarm.
"""

from gateway.backscatter.refusals import blames_tag
from gateway.delivery.faults import RouteFault
from gateway.mail.decisions import Action, Decision
from gateway.mail.reply import Reply
from gateway.mail.trace import RecipientTrace
from gateway.outcome.relaying import ROUTE_FAULT, told
from gateway.services.counters import CountersUnreachable
from smtpfront.front import Front
from smtpfront.transaction import Transaction

NO_UTF8 = Reply(550, "5.6.7", "the mail server behind this one does not take SMTPUTF8")
TOO_LARGE = Reply(552, "5.3.4", "the message is larger than the mail server behind this one takes")
REFUSAL_SECONDS = 600.0  # how long its 5xx to a recipient is remembered
# RFC 5321 4.2.2: these speak of the command, not of the recipient (501 does: its address may be malformed there).
_OUR_COMMAND = frozenset({500, 502, 503, 504})
_NO_MAILBOX = frozenset({550, 551, 553})
UNKNOWN = "UNKNOWN_RECIPIENT"  # the symbol of a decision that the recipient does not exist
HEADROOM = 4096  # octets that our own header lines may add


async def ask(
    front: Front, transaction: Transaction, each: RecipientTrace, sender: str, *, unproven: bool
) -> Reply | None:
    """Ask for one recipient; gives our reply where it is refused, None where it is accepted.

    ``sender`` is the envelope sender that the next hop is told.
    An accepted recipient can have a decision already: to drop, where a trusted forwarder would bounce a refusal.
    """
    remembered = None if front.health.suspect(each.route) else _remembered(front, each)
    try:
        answer = remembered or await _answer(front, transaction, each, sender, unproven=unproven)
    except RouteFault as fault:
        each.next_hop, each.next_hop_reply = fault.host, str(fault)
        said = fault.reply
        if fault.step == "mail" and said is not None and said.permanent and each.sender_told and blames_tag(said.text):
            return _refused(transaction, each, said)  # of our sender's tag, which can be left out
        return await _our_fault(front, transaction, each, str(fault))
    if answer is None:
        return transaction.refuse(each, _lacking(transaction))
    each.next_hop_reply = f"{answer} (remembered)" if remembered else str(answer)
    if answer.positive:
        transaction.taken_by_next_hop = True
        front.health.took(each.route)
        return None
    if not answer.permanent:
        return _refused(transaction, each, answer)
    if answer.code in _OUR_COMMAND:
        return await _our_fault(front, transaction, each, f"it does not take our RCPT: {answer}")
    if front.health.suspect(each.route):
        return await _our_fault(front, transaction, each, f"it refuses every recipient, this one with: {answer}")
    transaction.refused_by_next_hop = each.route
    # Who refuses a tag will be told the plain sender once that is learned: the next answer may be another.
    if not remembered and not (each.sender_told and blames_tag(answer.text)):
        await _remember(front, each, answer)
    return _refused(transaction, each, answer)


async def _answer(
    front: Front, transaction: Transaction, each: RecipientTrace, sender: str, *, unproven: bool
) -> Reply | None:
    """Give the next hop's answer; None where it can not take the message at all. Raises RouteFault."""
    policy, parameters = transaction.policy, transaction.parameters
    if transaction.held is not None and (transaction.held.route_name, transaction.held.sender) != (each.route, sender):
        await transaction.let_go()  # it was begun for a recipient that was refused
    if transaction.held is None:
        route = policy.route(each.route)
        assert route is not None  # noqa: S101 - RCPT has refused a recipient without a route
        transaction.held = await front.pool.begin(each.route, route, sender, parameters, unproven=unproven)
    held = transaction.held
    each.next_hop = held.host
    offered = held.capabilities
    if parameters.smtputf8 and not offered.smtputf8:
        return None
    if parameters.size and not offered.takes_size(parameters.size + HEADROOM):
        return None
    return await held.rcpt(each.delivered_to)


async def _our_fault(front: Front, transaction: Transaction, each: RecipientTrace, what: str) -> Reply:
    """Defer the recipient, alarm the administrator, and let the next hop go."""
    text = f"route {each.route}: {what}"
    front.alarm(text)
    transaction.trace.alarms.append(text)
    each.decision = Decision(Action.DEFER, f"the route failed: {what}", "next_hop")
    await transaction.let_go()
    return transaction.refuse(each, ROUTE_FAULT)


def _refused(transaction: Transaction, each: RecipientTrace, answer: Reply) -> Reply | None:
    """Pass a refusal on. A trusted forwarder never sees a 5xx."""
    name = transaction.trace.client.forwarder
    forwarder = transaction.policy.forwarder(name)
    because = f"the next hop answered {answer.code} to this recipient"
    if forwarder is not None and answer.permanent:
        because = f"{because}, and the trusted forwarder {name} would bounce a reject"
        each.decision = Decision(forwarder.unknown_recipient, because, "next_hop")
        return None if forwarder.unknown_recipient is Action.DROP else transaction.refuse(each, ROUTE_FAULT)
    action = Action.DEFER if answer.temporary else Action.REJECT
    each.decision = Decision(action, because, "next_hop", UNKNOWN if _says_unknown(answer) else None)
    return transaction.refuse(each, told(answer))


def _says_unknown(answer: Reply) -> bool:
    """Whether an answer says that there is no such recipient (RFC 3463 3.2), and not that it is refused otherwise."""
    if answer.enhanced == "5.0.0":  # it gave none
        return answer.code in _NO_MAILBOX
    return answer.enhanced.startswith("5.1.")


def _lacking(transaction: Transaction) -> Reply:
    """Give the refusal of what the next hop can not take."""
    held = transaction.held
    utf8 = held is not None and transaction.parameters.smtputf8 and not held.capabilities.smtputf8
    return NO_UTF8 if utf8 else TOO_LARGE


def _key(front: Front, each: RecipientTrace) -> str:
    """Name a recipient in the store of refusals. What was said before the node was told to forget has another name."""
    return f"refused:{front.forgotten}:{each.route}:{each.delivered_to.lower()}"


def _remembered(front: Front, each: RecipientTrace) -> Reply | None:
    """Give the 5xx that this recipient got a while ago."""
    known = front.counters.get(_key(front, each))
    if known is None:
        return None
    code, enhanced, words = [*known.split(" ", 2), "", ""][:3]
    return Reply(int(code), enhanced, words)


async def _remember(front: Front, each: RecipientTrace, answer: Reply) -> None:
    """Keep a 5xx for a while; where the counters are away the next hop is simply asked again."""
    try:
        await front.counters.put(_key(front, each), str(answer), REFUSAL_SECONDS)
    except CountersUnreachable as error:
        front.alarm(f"counters can not be reached: {error}")
