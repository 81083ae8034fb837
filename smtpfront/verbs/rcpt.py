"""RCPT (RFC 5321 4.1.1.3): our own checks first, then the next hop's own answer.

At the end of DATA every recipient has been accepted by both sides; nobody learns later that a recipient does not exist.
"""

import msgspec

from gateway import pipeline
from gateway.backscatter import batv
from gateway.backscatter.refusals import blames_tag
from gateway.checks import sending_limits
from gateway.checks.base import View
from gateway.mail.address import Address, AddressError, parse_path
from gateway.mail.decisions import Action, Decision
from gateway.mail.reply import Reply
from gateway.mail.stages import Stage
from gateway.mail.trace import RecipientTrace
from gateway.outbound import marking
from gateway.policy.attachments import ATTACHMENTS
from gateway.policy.decide import decide, match_of
from gateway.policy.matching import Match
from gateway.policy.precedence import may_allow
from gateway.policy.snapshot import Mode, Rules
from gateway.services.counters import CountersUnreachable
from smtpfront import greylist, harvest, nexthop
from smtpfront.session import Session
from smtpfront.transaction import Transaction

OK = Reply(250, "2.1.5", "recipient ok")
NEED_MAIL = Reply(503, "5.5.1", "say MAIL first")
SYNTAX = Reply(501, "5.5.4", "the form is RCPT TO:<address>")
NO_RECIPIENT = Reply(501, "5.1.3", "a recipient can not be empty")
NO_PARAMETERS = Reply(555, "5.5.4", "no parameters of RCPT are known here")
TOO_MANY = Reply(452, "4.5.3", "too many recipients, please send the rest in another transaction")
ANOTHER_TRANSACTION = Reply(
    452, "4.5.3", "this recipient needs a transaction of its own, please send it in another one"
)
NO_RELAY = Reply(550, "5.7.1", "this server relays to its own domains only")
NO_ROUTE = Reply(451, "4.3.5", "no route is configured for this recipient, please try again")
SECONDS_A_DAY = 86400
NO_MARKS = Reply(451, "4.3.5", "mail that leaves can not be marked at the moment, please try again")
NEED_UTF8 = Reply(553, "5.6.7", "an address beyond ASCII needs SMTPUTF8")


async def rcpt(session: Session, rest: str) -> Reply | None:
    """Take a recipient into the transaction, or say why not."""
    transaction = session.transaction
    if transaction is None:
        return NEED_MAIL
    keyword, colon, path = rest.partition(":")
    if not colon or keyword.upper() != "TO":
        return SYNTAX
    try:
        address, parameters = parse_path(path.strip())
    except AddressError as error:
        return Reply(501 if str(error).endswith("brackets") else 553, "5.1.3", str(error))
    if address is None:
        return NO_RECIPIENT
    if parameters:
        return NO_PARAMETERS
    if address.needs_utf8 and not transaction.parameters.smtputf8:
        return NEED_UTF8
    if len(transaction.trace.recipients) >= session.front.config.limits.recipients:
        return TOO_MANY
    match = transaction.policy.match(address)
    mailbox = str(match.mailbox if match is not None else address)
    for each in transaction.trace.recipients:
        if mailbox == each.delivered_to and each.disposition is None:
            transaction.named.append(each)
            return OK  # named twice: one copy is enough
    reply = await _take(session, transaction, address, match)
    if reply.positive:
        transaction.note(f"RCPT <{address}>", reply)
    return reply


