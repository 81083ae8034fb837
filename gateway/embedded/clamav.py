"""A clamd of our own, under the state folder: its configuration, its signatures, and how good its protection is.

It uses the system's signatures where freshclam has fetched some. Where there are none it knows the EICAR test file and
nothing else, and says so wherever somebody looks: that is no protection.
"""

import os
import shutil
import stat
from pathlib import Path

import msgspec

from gateway.config import Config
from gateway.embedded.home import HomeError
from gateway.operations.protection import Protection, ScannerProtection, tell
from gateway.services.clamd.trial import EICAR

__all__ = ["EICAR", "Clamd", "prepare", "signatures", "system_signatures"]

PROGRAM = "clamd"
SYSTEM_DATABASE = Path("/var/lib/clamav")
NO_PROTECTION = (
    "NO PROTECTION FROM VIRUSES: there are no signatures on this machine, so clamd knows the EICAR test file and "
    "nothing else. Let freshclam fetch signatures (as root: freshclam); they are picked up within a minute."
)
# Well beyond the largest message of the default policy: the scanner's limit must not be the first that is met.
_STREAM_LIMIT = "256M"
_SCAN_SHARE = 0.75  # of the time that a scan may take: what takes clamd longer is a limit exceeded, a definite answer
_THREADS = 10


class Clamd(msgspec.Struct, frozen=True):
    """How to start it: its command line, and the status that goes with its signatures."""

    command: tuple[str, ...]
    status: ScannerProtection


def prepare(config: Config) -> Clamd | None:
    """Write configuration and, where needed, signatures; gives how to start it, or None where there is no clamd."""
    program = shutil.which(PROGRAM, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        detail = "clamd is not installed, so mail is deferred (451): install the package clamav-daemon."
        tell(config, ScannerProtection(Protection.NONE, detail))
        return None
    folder = config.home / "clamav"
    database, status = signatures(folder)
    socket = Path(config.clamd_address)
    if socket.parent != folder:
        _claim(socket.parent)
    file = folder / "clamd.conf"
    file.write_text(_configuration(config, socket, database))
    tell(config, status)
    return Clamd((_unconfined(program, folder), "--foreground", f"--config-file={file}"), status)


def signatures(folder: Path) -> tuple[Path, ScannerProtection]:
    """Give the folder of signatures to use and what they are worth; makes the EICAR database where there are none."""
    if system_signatures():
        return SYSTEM_DATABASE, ScannerProtection(Protection.FULL, f"Signatures of the system, in {SYSTEM_DATABASE}.")
    local = folder / "database"
    local.mkdir(mode=0o700, exist_ok=True)
    # Target type 0 is any file, * any offset.
    (local / "eicar.ndb").write_text(f"Eicar-Test-Signature:0:*:{EICAR.hex()}\n")
    return local, ScannerProtection(Protection.EICAR_ONLY, NO_PROTECTION)


def system_signatures() -> bool:
    """Whether freshclam has fetched the main or the daily database, in a form that this user can read."""
    names = (SYSTEM_DATABASE / f"{name}.{form}" for name in ("main", "daily") for form in ("cvd", "cld"))
    return any(os.access(path, os.R_OK) for path in names)


def _claim(folder: Path) -> None:
    """Make a folder in a place that others write to, and be sure that it is ours. Raises HomeError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise HomeError(f"{folder}: is not a folder of this user alone; remove it")


def _unconfined(program: str, folder: Path) -> str:
    """Give the program to start: a copy where AppArmor's profile, which goes by path, keeps clamd out of our folder."""
    enabled = Path("/sys/module/apparmor/parameters/enabled")
    if not (enabled.exists() and enabled.read_text().startswith("Y")):
        return program
    copy = folder / PROGRAM
    if not copy.exists() or copy.stat().st_mtime < Path(program).stat().st_mtime:
        shutil.copy(program, copy)
    return str(copy)


def _configuration(config: Config, socket: Path, database: Path) -> str:
    """Give clamd.conf. No ``User``: it stays who it was started as, and reads what this user can read."""
    scans = config.scans_at_once * config.node.processes
    return f"""# Written anew at each start.
Foreground yes
LocalSocket {socket}
LocalSocketMode 600
FixStaleSocket yes
DatabaseDirectory {database}
AlertExceedsMax yes
AlertEncrypted yes
StreamMaxLength {_STREAM_LIMIT}
MaxFileSize {_STREAM_LIMIT}
MaxScanSize 1024M
MaxScanTime {config.clamd.seconds * 1000 * _SCAN_SHARE:.0f}
MaxThreads {max(_THREADS, scans)}
MaxQueue {2 * max(_THREADS, scans) + 80}
LogClean no
"""
