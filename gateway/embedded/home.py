"""The state folder: made for its owner alone, and held by one gateway at a time."""

import fcntl
import os
from pathlib import Path
from typing import IO

from gateway import halfway
from gateway.config import Config

_ENTRIES = ("clamav", "policy", "secrets", "sink", "spool", "journal", "status", "tls")


class HomeError(Exception):
    """The state folder can't be used. The text names the folder and the remedy."""


def prepare(config: Config) -> None:
    """Make the state folder and those below it, mode 0700.

    Raises HomeError where one can't be written, and where only half of a restored state is there.
    """
    if trouble := halfway.trouble(config.home):
        raise HomeError(trouble)
    for folder in (config.home, *(config.home / entry for entry in _ENTRIES)):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise HomeError(_sentence(folder, error.strerror)) from error
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise HomeError(_sentence(folder, "not writable by this user"))
    try:
        # Permission bits alone don't tell a read-only or a full file system.
        probe = config.home / f".probe-{os.getpid()}"
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()
    except OSError as error:
        raise HomeError(_sentence(config.home, error.strerror)) from error


def hold(config: Config) -> IO[str]:
    """Lock the state folder for this process, for as long as the returned file is open. Raises HomeError."""
    path = config.home / "run.lock"
    try:
        file = path.open("a+")
    except OSError as error:
        raise HomeError(_sentence(path, error.strerror)) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = path.read_text().strip() or "unknown"
        file.close()
        raise HomeError(
            f"{config.home}: a gateway runs on this state folder already (process {holder}); "
            "stop that one, or name another folder with --home"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def is_held(config: Config) -> bool:
    """Whether a gateway runs on the state folder now."""
    try:
        with (config.home / "run.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _sentence(path: Path, reason: str | None) -> str:
    """Say what is wrong with a path, and what helps."""
    return f"{path}: {reason or 'cannot be used'}; name a folder that this user can write with --home"
