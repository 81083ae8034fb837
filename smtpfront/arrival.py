"""From connection to banner: who the client is, whether it may come in, and whether it waits for its turn."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.checks import early_talker, rates
from gateway.mail.findings import confirmed_name
from gateway.mail.prefix import prefix
from gateway.mail.reply import Reply
from gateway.mail.stages import Stage
from gateway.policy.decide import early_reply
from gateway.policy.matching import Policy
from gateway.services.counters import Claim, CountersUnreachable
from gateway.services.expiry import within
from smtpfront import proxy

if TYPE_CHECKING:
    from smtpfront.session import Session

SHUTTING_DOWN = Reply(421, "4.3.2", "this server is going down, please try again")
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "too many connections, please try again later")
NO_HEADER = Reply(421, "4.5.0", "a PROXY header is expected from this address")
CLIENT_SECONDS = 5.0  # within which a load balancer must have told who the client is


async def welcome(session: "Session") -> bool:
    """Take the connection's slots and greet. False where the client was sent away.

    One that is refused for good stays until it says QUIT, as RFC 5321 3.1 wants it.
    """
    front = session.front
    if session.must_go:
        session.say(SHUTTING_DOWN)
        return False
    inbound = session.listener == "inbound"
    if inbound and front.is_balancer(session.client.ip) and not await _told(session):
        return False
    policy = front.policy
    if policy is not None and (name := policy.forwarder_of(session.client.ip)):
        session.client = msgspec.structs.replace(session.client, forwarder=name)
    if not await _take_slots(session, policy if inbound else None):
        return False
    if inbound and policy is not None:
        if front.looks(Stage.CONNECT, policy):
            session.connecting = front.check(Stage.CONNECT, session.view(policy))
        ahead = await _spoke_early(session, policy)
        session.early += await front.check_at_once(Stage.CONNECT, policy, session.client, ahead=ahead)
        for seen in session.early:
            if (reply := early_reply(seen, policy)) is not None:
                session.turn_away(reply)
                return True
    session.greet()
    return True


async def remember(session: "Session") -> None:
    """Remember a client whose message was delivered: next time it is greeted without delay."""
    policy = session.front.policy
    if session.listener != "inbound" or policy is None or not policy.snapshot.clients.greet_delay:
        return
    counters, now = session.front.counters, time.time()
    for who in (session.client.ip, _confirmed_name(session)):
        key = early_talker.known_key(who)
        since = counters.get(key) if who else ""
        if since is None or (since and now - float(since) > early_talker.RENEWED_SECONDS):
            await counters.put(key, f"{now:.0f}", early_talker.KNOWN_SECONDS)


async def _told(session: "Session") -> bool:
    """Take the client's address from its load balancer; False where that does not tell it."""
    balancer = session.client.ip
    try:
        with within(CLIENT_SECONDS):
            told = await proxy.read(session.reader)
    except (proxy.ProxyError, TimeoutError) as error:
        how = str(error) or f"none came within {CLIENT_SECONDS:g} seconds"
        session.front.alarm(
            f"the load balancer {balancer} sent no usable PROXY header; switch the PROXY protocol on there, "
            "or take it out of smtp.balancers"
        )
        session.note(f"PROXY header of {balancer}: {how}", NO_HEADER)
        session.say(NO_HEADER)
        return False
    if told is not None:
        session.client = msgspec.structs.replace(session.client, ip=told.ip, port=told.port, balancer=balancer)
        session.local = told.local
    return True


async def _take_slots(session: "Session", policy: Policy | None) -> bool:
    """Take the slots of the connection, and count it; ``policy`` has the limits, None where none holds."""
    front, limits, client = session.front, session.front.config.limits, session.client
    key = f"connections:{prefix(client.ip)}"
    slots = [("connections", limits.connections), (key, limits.connections_per_client)]
    events: list[Claim] = []
    is_balancer = not client.balancer and front.is_balancer(client.ip)  # connections of its own are health checks
    counted = policy is not None and rates.NAME in policy.wanted.checks and not policy.is_spared(client)
    if policy is not None and counted and not is_balancer:
        events = rates.connections(policy.snapshot.clients, client.ip)
    try:
        full = await front.counters.acquire_all(slots, events)
        if full is not None and policy is not None and rates.is_rate(full):
            seen = rates.too_many_connections(full)
            session.early.append(seen)
            if rates.NAME not in policy.enforced:  # the recipient's domain decides
                full = await front.counters.acquire_all(slots)
    except CountersUnreachable as error:
        front.alarm(f"counters can not be reached: {error}")
        session.say(SHUTTING_DOWN)
        return False
    if full is not None:
        session.note(f"connected; the limit of {full.partition(':')[0]} is reached", TOO_MANY_CONNECTIONS)
        session.say(TOO_MANY_CONNECTIONS)
        return False
    session.take_slots("connections", key)
    return True


async def _spoke_early(session: "Session", policy: Policy) -> bool:
    """Let an unknown client wait; tells whether it spoke meanwhile. Raises EOFError where it leaves."""
    seconds = policy.snapshot.clients.greet_delay
    ip, reader = session.client.ip, session.reader
    if not seconds or policy.is_spared(session.client) or policy.is_blocked(ip) or _is_known(session, ip):
        return False
    speaking = asyncio.ensure_future(reader.wait())
    try:
        async with asyncio.timeout(seconds):
            if session.connecting is not None:  # its name may be known, once that is confirmed
                either: set[asyncio.Future[Any]] = {speaking, session.connecting}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not speaking.done() and _is_known(session, _confirmed_name(session)):
                    return False
            await asyncio.shield(speaking)
    except TimeoutError:
        return False
    finally:
        speaking.cancel()
        await asyncio.wait({speaking})  # nobody else may wait on the reader before this one has gone
    return True


def _is_known(session: "Session", who: str) -> bool:
    """Whether a client, by address or name, had a message delivered lately."""
    return bool(who) and session.front.counters.get(early_talker.known_key(who)) is not None


def _confirmed_name(session: "Session") -> str:
    """Give the name that the client's address has forward and backward, once that is known, or an empty string."""
    task = session.connecting
    return confirmed_name(task.result()) if task is not None and task.done() and not task.cancelled() else ""
