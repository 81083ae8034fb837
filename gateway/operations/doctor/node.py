"""The machine: state folder, disk, clock, certificate."""

import ctypes
import datetime
import os
import shutil
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from django.db import DatabaseError

from gateway import halfway
from gateway.config import Config
from gateway.models import Transaction
from gateway.operations import room
from gateway.operations.doctor.result import Result, fail, ok, skip, warn

_EXPIRES_SOON = 21  # days; of a certificate with a short life, the last fifth
_STEP_BACK = 60.0  # seconds that the clock may seem to have gone back
_TIME_ERROR = 5  # ntp_gettime: nobody keeps this clock
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")  # there once it has set the clock


def home(config: Config) -> Iterator[Result]:
    """Tell whether the state folder is there, ours, and nobody else's."""
    folder = config.home
    if not folder.is_dir():
        yield fail("state folder", f"{folder} does not exist", "start the gateway once, or set node.home")
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield fail("state folder", f"{folder} can't be written by this user", "run as its owner, or change its owner")
    elif trouble := halfway.trouble(folder):
        what, _, remedy = trouble.partition("; ")
        yield fail("state folder", what, remedy)
    elif folder.stat().st_mode & 0o077:
        yield warn("state folder", f"{folder} is open to other users", f"chmod 700 {folder}")
    else:
        yield ok("state folder", str(folder))


def disk(config: Config) -> Iterator[Result]:
    """Tell whether there is room for mail, and for what is quarantined."""
    folder = config.spool_folder if config.spool_folder.is_dir() else config.home
    if not folder.is_dir():
        return
    text = f"{shutil.disk_usage(folder).free / 1024**3:.1f} GiB free below {folder}"
    short = room.shortages(config)
    for each in short:
        told = fail if each.refused else warn
        yield told("disk", f"{each.text} ({text})", each.remedy)
    if not short:
        yield ok("disk", text)


def clock(_config: Config) -> Iterator[Result]:
    """Tell whether the clock runs on, and whether anybody keeps it."""
    try:
        newest = Transaction.objects.order_by("-started").values_list("started", flat=True).first()
    except DatabaseError:
        newest = None
    if newest is not None and newest.timestamp() > time.time() + _STEP_BACK:
        yield fail("clock", f"it is before the last transaction, of {newest:%Y-%m-%d %H:%M:%S} UTC", "set the clock")
        return
    state = _kernel_clock()
    if state < 0 and _TIMESYNCD.exists():
        yield ok("clock", "kept by systemd-timesyncd")
    elif state < 0:
        yield skip("clock", "the kernel doesn't say whether anybody keeps it")
    elif state == _TIME_ERROR:
        yield warn(
            "clock", "nobody keeps it, as far as the kernel knows", "run a time service such as systemd-timesyncd"
        )
    else:
        yield ok("clock", "kept by a time service")


def _kernel_clock() -> int:
    """Ask the kernel how the clock is kept; negative where it may not be asked, as in a unit with ProtectClock=."""
    return int(ctypes.CDLL(None).ntp_gettime(ctypes.create_string_buffer(128)))


def certificate(config: Config) -> Iterator[Result]:
    """Tell whether STARTTLS can be offered, and for how long."""
    path = config.certificate
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path, config.key)
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        yield fail("certificate", f"{path} or {config.key} does not exist", "set smtp.certificate and smtp.key")
        return
    except (OSError, ValueError) as error:
        yield fail(
            "certificate", f"{path} with {config.key}: {error}", "give a PEM chain and the key that belongs to it"
        )
        return
    days = (found.not_valid_after_utc - datetime.datetime.now(datetime.UTC)).days
    life = (found.not_valid_after_utc - found.not_valid_before_utc).days
    until = f"valid until {found.not_valid_after_utc:%Y-%m-%d}"
    if days < 0:
        yield fail("certificate", f"{path} has expired: {until}", "renew it")
    elif days < min(_EXPIRES_SOON, life / 5):
        yield warn("certificate", f"{path} expires in {days} days", "renew it")
    elif found.issuer == found.subject:
        yield ok("certificate", f"self-signed, {until}: enough for STARTTLS, not for clients that check it")
    else:
        yield ok("certificate", until)
