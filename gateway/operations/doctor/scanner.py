"""The virus scanner."""

import time
from collections.abc import Iterator

from gateway.config import Config
from gateway.operations import protection
from gateway.operations.doctor.result import Result, fail, ok, warn
from gateway.operations.protection import Protection
from gateway.services.clamd import ScannerError, ping_version

_OLD_DAYS = 3
_TOO_OLD_DAYS = 14


def clamd(config: Config) -> Iterator[Result]:
    """Tell whether it answers, and what it knows."""
    told = protection.read(config)
    try:
        status = ping_version(config.clamd_address)
    except ScannerError as error:
        detail = told.detail if told is not None and told.protection is Protection.NONE else str(error)
        yield fail("clamd", f"{detail} Mail is deferred (451) until it answers", "start clamd; it may still be loading")
        return
    yield ok("clamd", f"answers: {status.version}")
    if told is not None and told.protection is Protection.EICAR_ONLY:
        yield fail("signatures", told.detail, "as root: freshclam")
    elif status.signatures_at is None:
        yield warn("signatures", "it has no daily database, so it knows local signatures only", "as root: freshclam")
    else:
        days = (time.time() - status.signatures_at) / 86400
        text = f"daily {status.signatures}, {days:.0f} days old"
        if days > _TOO_OLD_DAYS:
            yield fail("signatures", text, "see why freshclam doesn't run")
        elif days > _OLD_DAYS:
            yield warn("signatures", text, "see why freshclam doesn't run")
        else:
            yield ok("signatures", text)
