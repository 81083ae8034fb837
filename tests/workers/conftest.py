import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).parent.parent.parent


def until(what: str, holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something holds; fail by name when it does not come true."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"{what} did not happen within {seconds} s")
        time.sleep(0.05)


class Program:
    """One process of ours and what it says."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                env=environment, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """kill -9, with its children."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)

    def stop(self, seconds: float = 60.0) -> int:
        """SIGTERM; gives the exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def end(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.kill()


@pytest.fixture
def start(
    transactional_db: None,  # noqa: ARG001 - other processes see only what is committed
    home: Path,
    subprocess_environment: dict[str, str],
) -> Iterator[Callable[..., Program]]:
    """Starts a program of ours on this test's home and database."""
    if connection.vendor == "sqlite":
        (home / "backstop.sqlite3").symlink_to(connection.settings_dict["NAME"])
    started: list[Program] = []

    def start(*arguments: str, **more: str) -> Program:
        environment = subprocess_environment | {"BACKSTOP_NODE__HOME": str(home)} | more
        program = Program(list(arguments), environment, home / f"log-{len(started)}")
        started.append(program)
        return program

    yield start
    for program in started:
        program.end()
