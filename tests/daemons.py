"""A program that runs for tests as long as a block lasts: it can be let hang, and is gone with all its children."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec


class Daemon(msgspec.Struct, frozen=True, kw_only=True):
    """A program that serves: its first process, which leads a group of its own, and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of it."""
        os.killpg(self.process.pid, number)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Let it hang for a while."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)


@contextlib.contextmanager
def child(command: list[str], out: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program as the leader of a group of its own, which ends with the block."""
    process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def await_answer(process: subprocess.Popen[bytes], log: Path, answers: Callable[[], bool]) -> None:
    """Wait until it answers; ``answers`` may raise OSError while it does not."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        assert process.poll() is None, f"{process.args!r} went away: {log.read_text()}"
        with contextlib.suppress(OSError):
            if answers():
                return
        time.sleep(0.05)
    raise AssertionError(f"{process.args!r} did not come up: {log.read_text()}")
