"""The verbs that need no thought."""

from gateway.mail.reply import Reply
from smtpfront.session import Session

OK = Reply(250, "2.0.0", "ok")
BYE = Reply(221, "2.0.0", "bye")
NO_ARGUMENT = Reply(501, "5.5.4", "this command takes no argument")


async def rset(session: Session, rest: str) -> Reply | None:
    """Forget the transaction (RFC 5321 4.1.1.5)."""
    if rest:
        return NO_ARGUMENT
    await session.begin_anew("RSET")
    return OK


async def noop(session: Session, rest: str) -> Reply | None:
    """Do nothing (RFC 5321 4.1.1.9); a text is allowed."""
    del session, rest
    return OK


async def vrfy(session: Session, rest: str) -> Reply | None:
    """Tell nobody who exists (RFC 5321 7.3)."""
    del session
    if not rest:
        return Reply(501, "5.5.4", "VRFY needs an address")
    return Reply(252, "2.5.2", "can not verify; send the message and see")


async def expn(session: Session, rest: str) -> Reply | None:
    """Not offered."""
    del session, rest
    return Reply(502, "5.5.1", "EXPN is not offered")


async def help_(session: Session, rest: str) -> Reply | None:
    """Say what there is."""
    del session, rest
    return Reply(214, "2.0.0", "EHLO HELO STARTTLS AUTH MAIL RCPT DATA RSET NOOP VRFY QUIT")


async def quit_(session: Session, rest: str) -> Reply | None:
    """Say good-bye and close."""
    if rest:
        return NO_ARGUMENT
    await session.begin_anew("QUIT")
    session.answer(BYE)
    session.close()
    return None
