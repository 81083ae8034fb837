"""AUTH (RFC 4954): only on the outbound listener, only under TLS, hashes checked off the loop, guessing limited."""

import asyncio
import types

import msgspec
from aiosmtpd.smtp import AuthResult, LoginPassword

from gateway.mail.reply import Reply
from gateway.services import passwords
from gateway.services.counters import CountersUnreachable
from smtpfront.session import Session

OK = Reply(235, "2.7.0", "authentication succeeded")
WRONG = Reply(535, "5.7.8", "login or password is wrong")
TOO_MANY = Reply(454, "4.7.0", "too many failed attempts, please try again later")
NOT_HERE = Reply(502, "5.5.1", "AUTH is not offered on this port")
NEED_TLS = Reply(538, "5.7.11", "AUTH needs TLS: say STARTTLS first")
ALREADY = Reply(503, "5.5.1", "you are authenticated already")
UNKNOWN = Reply(504, "5.5.4", "the mechanisms are PLAIN and LOGIN")
NEED_EHLO = Reply(503, "5.5.1", "say EHLO first")
NO_COUNTERS = Reply(454, "4.7.0", "authentication is not possible at the moment")

# Each comparison takes tens of milliseconds of a core; a crowd of guessers must wait in line.
_turns = asyncio.Semaphore(2)


async def auth(session: Session, rest: str) -> Reply | None:
    """Let aiosmtpd's mechanism read the credentials, then compare them."""
    if (refused := _out_of_order(session)) is not None:
        return refused
    words = rest.split()
    if not words or len(words) > 2 or words[0].upper() not in {"PLAIN", "LOGIN"}:  # noqa: PLR2004 - mechanism and initial response
        return UNKNOWN
    mechanism = session.auth_PLAIN if words[0].upper() == "PLAIN" else session.auth_LOGIN
    session.session = types.SimpleNamespace(peer=session.client.ip)  # aiosmtpd asks for no more
    try:
        async with asyncio.timeout(session.front.config.limits.command_seconds):
            result: AuthResult = await mechanism(None, [words[0].upper(), *("" if w == "=" else w for w in words[1:])])
    except TimeoutError:
        session.close()
        return None
    credentials = result.auth_data
    if not isinstance(credentials, LoginPassword):
        session.errors += 1  # the mechanism has told the client what was malformed
        return None
    return await _verify(session, credentials.login.decode("utf-8", "replace"), credentials.password)


def _out_of_order(session: Session) -> Reply | None:
    """Give the refusal where AUTH may not happen now."""
    if session.listener != "outbound":
        return NOT_HERE
    if not session.client.tls:
        return NEED_TLS
    if not session.client.esmtp:
        return NEED_EHLO
    if session.client.account:
        return ALREADY
    return Reply(503, "5.5.1", "not within a transaction") if session.transaction is not None else None


async def _verify(session: Session, login: str, password: bytes) -> Reply:
    """Compare; count failures per client and per account."""
    front = session.front
    limits = front.config.limits
    window = limits.auth_window_seconds
    keys = (f"auth-failed:client:{session.client.ip}", f"auth-failed:account:{login.lower()[:255]}")
    try:
        for key in keys:
            if await front.counters.peek(key, window) >= limits.auth_failures:
                return TOO_MANY
        policy = front.policy
        account = policy.snapshot.accounts.get(login) if policy is not None else None
        stored = front.read_secret(account.secret) if account is not None else None
        async with _turns:
            fits = await asyncio.to_thread(passwords.matches, stored, password)
        if not fits:
            for key in keys:
                await front.counters.count(key, window)
            return WRONG
    except CountersUnreachable as error:
        front.alarm(f"counters can not be reached: {error}")
        return NO_COUNTERS
    session.client = msgspec.structs.replace(session.client, account=login)
    return OK
