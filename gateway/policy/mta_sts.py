"""The MTA-STS policy of a domain (RFC 8461): what its file says, and the id that names this text. Pure."""

import enum
import hashlib

DEFAULT_AGE = 7 * 86_400  # seconds
MOST_AGE = 31_557_600  # seconds, a year: RFC 8461 3.2
_ID_LENGTH = 32  # RFC 8461 3.1


class StsMode(enum.StrEnum):
    """What a sender does that gets no TLS with a certificate that it trusts: nothing, report it, or not deliver."""

    NONE = "none"
    TESTING = "testing"
    ENFORCE = "enforce"


def policy_text(mode: StsMode, max_age: int, *mx: str) -> str:
    """Give the text of ``/.well-known/mta-sts.txt`` (RFC 8461 3.2); ``max_age`` is in seconds, ``mx`` names hosts."""
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in mx), f"max_age: {max_age}"]
    return "".join(f"{line}\n" for line in lines)


def policy_id(text: str) -> str:
    """Give the id of a policy's text, which is another one exactly when the text is."""
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH]
