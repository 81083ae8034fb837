"""The services of this machine, as systemd sees them, where ours are among them."""

import shutil
import subprocess
from collections.abc import Iterator

from gateway.config import Config
from gateway.operations.doctor.result import Result, fail, ok, skip, warn

_SECONDS = 5.0
_OURS = "backstop-"
_LIST = ("list-units", "--all", "--plain", "--no-legend", "--no-pager", "--full")
_REMEDY = "journalctl -u {0} says why; once it is mended: systemctl reset-failed {0} && systemctl start {0}"
_BUS = "it needs the package dbus; or look yourself: sudo systemctl --failed"


def failed(_config: Config) -> Iterator[Result]:
    """Tell which units have failed, or start over and over. Nothing where none of ours is known to systemd."""
    program = shutil.which("systemctl")
    if program is None:
        return
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            (program, *_LIST), capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        yield skip("units", f"systemd does not answer within {_SECONDS:.0f} s; look yourself: sudo systemctl --failed")
        return
    if done.returncode:
        # It runs nothing here, as in most containers; or this user can't reach it.
        if "not been booted with systemd" not in done.stderr:
            yield skip("units", f"systemd can't be asked ({done.stderr.strip()}); {_BUS}")
        return
    units = [line.split(maxsplit=4)[:4] for line in done.stdout.splitlines()]
    if not any(unit.startswith(_OURS) for unit, *_ in units):
        return
    broken = [
        (unit, "has failed" if active == "failed" else "ends and is started over and over")
        for unit, _, active, sub in units
        if active == "failed" or sub == "auto-restart"
    ]
    for unit, how in broken:
        told = fail if unit.startswith(_OURS) else warn
        yield told("units", f"{unit} {how}", _REMEDY.format(unit))
    if not broken:
        yield ok("units", "none has failed")
