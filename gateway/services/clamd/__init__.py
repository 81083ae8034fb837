"""ClamAV over INSTREAM: is this content clean? Anything but an exact answer is an error, never "clean"."""

from gateway.services.clamd.control import ScannerStatus, ping_version, reload, stats
from gateway.services.clamd.scanning import Clamd
from gateway.services.clamd.words import (
    ScannerError,
    ScannerTimeout,
    ScanResult,
    Trouble,
    Verdict,
    read_answer,
    remedy,
)

__all__ = [
    "Clamd",
    "ScanResult",
    "ScannerError",
    "ScannerStatus",
    "ScannerTimeout",
    "Trouble",
    "Verdict",
    "ping_version",
    "read_answer",
    "reload",
    "remedy",
    "stats",
]
