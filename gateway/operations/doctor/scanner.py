"""The virus scanners: do they answer, how old is what they know, and what do they let pass."""

import asyncio
import time
from collections.abc import Iterator

from gateway.config import Config
from gateway.operations import protection, signatures
from gateway.operations.doctor.result import Result, fail, ok, warn
from gateway.operations.protection import Protection, ScannerProtection
from gateway.policy import codec
from gateway.policy.feed import FILE
from gateway.services.clamd import ScannerError, ScannerStatus, ping_version
from gateway.services.clamd.trial import attempt

_TOO_OLD_DAYS = 14
_NO_FRESHCLAM = "see why freshclam doesn't run"


def clamd(config: Config) -> Iterator[Result]:
    """Tell of each scanner whether it answers, what it knows, and what it lets pass."""
    told = protection.read(config)
    several = len(config.clamd_addresses) > 1
    for address in config.clamd_addresses:
        of = f" {address}" if several else ""
        try:
            status = ping_version(address)
        except ScannerError as error:
            detail = told.detail if told is not None and told.protection is Protection.NONE else str(error)
            meant = "The others scan meanwhile" if several else "Mail is deferred (451) until it answers"
            yield fail(f"clamd{of}", f"{detail.removesuffix('.')}. {meant}", "start clamd; it may still be loading")
            continue
        yield ok(f"clamd{of}", f"answers: {status.version}")
        yield _age(f"signatures{of}", config, status, told)
        yield from _passing(f"scan{of}", config, address)


def _age(name: str, config: Config, status: ScannerStatus, told: ScannerProtection | None) -> Result:
    """Tell how old the signatures are."""
    if told is not None and told.protection is Protection.EICAR_ONLY:
        return fail(name, told.detail, "as root: freshclam")
    days = status.days(time.time())
    if days is None:
        return warn(name, "it has no daily database, so it knows local signatures only", "as root: freshclam")
    text = f"daily {status.signatures} of {signatures.date(status)}, {days:.0f} days old"
    if days > max(_TOO_OLD_DAYS, config.clamd.signature_days):
        return fail(name, text, _NO_FRESHCLAM)
    return warn(name, text, _NO_FRESHCLAM) if days > config.clamd.signature_days else ok(name, text)


def _passing(name: str, config: Config, address: str) -> Iterator[Result]:
    """Tell what it lets pass unsaid, by files that do no harm."""
    try:
        largest = codec.load(config.policy_folder / FILE).max_size
    except codec.PolicyError:
        largest = 0  # the look at the policy says so
    try:
        trial = asyncio.run(attempt(address, largest))
    except ScannerError as error:
        yield fail(name, f"a harmless file could not be scanned: {error}", "see clamd's log, and its disk")
        return
    if not trial.finds_test_file:
        yield warn(name, "it does not find the test file of EICAR", "as root: freshclam")
    if not trial.tells_limits:
        yield warn(name, "it says OK where it stops looking at a limit", "AlertExceedsMax yes in clamd.conf")
    if not trial.tells_encrypted:
        yield warn(
            name, "it says OK of encrypted archives, which it can't look into", "AlertEncrypted yes in clamd.conf"
        )
    if not trial.takes:
        text = f"it takes no {largest} octets, the largest message of the policy: such mail is quarantined unscanned"
        yield fail(name, text, "raise StreamMaxLength in clamd.conf, or lower max_size")
    if trial.finds_test_file and trial.tells_limits and trial.tells_encrypted and trial.takes:
        yield ok(name, "finds the test file; tells limits and encrypted archives; takes the largest message")
