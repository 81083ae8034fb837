"""Watches how old the scanners' signatures are, and that the scanners answer, whether or not mail comes."""

import logging
import time

from django.conf import settings

from gateway.config import Config
from gateway.operations import alarms
from gateway.services.clamd import ScannerError, ScannerStatus, ping_version, remedy

log = logging.getLogger("backstop.signatures")

_undated: set[str] = set()  # scanners of which it was said that their signatures have no date


def look_again(now: float | None = None) -> None:
    """Ask each scanner for its version; raise an alarm where it is silent, or its signatures are old."""
    config: Config = settings.CONFIG
    for address in config.clamd_addresses:
        try:
            status = ping_version(address)
        except ScannerError as error:
            alarms.raise_alarm(config.name, f"no answer to VERSION: {error}; {remedy(str(error))}")
            continue
        days = status.days(time.time() if now is None else now)
        if days is None:
            _say_undated(address)
        elif days > config.clamd.signature_days:
            alarms.raise_alarm(config.name, old(address, status, config))


def old(address: str, status: ScannerStatus, config: Config) -> str:
    """Say that a scanner's signatures are old; the same words as long as they are the same signatures."""
    return (
        f"clamd at {address}: its signatures are old: daily {status.signatures} of {date(status)}, and more than "
        f"{config.clamd.signature_days:g} days are too many; see why freshclam does not run, or gets nothing"
    )


def date(status: ScannerStatus) -> str:
    """Give the day of a scanner's signatures; empty where they have none."""
    if status.signatures_at is None:
        return ""
    return time.strftime("%Y-%m-%d", time.gmtime(status.signatures_at))


def _say_undated(address: str) -> None:
    """Say once that a scanner has signatures of its own only, which have no date."""
    if address not in _undated:
        _undated.add(address)
        log.info("clamd at %s has no daily signatures, so their age can't be watched", address)
