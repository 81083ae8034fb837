"""Our header lines in front of a relayed message, and the removal of forged ones. Pure."""

from gateway.mail.client import Client
from gateway.mail.decisions import Decision
from gateway.mail.message import Content
from gateway.mail.trace import Trace


def received(client: Client, *, by: str, id: str, at: float, recipients: tuple[str, ...], utf8: bool = False, listener: str = "") -> bytes:
    """Give the Received field (RFC 5321 4.4), CRLF included. ``at`` is seconds since the epoch; ``for`` only with one recipient."""
    raise NotImplementedError


def spam_headers(decision: Decision, symbols: dict[str, float], *, flag: bool) -> bytes:
    """Give X-Spam-Flag (``flag``), X-Spam-Score and X-Spam-Status from the decision's score and the symbols with their weights."""
    raise NotImplementedError


def authentication_results(authserv_id: str, *, account: str = "") -> bytes:
    """Give the Authentication-Results field (RFC 8601): ``auth=pass smtp.auth=account``, or ``none``."""
    raise NotImplementedError


def scrub(content: Content, authserv_id: str) -> tuple[bytes, int]:
    """Remove forged fields of ours; gives (new head, octets of the content that it replaces), ``(b"", 0)`` if there are none."""
    raise NotImplementedError
