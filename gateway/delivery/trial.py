"""Transactions that end before DATA: what does a next hop say to a recipient? Nothing is ever delivered by them.

For callers without an event loop, as ``submit`` is. Each host is asked, for one that takes everybody is enough to send
bounces to strangers.
"""

import asyncio
import enum
from collections.abc import Sequence

import msgspec

from gateway.config import Budget
from gateway.delivery.connection import Connection
from gateway.delivery.faults import RouteFault
from gateway.delivery.opening import dial, label
from gateway.mail.reply import Reply
from gateway.policy.snapshot import NextHop, Route

BUDGET = Budget(connect=5.0, next_hop=10.0)


class Answer(enum.StrEnum):
    """What a host said to a recipient. The word fits behind its name."""

    ACCEPTS = "accepts"
    REFUSES = "refuses"
    TEMPORARY = "temporary"
    UNREACHABLE = "unreachable"


class Step(msgspec.Struct, frozen=True):
    """One line of the dialogue: what was said or done, and the answer."""

    said: str
    answer: str


class Trial(msgspec.Struct, frozen=True):
    """What came of it at one host, ``host:port``; ``reply`` is what decided, in its own words."""

    host: str
    answer: Answer
    reply: str
    dialogue: tuple[Step, ...] = ()


class Question(msgspec.Struct, frozen=True):
    """One recipient, to be tried at all hosts of a route. ``secret`` is the password of the route's user."""

    route: Route
    secret: str | None
    recipient: str


def ask(questions: Sequence[Question], name: str, budget: Budget = BUDGET) -> list[list[Trial]]:
    """Ask all questions at once; gives for each the trial at each host of its route. What fails is told, not raised.

    ``name`` is what we call ourselves in EHLO.
    """

    async def run() -> list[list[Trial]]:
        return await asyncio.gather(*(_at_all_hosts(each, name, budget) for each in questions))

    return asyncio.run(run())


def summed_up(trials: Sequence[Trial]) -> Trial | None:
    """Give the trial that says how the route is: one that accepts, else one that refuses, then the others."""
    return min(trials, key=lambda each: tuple(Answer).index(each.answer), default=None)


async def _at_all_hosts(question: Question, name: str, budget: Budget) -> list[Trial]:
    """Try a recipient at each host."""
    return await asyncio.gather(*(_at(hop, question, name, budget) for hop in question.route.hosts))


async def _at(hop: NextHop, question: Question, name: str, budget: Budget) -> Trial:
    """Try a recipient at one host."""
    steps: list[Step] = []
    host = label(hop)
    try:
        async with asyncio.timeout(budget.connect + budget.next_hop):
            connection = await dial(question.route, hop, question.secret, name, budget)
            try:
                reply = await _dialogue(connection, question.recipient, steps, budget)
            finally:
                connection.quit()
                await connection.closed()
    except RouteFault as fault:
        return Trial(host, _of_fault(fault), str(fault), (*steps, Step(fault.step, fault.text)))
    except TimeoutError:
        return Trial(host, Answer.UNREACHABLE, "no answer in time", tuple(steps))
    answer = Answer.ACCEPTS if reply.positive else Answer.TEMPORARY if reply.temporary else Answer.REFUSES
    return Trial(host, answer, str(reply), tuple(steps))


async def _dialogue(connection: Connection, recipient: str, steps: list[Step], budget: Budget) -> Reply:
    """Say MAIL, RCPT and RSET; gives the answer to RCPT. Raises RouteFault."""
    if "\r" in recipient or "\n" in recipient:
        raise ValueError("an address with a line end in it")
    offered = connection.capabilities
    steps += [Step("connected", connection.banner), Step("TLS", connection.tls or "none")]
    loop = asyncio.get_running_loop()
    utf8 = "" if recipient.isascii() or not offered.smtputf8 else " SMTPUTF8"
    (mail,) = await connection.ask(f"MAIL FROM:<>{utf8}\r\n".encode(), 1, "mail", loop.time() + budget.next_hop)
    steps.append(Step(f"MAIL FROM:<>{utf8}", str(mail)))
    if not mail.positive:
        raise RouteFault("mail", connection.host, "MAIL was refused", mail)
    (reply,) = await connection.ask(f"RCPT TO:<{recipient}>\r\n".encode(), 1, "rcpt", loop.time() + budget.next_hop)
    steps.append(Step(f"RCPT TO:<{recipient}>", str(reply)))
    if reply.code == 421:  # noqa: PLR2004 - RFC 5321 4.2.3: about the host, not the recipient
        raise RouteFault("rcpt", connection.host, "it closes", reply)
    (reset,) = await connection.ask(b"RSET\r\n", 1, "rset", loop.time() + budget.next_hop)
    steps.append(Step("RSET", str(reset)))
    return reply


def _of_fault(fault: RouteFault) -> Answer:
    """Say how a host is whose dialogue did not come to RCPT's answer."""
    return Answer.TEMPORARY if fault.reply is not None and fault.reply.temporary else Answer.UNREACHABLE