async def _take(session: Session, transaction: Transaction, address: Address, match: Match | None) -> Reply:
    """Judge a recipient by our own checks, then by the next hop's answer."""
    policy = transaction.policy
    each = RecipientTrace(str(address))
    if not address.domain and match is not None:  # the bare postmaster is somebody's
        each.address = f"{address.local}@{match.domain_key}"
    if match is None and session.listener == "inbound":
        return _refuse_relaying(transaction, each)
    if match is not None and match.mailbox is not address and (mailbox := str(match.mailbox)) != each.address:
        each.mailbox = mailbox
    each.route = match.domain.route if match is not None else policy.snapshot.outbound.route
    if policy.route(each.route) is None:
        session.front.alarm(f"no route {each.route!r} for {each.address}: name one in the policy and publish it")
        transaction.trace.recipients.append(each)
        return transaction.refuse(each, NO_ROUTE)
    sender = _sender_towards(session, transaction, address)
    if sender is None:
        transaction.trace.recipients.append(each)
        return transaction.refuse(each, NO_MARKS)
    rules = match.rules if match is not None else policy.snapshot.outbound.rules
    if transaction.rules and (
        (each.route, sender) != (transaction.route, transaction.next_sender)
        or not _same_content(rules, transaction.rules[0])
        or not _same_welcome(transaction, each, match)
    ):
        return ANOTHER_TRANSACTION
    transaction.next_sender = sender
    transaction.trace.recipients.append(each)
    _tell_of_sender(transaction, address, each, sender)
    if (refusal := harvest.held_off(session.front, transaction, each, rules)) is not None:
        return refusal
    await _check(session, transaction, address, each, match, rules)
    decision = decide(transaction.trace, policy, each.address)
    await greylist.note(transaction, each, decision)
    if decision.action in {Action.REJECT, Action.DEFER}:
        each.decision = decision
        refusal = transaction.refuse(each, decision.reply or NO_RELAY)
        return await harvest.answer(session.front, transaction, each, rules, refusal)
    if decision.action is Action.DROP:
        each.decision = decision  # settled at the end of DATA, on record
        return _accept(transaction, each, rules)
    refusal = await _ask(session, transaction, each, sender)
    if refusal is not None:
        await _count_refused(transaction, refusal)
        return await harvest.answer(session.front, transaction, each, rules, refusal)
    if not transaction.accepted and sender != transaction.trace.sender:
        transaction.note(f"the sender leaves as <{sender}>")
    return _accept(transaction, each, rules)


async def _ask(session: Session, transaction: Transaction, each: RecipientTrace, sender: str) -> Reply | None:
    """Ask the next hop; where it refuses the tag on our sender, once more with the plain one. None where it accepts.

    Only for a transaction's first recipient: the others were accepted with the sender that has the tag.
    """
    front = session.front
    refusal = await nexthop.ask(front, transaction, each, sender, unproven=session.listener == "inbound")
    if refusal is None or not refusal.permanent or transaction.accepted or not batv.is_tagged(each.sender_told):
        return refusal
    words = blames_tag(each.next_hop_reply)
    if not words or transaction.sender is None:
        return refusal
    plain = str(transaction.policy.plain(transaction.sender))
    each.decision = each.disposition = each.reply = None
    each.sender_told = "" if plain == transaction.trace.sender else plain
    refusal = await nexthop.ask(front, transaction, each, plain, unproven=False)
    if refusal is None:
        transaction.next_sender, each.tag_refused = plain, words
        transaction.note(f"the next hop refused the tag ({words}) and took the plain sender")
    return refusal


async def _count_refused(transaction: Transaction, refusal: Reply) -> None:
    """Count a recipient of mail that leaves and whom the next hop refused towards what its sender may have refused."""
    if transaction.trace.listener != "outbound" or not refusal.permanent:
        return
    try:
        await sending_limits.count_refused(transaction.front.counters, sending_limits.of_view(transaction.view()))
    except CountersUnreachable as error:
        transaction.front.alarm(f"counters can not be reached: {error}")


def _tell_of_sender(transaction: Transaction, address: Address, each: RecipientTrace, sender: str) -> None:
    """Note in the trace which sender the next hop is told, and where it has no tag, why."""
    trace = transaction.trace
    if sender != (trace.sender or ""):
        each.sender_told = sender
    if trace.listener != "outbound" or transaction.marks is None or transaction.sender is None:
        return
    if why := transaction.marks.why_untagged(transaction.sender, address, transaction.policy):
        if entry := transaction.policy.learned_never_tag(address, trace.started):
            why = f"entry {entry.number} of what was learned, {entry.because}"
        transaction.note(f"not tagged for <{address}>: {why}")


