"""Who writes under the names of an instance: a lock each, held by its parent and all its children.

    locks/smtp      of the instance without a name
    locks/smtp-a    of the instance a

While a process of an instance lives, nobody else touches what its slots have staged. What an instance left that does
not run was never answered with 250, and goes at the start of any.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.config import Config
from gateway.spool.disk import FILE_MODE, make_folder, told
from gateway.spool.staging import Spool

log = logging.getLogger("smtpd")

_POLL_SECONDS = 0.1


class InstanceRunsError(Exception):
    """Processes of this instance run. The text says which instance, and the remedy."""


def hold(config: Config, seconds: float) -> int:
    """Lock our instance; gives the file descriptor that holds the lock, as long as any process has it open.

    Processes of ours whose parent was killed may still be ending; they get ``seconds``. Raises InstanceRunsError,
    SpoolError.
    """
    name = config.node.instance
    handle = _open(config, name)
    deadline = time.monotonic() + seconds
    waiting = False
    while not _lock(handle):
        if not waiting:
            log.warning("processes of an earlier start are still ending; waiting for them")
            waiting = True
        if time.monotonic() > deadline:
            os.close(handle)
            which = f"as instance {name}" if name else "without an instance's name"
            raise InstanceRunsError(
                f"{config.home}: another smtpd runs here {which}; stop it, or set node.instance to another name"
            )
        time.sleep(_POLL_SECONDS)
    return handle


def sweep(config: Config) -> int:
    """Discard what slots have left that nobody serves any more; gives how many messages. Our lock is held.

    Our own slots that are about to be served are left to their processes. Raises SpoolError.
    """
    count = 0
    folder = config.spool_folder
    places = [*folder.glob("incoming/*"), *folder.glob("staging/*")]
    for slot in sorted({place.name for place in places} - set(config.slots)):
        with _unless_it_runs(config, slot.rpartition("-")[0]) as ours:
            if ours:
                count += Spool(folder, slot).discard_leftovers()
                for kind in ("incoming", "staging"):
                    shutil.rmtree(folder / kind / slot, ignore_errors=True)
                (config.status_folder / f"smtp-{slot}.json").unlink(missing_ok=True)
    return count


@contextlib.contextmanager
def _unless_it_runs(config: Config, instance: str) -> Iterator[bool]:
    """Hold the lock of an instance, where it can be had: it does not run then, and does not start meanwhile."""
    if instance == config.node.instance:
        yield True
        return
    handle = _open(config, instance)
    try:
        yield _lock(handle)
    finally:
        os.close(handle)


def _open(config: Config, instance: str) -> int:
    """Open the file of a lock. Raises SpoolError."""
    folder: Path = config.home / "locks"
    with told(folder):
        make_folder(folder)
        return os.open(
            folder / (f"smtp-{instance}" if instance else "smtp"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE
        )


def _lock(handle: int) -> bool:
    """Take a lock, if it is free."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
