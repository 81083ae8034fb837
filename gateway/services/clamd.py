"""ClamAV over INSTREAM: is this content clean? Anything but an exact answer is an error, never "clean"."""

import enum

import msgspec

from gateway.mail.message import Content


class ScannerError(Exception):
    """The scanner could not tell. The text says why."""


class ScannerTimeout(ScannerError):
    """The scanner did not answer in time, or no slot became free in time."""


class Verdict(enum.StrEnum):
    """What clamd said. ``limits`` means that it stopped looking (``Heuristics.Limits.Exceeded.*``)."""

    CLEAN = "clean"
    VIRUS = "virus"
    LIMITS = "limits"


class ScanResult(msgspec.Struct, frozen=True):
    """The verdict, and the signature's name where there is one."""

    verdict: Verdict
    name: str = ""

    @property
    def clean(self) -> bool:
        """Whether clamd looked at all of it and found nothing."""
        return self.verdict is Verdict.CLEAN


class Clamd:
    """A clamd at ``address`` (path of a unix socket, or ``host:port``); ``seconds`` bounds queue and scan; ``concurrent`` scans at once."""

    def __init__(self, address: str, seconds: float, concurrent: int) -> None:
        raise NotImplementedError

    async def scan(self, content: Content) -> ScanResult:
        """Scan the octets. Raises ScannerError or ScannerTimeout."""
        raise NotImplementedError


class ScannerStatus(msgspec.Struct, frozen=True):
    """What clamd says of itself. ``signatures_at`` is seconds since the epoch, None where it does not say."""

    version: str
    engine: str = ""
    signatures: int | None = None  # number of the daily database
    signatures_at: float | None = None


def ping_version(address: str, seconds: float = 5.0) -> ScannerStatus:
    """Ask for the version; blocking. Raises ScannerError."""
    raise NotImplementedError
