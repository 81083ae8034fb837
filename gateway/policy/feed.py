"""Published files as they change: watches one, and never lets go of the last good one.

The one impure edge of the policy. It reads; it never writes.
"""

import abc
import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from gateway.policy import codec, learned
from gateway.policy.codec import PolicyError
from gateway.policy.learned import Learned
from gateway.policy.snapshot import Snapshot

FILE = "current.json"
_Version = tuple[int, int, int]
T = TypeVar("T")


class Feed(abc.ABC, Generic[T]):
    """What stands in ``folder/current.json``, read when it is made and again whenever the file has changed.

    ``current`` is the last good value, None while there never was one. ``last_error`` says what is wrong with the
    file as it is now, None when it is in use. ``on_change`` is called with each new value, ``on_error`` with each
    new error; both in the caller's thread.
    """

    def __init__(
        self,
        folder: Path,
        on_change: Callable[[T], object] | None = None,
        on_error: Callable[[PolicyError], object] | None = None,
    ) -> None:
        """Watch a folder, and read what is there."""
        self.path = folder / FILE
        self.current: T | None = None
        self.last_error: PolicyError | None = None
        self._on_change = on_change
        self._on_error = on_error
        self._version: _Version | None = None
        self.check()

    @abc.abstractmethod
    def decode(self, text: bytes) -> T:
        """Read the file's text. Raises PolicyError."""

    @abc.abstractmethod
    def missing(self) -> T | PolicyError:
        """Give what it means that there is no file."""

    def check(self) -> bool:
        """Read the file if it has changed; tells whether there is a new value. Reads the disk, never raises."""
        read = self._read()
        return read is not None and self._take(read)

    async def watch(self, every: float = 1.0) -> None:
        """Check for ever, every so many seconds. The file is read in a thread: a large one takes its time."""
        while True:
            await asyncio.sleep(every)
            read = await asyncio.to_thread(self._read)
            if read is not None:
                self._take(read)

    def _read(self) -> tuple[_Version | None, T | PolicyError] | None:
        """Give the file's version and what it holds, or None where it is the one that was read last."""
        version: _Version | None = None
        try:
            with self.path.open("rb") as file:
                # Of the opened file: the name may be given to a newer one at any time.
                version = _version(file.fileno())
                if version == self._version:
                    return None
                return version, self.decode(file.read())
        except PolicyError as error:
            return version, error
        except FileNotFoundError:
            missing = self.missing()
            return None if missing == self.current else (None, missing)
        except OSError as error:
            reason = error.strerror or str(error)
            return None, PolicyError(str(self.path), 0, reason, "make it readable for this user")

    def _take(self, read: tuple[_Version | None, T | PolicyError]) -> bool:
        """Swap the one reference, or keep the old value and say why."""
        self._version, got = read
        if not isinstance(got, PolicyError):
            self.current, self.last_error = got, None
            if self._on_change:
                self._on_change(got)
            return True
        known = self.last_error
        self.last_error = got
        if self._on_error and str(known) != str(got):
            self._on_error(got)
        return False


class PolicyFeed(Feed[Snapshot]):
    """The policy in force."""

    def decode(self, text: bytes) -> Snapshot:
        """Read a snapshot. Raises PolicyError."""
        return codec.decode(text, name=str(self.path))

    def missing(self) -> PolicyError:
        """Say that there must be one."""
        return PolicyError(str(self.path), 0, "no such file", "publish a policy, or restore the file")


class LearnedFeed(Feed[Learned]):
    """What was learned; nothing, where there has never been a file."""

    def decode(self, text: bytes) -> Learned:
        """Read what was learned. Raises PolicyError."""
        return learned.decode(text, name=str(self.path))

    def missing(self) -> Learned:
        """Give nothing, for a gateway begins so; what is known stays when the file is lost: it is written again."""
        return learned.NOTHING if self.current is None else self.current


def _version(descriptor: int) -> _Version:
    """Give what tells one version of a file from another."""
    status = os.fstat(descriptor)
    return status.st_ino, status.st_mtime_ns, status.st_size
