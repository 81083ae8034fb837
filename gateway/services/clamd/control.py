"""What is said to clamd now and then: VERSION, STATS, RELOAD, by the ``clamd`` package. It blocks."""

import email.utils
import socket

import clamd as package  # type: ignore[import-untyped]
import msgspec

from gateway.services.clamd.connection import parse
from gateway.services.clamd.words import ScannerError, Trouble

_DAY = 86400.0


class ScannerStatus(msgspec.Struct, frozen=True):
    """What clamd says of itself.

    ``signatures`` is the number of its daily database and ``signatures_at`` that one's time, in seconds since the
    epoch; both are None where it has only local signatures.
    """

    version: str
    engine: str = ""
    signatures: int | None = None
    signatures_at: float | None = None

    def days(self, now: float) -> float | None:
        """Give how old the daily database is, in days; None where there is none. ``now`` is seconds since the epoch."""
        return None if self.signatures_at is None else (now - self.signatures_at) / _DAY


def ping_version(address: str, seconds: float = 5.0) -> ScannerStatus:
    """Ask for the version; blocks. Raises ScannerError."""
    text = _said(address, "version", seconds)
    engine, _, rest = text.removeprefix("ClamAV ").partition("/")
    number, _, date = rest.partition("/")
    parsed = email.utils.parsedate_tz(_reordered(date))
    return ScannerStatus(
        version=text,
        engine=engine,
        signatures=int(number) if number.isdigit() else None,
        signatures_at=float(email.utils.mktime_tz(parsed)) if parsed else None,
    )


def stats(address: str, seconds: float = 5.0) -> str:
    """Ask for its threads, queue and memory, as it says them; blocks. Raises ScannerError."""
    return _said(address, "stats", seconds)


def reload(address: str, seconds: float = 5.0) -> None:
    """Have it read its signatures anew, which goes on behind the answer; blocks. Raises ScannerError."""
    if (said := _said(address, "reload", seconds)) != "RELOADING":
        raise ScannerError(f"clamd at {address} answered {said[:200]!r} to RELOAD", Trouble.GARBAGE)


class _Way(package.ClamdNetworkSocket):  # type: ignore[misc] # the package has no types
    """The package's client, with its time-out set before it connects: a stopped clamd may take no connection."""

    def __init__(self, address: str, seconds: float) -> None:
        """Take the address and the bound."""
        super().__init__(timeout=seconds)
        self._address = address

    def _init_socket(self) -> None:
        """Connect."""
        host, port = parse(self._address)
        if host:
            self.clamd_socket = socket.create_connection((host, port), self.timeout)
            return
        self.clamd_socket = socket.socket(socket.AF_UNIX)
        self.clamd_socket.settimeout(self.timeout)
        try:
            self.clamd_socket.connect(self._address)
        except OSError:
            self.clamd_socket.close()
            raise


def _said(address: str, command: str, seconds: float) -> str:
    """Give the answer to a command. Raises ScannerError."""
    way = _Way(address, seconds)
    try:
        text: str = getattr(way, command)()
    except (package.ClamdError, OSError, ValueError) as error:
        # The package tells of a time-out, and of nothing else, by the words of the socket.
        late = isinstance(error, TimeoutError) or "timed out" in str(error)
        why = f" gave no answer to {command.upper()} within {seconds:g} seconds" if late else f": {error}"
        raise ScannerError(f"clamd at {address}{why}", Trouble.DOWN) from error
    if not text:
        raise ScannerError(f"clamd at {address} gave an empty answer to {command.upper()}", Trouble.EMPTY)
    return text


def _reordered(date: str) -> str:
    """Turn the date of ``ctime`` into one of RFC 5322: ``Mon Jul  1 08:30:00 2026``."""
    words = date.split()
    return f"{words[2]} {words[1]} {words[4]} {words[3]} +0000" if len(words) == 5 else ""  # noqa: PLR2004 - its parts
