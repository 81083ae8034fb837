"""Our header lines in front of a relayed message. Pure; whatever a client chose is made harmless first."""

import email.utils
import re
from collections.abc import Sequence
from functools import lru_cache

from gateway.delivery.results import results_of
from gateway.delivery.scrub import scrub
from gateway.mail.client import Client
from gateway.mail.decisions import Decision
from gateway.mail.stripped import Taken

__all__ = ["authentication_results", "received", "results_of", "scrub", "spam_headers", "stripped"]

_NOT_HELO = re.compile(r"[^A-Za-z0-9._:\[\]-]")
_NOT_TOKEN = re.compile(r"[^A-Za-z0-9._/+-]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_WORDS = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+')
_LINE = 90  # characters after which a line is folded
_MAX_HELO = 255


def received(  # noqa: PLR0913 - each is a clause of the field
    client: Client,
    *,
    by: str,
    id: str,  # noqa: A002 - the clause's name
    at: float,
    recipients: tuple[str, ...],
    utf8: bool = False,
    listener: str = "",
    name: str = "",
) -> bytes:
    """Give the Received field (RFC 5321 4.4), CRLF included.

    ``name`` is what DNS calls the client's address, forward and backward, or empty; ``by`` is our name, ``id`` the
    trace's, ``at`` seconds since the epoch. ``for`` stands only where there is one recipient, so that nobody learns of
    another one.
    """
    helo = _NOT_HELO.sub("?", client.helo[:_MAX_HELO]) or "unknown"
    ip = f"IPv6:{client.ip}" if ":" in client.ip else client.ip
    program = f"Backstop {listener}" if listener else "Backstop"
    tls = f" ({_NOT_TOKEN.sub(' ', client.tls)})" if client.tls else ""
    who = f"{_NOT_HELO.sub('?', name[:_MAX_HELO])} [{ip}]" if name else f"[{ip}]"
    text = f"Received: from {helo} ({who})\r\n\tby {by} ({program}) with {protocol(client, utf8=utf8)}{tls} id {id}"
    if len(recipients) == 1 and (utf8 or recipients[0].isascii()):
        text += f"\r\n\tfor <{_CONTROL.sub('?', recipients[0])}>"
    return f"{text};\r\n\t{_date(int(at))}\r\n".encode()


def protocol(client: Client, *, utf8: bool) -> str:
    """Give the protocol's registered name (RFC 3848, RFC 6531 4.3): SMTP, ESMTP or UTF8SMTP, S for TLS, A for AUTH."""
    if not client.esmtp:
        return "SMTP"
    return ("UTF8SMTP" if utf8 else "ESMTP") + ("S" if client.tls else "") + ("A" if client.account else "")


def spam_headers(decision: Decision, symbols: dict[str, float], *, flag: bool) -> bytes:
    """Give X-Spam-Flag, X-Spam-Score and X-Spam-Status.

    The score is the decision's; ``symbols`` maps each symbol that counted to its weight, in points; ``flag`` says
    whether the message is to be taken for spam.
    """
    tests = "".join(f"\r\n\t{_NOT_TOKEN.sub('_', symbol)}={weight:.1f}" for symbol, weight in symbols.items())
    return (
        f"X-Spam-Flag: {'YES' if flag else 'NO'}\r\n"
        f"X-Spam-Score: {decision.score:.1f}\r\n"
        f"X-Spam-Status: {'Yes' if flag else 'No'}, score={decision.score:.1f} tests={tests or 'none'}\r\n"
    ).encode()


def stripped(node: str, id: str, taken: Sequence[Taken]) -> bytes:  # noqa: A002 - the trace's word
    """Give X-Backstop-Stripped: how many parts were taken out, and the id under which the original is kept."""
    return f"X-Backstop-Stripped: {node}; {id}; {len(taken)}\r\n".encode()


def authentication_results(authserv_id: str, results: Sequence[str] = ()) -> bytes:
    """Give the Authentication-Results field (RFC 8601 2.2) with the results that ``results_of`` gave, or ``none``.

    Each result has a line of its own, folded where it is long.
    """
    if not results:
        return f"Authentication-Results: {authserv_id}; none\r\n".encode()
    lines = ";\r\n\t".join([authserv_id, *map(_folded, results)])
    return f"Authentication-Results: {lines}\r\n".encode()


def _folded(result: str) -> str:
    """Fold a result between its words, those in quotes kept together."""
    if len(result) <= _LINE:
        return result
    lines = [""]
    for word in _WORDS.findall(result):
        if lines[-1] and len(lines[-1]) + len(word) >= _LINE:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\r\n\t ".join(lines)


@lru_cache(maxsize=64)
def _date(at: int) -> str:
    """Give the date of RFC 5322 3.3, in UTC. Cached: many messages come within a second."""
    return email.utils.formatdate(at)
