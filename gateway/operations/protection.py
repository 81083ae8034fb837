"""How much the scanner can see, as whoever started clamd knows it: told in ``status/clamd.json`` for all to read."""

import enum

import msgspec

from gateway.config import Config
from gateway.spool.disk import replace_file

_FILE = "clamd.json"


class Protection(enum.StrEnum):
    """What the scanner can see."""

    FULL = "full"
    EICAR_ONLY = "eicar-only"
    NONE = "none"


class ScannerProtection(msgspec.Struct, frozen=True):
    """What stands in the file. ``detail`` is a sentence for people."""

    protection: Protection
    detail: str


def tell(config: Config, status: ScannerProtection) -> None:
    """Write the file. Raises OSError."""
    replace_file(config.status_folder / _FILE, [msgspec.json.encode(status)])


def read(config: Config) -> ScannerProtection | None:
    """Read the file; None where no clamd was started by this gateway, or the configuration names another."""
    if not config.has_own_clamd:
        return None
    try:
        return msgspec.json.decode((config.status_folder / _FILE).read_bytes(), type=ScannerProtection)
    except (OSError, msgspec.MsgspecError):
        return None
