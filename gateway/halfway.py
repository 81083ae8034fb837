"""The mark of a restore that has not come to its end: no process of a gateway serves half of a state.

A gateway that lacks keys takes true bounces for forged ones, and one that lacks rows knows no recipients. So a restore
writes this file into the home before it touches anything, and removes it when all is there; also after a power cut,
nobody starts meanwhile. Nothing here restores.
"""

from pathlib import Path

from gateway import installation
from gateway.spool.disk import make_folder, sync_folder, write_file

_FILE = "restoring"


def begin(home: Path) -> None:
    """Mark the home, durably. Raises OSError."""
    path = home / _FILE
    if not path.exists():
        make_folder(home)
        write_file(path, ())  # an empty one also fits on a full disk, as a whole
    sync_folder(home)


def end(home: Path) -> None:
    """Take the mark away, durably. Raises OSError."""
    (home / _FILE).unlink(missing_ok=True)
    sync_folder(home)


def trouble(home: Path) -> str:
    """Say why nothing may start on a home, and what helps; empty where all of it is there."""
    path = home / _FILE
    if not path.exists():
        return ""
    return (
        f"{path}: a restore broke off, and half of the state is missing; run it again "
        f"(backstop-restore --over-everything, or {installation.PROGRAM} restore FOLDER --overwrite)"
    )
