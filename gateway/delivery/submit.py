"""One delivery, or one probe, for callers without an event loop: releases and doctor. Never retries by itself."""

import asyncio
import time

import msgspec

from gateway.config import Budget
from gateway.delivery.capabilities import Capabilities
from gateway.delivery.faults import RouteFault
from gateway.delivery.opening import dial, label
from gateway.delivery.pool import Pool
from gateway.mail.envelope import MailParameters
from gateway.mail.message import Content
from gateway.mail.reply import Reply
from gateway.policy.snapshot import NextHop, Route

_BUDGET = Budget()


class Probe(msgspec.Struct, frozen=True):
    """What was found at one host: ``fault`` is empty where all went well; ``tls`` names version and cipher.

    ``step`` is where the fault was, as in RouteFault.
    """

    host: str
    fault: str = ""
    step: str = ""
    banner: str = ""
    tls: str = ""
    capabilities: Capabilities | None = None
    milliseconds: float = 0.0


def deliver(  # noqa: PLR0913, PLR0917 - an envelope, a content and a way: there is no less
    route: Route,
    secret: str | None,
    name: str,
    sender: str,
    recipient: str,
    parameters: MailParameters,
    content: Content,
    prefix: bytes,
    *,
    skip: int = 0,
    unproven: bool = False,
    budget: Budget = _BUDGET,
) -> Reply:
    """Deliver to one recipient; gives the answer to RCPT where that was negative, else the one to the final dot.

    ``secret`` is the password of the route's user; ``skip`` is how many octets of the content ``prefix`` replaces.
    Raises RouteFault; its ``after_dot`` leaves open whether the message was taken.
    """

    async def run() -> Reply:
        pool = Pool(name, budget, lambda _: secret)
        try:
            transaction = await pool.begin("release", route, sender, parameters, unproven=unproven)
            try:
                answer = await transaction.rcpt(recipient)
                if answer.positive:
                    answer = await transaction.send(prefix, content, skip=skip)
            finally:
                await transaction.abandon()
            return answer
        finally:
            await pool.close()

    return asyncio.run(run())


def probe(route: Route, secret: str | None, name: str, *, budget: Budget = _BUDGET) -> list[Probe]:
    """Connect to each host of the route as a delivery would, up to MAIL, then QUIT. What fails is told, not raised."""

    async def run() -> list[Probe]:
        return await asyncio.gather(*(_probe(route, hop, secret, name, budget) for hop in route.hosts))

    return asyncio.run(run())


async def _probe(route: Route, hop: NextHop, secret: str | None, name: str, budget: Budget) -> Probe:
    """Look at one host."""
    start = time.monotonic()
    try:
        connection = await dial(route, hop, secret, name, budget)
    except RouteFault as fault:
        return Probe(label(hop), str(fault), fault.step, milliseconds=(time.monotonic() - start) * 1000)
    took = (time.monotonic() - start) * 1000
    connection.quit()
    await connection.closed()
    return Probe(label(hop), "", "", connection.banner, connection.tls, connection.capabilities, took)