def _sender_towards(session: Session, transaction: Transaction, recipient: Address) -> str | None:
    """Give the envelope sender that this recipient's next hop is told; None where mail that leaves can't be marked."""
    if session.listener == "inbound":
        return transaction.trace.sender or ""
    if transaction.marks is None:
        try:
            transaction.marks = marking.load(
                transaction.policy,
                transaction.sender,
                session.front.read_secret,
                int(transaction.trace.started // SECONDS_A_DAY),
            )
        except marking.MarkingError as error:
            session.front.alarm(str(error))
            transaction.trace.alarms.append(str(error))
            return None
    if transaction.sender is None:
        return ""
    return transaction.marks.sender_towards(transaction.sender, recipient, transaction.policy)


def _refuse_relaying(transaction: Transaction, each: RecipientTrace) -> Reply:
    """Refuse a recipient that is none of ours: an open relay serves forgers. A trusted forwarder never sees a 5xx."""
    forwarder = transaction.policy.forwarder(transaction.trace.client.forwarder)
    transaction.trace.recipients.append(each)
    because = "the recipient's domain is none of ours"
    if forwarder is not None and forwarder.unknown_recipient is Action.DROP:
        each.decision = Decision(Action.DROP, f"{because}, and a trusted forwarder would bounce a reject", "relay")
        return _accept(transaction, each, transaction.policy.snapshot.outbound.rules)
    reply = NO_RELAY if forwarder is None else NO_ROUTE
    action = Action.REJECT if forwarder is None else Action.DEFER
    each.decision = Decision(action, because, "relay", reply=reply)
    return transaction.refuse(each, reply)


async def _check(  # noqa: PLR0913, PLR0917 - one call, all it is about
    session: Session,
    transaction: Transaction,
    address: Address,
    each: RecipientTrace,
    match: Match | None,
    rules: Rules,
) -> None:
    """Run the checks of this stage for one recipient."""
    front = session.front
    await transaction.settle()
    view: View = transaction.view()
    view.recipient, view.match = address, match
    seen = await pipeline.run(
        Stage.RCPT, front.catalog[Stage.RCPT], view, (rules,), seconds=front.config.budget.connect
    )
    front.alarm_on_breakage(seen)
    transaction.trace.observations += [
        one if one.recipient == each.address else msgspec.structs.replace(one, recipient=each.address) for one in seen
    ]


def _accept(transaction: Transaction, each: RecipientTrace, rules: Rules) -> Reply:
    """Take the recipient in."""
    if not transaction.rules and each.route:
        transaction.route = each.route
        transaction.rules.append(rules)
    elif each.route:
        transaction.rules.append(rules)
    transaction.accepted += 1
    each.accepted = True
    transaction.named.append(each)
    return OK


def _same_content(one: Rules, other: Rules) -> bool:
    """Whether recipients under these rules can get the same octets.

    The headers that we add depend on tag and score, and what is taken out on what may be stripped.
    """
    return (
        one.thresholds.tag == other.thresholds.tag
        and one.observe == other.observe
        and _scored(one) == _scored(other)
        and _stripped(one) == _stripped(other)
    )


def _same_welcome(transaction: Transaction, each: RecipientTrace, match: Match | None) -> bool:
    """Whether lists of senders allow the sender for this recipient as for the first: who is allowed is not tagged."""
    if match is None:
        return True
    trace, policy = transaction.trace, transaction.policy
    first = next((one.address for one in trace.recipients if one.disposition is None), each.address)
    other = match_of(policy, first)
    welcome = may_allow(trace, policy, match, each.address)
    return welcome == (other is not None and may_allow(trace, policy, other, first))


def _scored(rules: Rules) -> dict[str, dict[str, float]]:
    """Give what counts towards the score."""
    return {name: rule.weights for name, rule in rules.checks.items() if rule.mode is Mode.SCORE}


def _stripped(rules: Rules) -> tuple[object, ...] | None:
    """Give what decides about stripping, None where nothing can lead to it."""
    rule = rules.checks.get(ATTACHMENTS)
    if rule is None or rule.mode is not Mode.ENFORCE:
        return None
    asked = (rule.action, *rule.actions.values(), *(each.action for each in rules.attachments))
    return (rule.action, rule.actions, rules.attachments) if Action.STRIP in asked else None
