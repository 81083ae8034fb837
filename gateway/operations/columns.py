"""Values from outside made fit for a column: what a database would refuse is cut or replaced, never an error.

Only PostgreSQL minds most of it; SQLite gets the same values, so that both hold the same rows.
"""

import ipaddress
import re
from datetime import UTC, datetime

NO_ADDRESS = "0.0.0.0"  # noqa: S104 - "no address" in a column that must hold one; nothing listens here
_INTEGER = 2**31 - 1
_BIG_INTEGER = 2**63 - 1
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def text(value: str, limit: int | None = None) -> str:
    """Give the text without NUL characters, cut at ``limit`` characters."""
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    return value if limit is None else value[:limit]


def json_line(line: bytes) -> bytes:
    """Give a line of JSON whose strings hold no NUL character, which jsonb can't store."""
    return _NUL.sub(rb"\1\\ufffd", line) if rb"\u0000" in line else line


def integer(value: int) -> int:
    """Give the number within 0 and what a 32-bit column holds."""
    return min(max(value, 0), _INTEGER)


def big_integer(value: int) -> int:
    """Give the number within 0 and what a 64-bit column holds."""
    return min(max(value, 0), _BIG_INTEGER)


def address(value: str) -> str:
    """Give an IP address without its scope, or 0.0.0.0 for what is none."""
    try:
        return str(ipaddress.ip_address(value.partition("%")[0]))
    except ValueError:
        return NO_ADDRESS


def moment(seconds: float) -> datetime:
    """Give the point in time of seconds since the epoch. Raises ValueError for one outside of the calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{seconds} is no point in time") from error
