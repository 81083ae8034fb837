"""MAIL (RFC 5321 4.1.1.2): begins a transaction."""

import msgspec

from gateway import pipeline
from gateway.mail.address import Address, AddressError, parse_path
from gateway.mail.decisions import Disposition
from gateway.mail.envelope import MailParameters
from gateway.mail.findings import Outcome
from gateway.mail.reply import Reply
from gateway.mail.stages import Stage
from gateway.outbound import rights
from gateway.policy.decide import NODE_WIDE, early_reply, reason
from gateway.policy.replies import refusal
from smtpfront.arrival import SHUTTING_DOWN
from smtpfront.session import Session
from smtpfront.transaction import Transaction

OK = Reply(250, "2.1.0", "sender ok")
NEED_HELO = Reply(503, "5.5.1", "say EHLO first")
NESTED = Reply(503, "5.5.1", "a transaction is under way already")
SYNTAX = Reply(501, "5.5.4", "the form is MAIL FROM:<address>")
NO_POLICY = Reply(451, "4.3.5", "this server has no policy yet, please try again")
TOO_MANY = Reply(421, "4.7.0", "too many messages in one connection, please connect again")
NEED_AUTH = Reply(530, "5.7.0", "authentication is required")
NEED_UTF8 = Reply(553, "5.6.7", "an address beyond ASCII needs SMTPUTF8")


class ParameterError(ValueError):
    """A parameter is unknown or malformed; the text is for the reply, ``unknown`` chooses its code."""

    def __init__(self, text: str, *, unknown: bool = False) -> None:
        """Say what is wrong."""
        super().__init__(text)
        self.unknown = unknown


async def mail(session: Session, rest: str) -> Reply | None:
    """Begin a transaction with the policy that is in force now."""
    if (refused := _out_of_order(session)) is not None:
        return refused
    policy = session.front.policy
    if policy is None:
        return NO_POLICY
    if session.client.forwarder and policy.forwarder(session.client.forwarder) is None:  # it was removed meanwhile
        session.client = msgspec.structs.replace(session.client, forwarder="")
    try:
        sender, parameters = parse(rest)
    except AddressError as error:
        return Reply(501 if str(error).endswith("brackets") else 553, "5.1.7", str(error))
    except ParameterError as error:
        return Reply(555 if error.unknown else 501, "5.5.4", str(error))
    if sender is not None and sender.needs_utf8 and not parameters.smtputf8:
        return NEED_UTF8
    transaction = Transaction(session.front, policy, session.listener, session.client, session.events)
    session.events = []
    session.transactions += 1
    transaction.sender = sender
    transaction.trace.sender = "" if sender is None else str(sender)
    transaction.trace.parameters = parameters
    reply = OK
    if session.listener == "outbound":
        # A tag is no part of who sends; what leaves is signed anew, once.
        plain = policy.plain(sender) if sender is not None else None
        reply = rights.sender_refusal(policy, session.client, plain) or OK
        if not reply.positive:
            transaction.trace.because = reply.text
    if reply.positive:
        reply = await _check(session, transaction)
    if reply.positive:
        session.transaction = transaction
        transaction.note("MAIL", reply)
        return reply
    reply = session.client.hears(Reply(reply.code, reply.enhanced, f"{reply.text}, id {transaction.trace.id}"))
    transaction.note(f"MAIL {rest}", reply)
    transaction.trace.disposition = (Disposition.DEFERRED if reply.temporary else Disposition.REJECTED).value
    transaction.trace.reply = reply
    await transaction.abandon("refused at MAIL")
    return reply


def _out_of_order(session: Session) -> Reply | None:
    """Give the refusal where no transaction may begin now."""
    if not session.client.helo:
        return NEED_HELO
    if session.transaction is not None:
        return NESTED
    if session.must_go or session.transactions >= session.front.config.limits.transactions_per_connection:
        reply = SHUTTING_DOWN if session.must_go else TOO_MANY
        session.note("MAIL", reply)
        session.answer(reply)
        session.close()
        return reply
    if session.listener == "outbound" and not (session.client.account or _listed(session)):
        return NEED_AUTH
    return None


def _listed(session: Session) -> bool:
    """Whether the client may send without AUTH."""
    policy = session.front.policy
    return policy is not None and policy.may_send_without_auth(session.client.ip)


async def _check(session: Session, transaction: Transaction) -> Reply:
    """Run the checks of this stage. Only node-wide rules answer here; the rest waits for the recipient's domain."""
    front = session.front
    if not front.wants(Stage.MAIL):
        return OK
    view, inbound = transaction.view(), session.listener == "inbound"
    if inbound:
        front.prepare(view)
        transaction.pending = [task for task in (session.connecting, session.greeting) if task is not None]
        transaction.pending.append(front.check(Stage.MAIL, view))  # DNS takes its time while the client goes on
    seen = await pipeline.run(Stage.MAIL, front.at_once[Stage.MAIL], view, (), seconds=front.config.budget.connect)
    front.alarm_on_breakage(seen)
    transaction.trace.observations += session.early
    transaction.trace.observations += seen
    for each in seen:
        # A trusted forwarder would bounce a refusal: what it brings is judged at the end of DATA.
        if each.check in NODE_WIDE and each.outcome is Outcome.HIT and not session.client.forwarder:
            transaction.trace.because = reason(each)
            return refusal(each.check, each.findings[0].detail)
        if (reply := early_reply(each, transaction.policy, outbound=session.listener == "outbound")) is not None:
            transaction.trace.because = reason(each)
            return reply
    return OK


def parse(rest: str) -> tuple[Address | None, MailParameters]:
    """Read ``FROM:<path> parameters``; None is the null sender. Raises AddressError, ParameterError."""
    keyword, colon, path = rest.partition(":")
    if not colon or keyword.upper() != "FROM":
        raise ParameterError(SYNTAX.text)
    sender, words = parse_path(path.strip())
    return sender, _parameters(words)


def _parameters(words: str) -> MailParameters:
    """Read the ESMTP parameters. Raises ParameterError."""
    if not words:
        return MailParameters()
    size, body, flags = 0, "", set[str]()
    for word in words.split():
        name, _, value = word.partition("=")
        match name.upper():
            case "SIZE":
                if not (value.isascii() and value.isdigit() and len(value) <= 20):  # noqa: PLR2004 - RFC 1870 6
                    raise ParameterError("SIZE needs a number of octets")
                size = int(value)
            case "BODY":
                body = value.upper()
                if body not in {"7BIT", "8BITMIME"}:
                    raise ParameterError("BODY is 7BIT or 8BITMIME")
            case "SMTPUTF8" | "PRDR" as flag:
                if value:
                    raise ParameterError(f"{flag} takes no value")
                flags.add(flag)
            case "AUTH":  # RFC 4954 5: accepted, and not passed on
                if not value:
                    raise ParameterError("AUTH needs a mailbox or <>")
            case _:
                raise ParameterError(f"parameter {name[:20]} is not known here", unknown=True)
    return MailParameters(size=size, body=body, smtputf8="SMTPUTF8" in flags, prdr="PRDR" in flags)
