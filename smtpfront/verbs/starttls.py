"""STARTTLS (RFC 3207)."""

import ssl

import msgspec

from gateway.mail.reply import Reply
from smtpfront.session import Session, tls_words
from smtpfront.verbs.simple import NO_ARGUMENT

READY = Reply(220, "2.0.0", "ready to start TLS")


async def starttls(session: Session, rest: str) -> Reply | None:
    """Turn the connection into a protected one; everything known of the client before is forgotten (RFC 3207 4.2)."""
    if rest:
        return NO_ARGUMENT
    context = session.front.tls
    if session.client.tls:
        return Reply(503, "5.5.1", "TLS is active already")
    if context is None or session.transport is None:
        return Reply(454, "4.7.0", "TLS is not available at the moment")
    await session.begin_anew("STARTTLS")
    session.reader.clear()
    session._write(READY.wire())  # noqa: SLF001 - verbs are the session's other half
    try:
        transport = await session.loop.start_tls(
            session.transport, session, context, server_side=True, ssl_handshake_timeout=30.0
        )
    except (ssl.SSLError, ConnectionError, TimeoutError, OSError) as error:
        session.note("TLS handshake", Reply(454, "4.7.0", f"failed: {error}"))
        session.closing = True
        raise EOFError from error
    if transport is None:
        raise EOFError
    session.transport = session.reader.transport = transport
    session.client = msgspec.structs.replace(session.client, helo="", esmtp=False, tls=tls_words(transport))
    return None
