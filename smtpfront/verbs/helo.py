"""HELO and EHLO (RFC 5321 4.1.1.1): who the client says it is, and what we offer."""

import msgspec

from gateway.mail.reply import Reply
from smtpfront.session import Session

NO_NAME = Reply(501, "5.5.4", "a host name or address literal is needed")
MAX_NAME = 255  # octets, RFC 5321 4.5.3.1.2


async def ehlo(session: Session, rest: str) -> Reply | None:
    """Offer what we can. RFC 2034 4 keeps enhanced codes out of this reply."""
    if not await _greet(session, rest, esmtp=True):
        return NO_NAME
    front = session.front
    policy = front.policy
    lines = [front.name, "PIPELINING", f"SIZE {policy.snapshot.max_size if policy is not None else 0}"]
    if front.tls is not None and not session.client.tls:
        lines.append("STARTTLS")
    if session.listener == "outbound" and session.client.tls:
        lines.append("AUTH PLAIN LOGIN")
    lines += ["8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "PRDR"]
    text = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
    # One write: naive clients read one packet.
    session._write(text.encode("ascii", "replace"))  # noqa: SLF001 - verbs are the session's other half
    return None


async def helo(session: Session, rest: str) -> Reply | None:
    """Greet a client of the old kind."""
    if not await _greet(session, rest, esmtp=False):
        return NO_NAME
    session._write(f"250 {session.front.name}\r\n".encode("ascii", "replace"))  # noqa: SLF001 - as above
    return None


async def _greet(session: Session, name: str, *, esmtp: bool) -> bool:
    """Take the name; False where it is none. A greeting in mid-session ends the transaction."""
    if not name or len(name) > MAX_NAME or not name.isascii() or " " in name:
        return False
    await session.begin_anew("EHLO" if esmtp else "HELO")
    session.client = msgspec.structs.replace(session.client, helo=name, esmtp=esmtp)
    await session.meet()
    return True
