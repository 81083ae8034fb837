"""The processes of a simulation, each a subprocess on loopback that is ended by its id. They speak JSON lines to us."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

START_SECONDS = 60.0
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
_ROOT = Path(__file__).resolve().parents[3]
_LOG_TAIL = 5  # lines that an error shows


class SimulationError(Exception):
    """The simulation can't be run, or can't be finished. The text says why, and what to do."""


class Peer:
    """One process. What it prints as JSON objects is merged into ``said``; the rest goes to its log."""

    def __init__(self, name: str, folder: Path, *command: str, **environment: str) -> None:
        """Start it, with its log in ``folder``."""
        self.name = name
        self.said: dict[str, Any] = {}
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as log:
            # In a session of its own: Ctrl-C is for us, and we end it by its id.
            self._process = subprocess.Popen(  # noqa: S603 - our own programs
                command,
                cwd=_ROOT,
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    @classmethod
    def module(cls, name: str, folder: Path, *arguments: str, **environment: str) -> Self:
        """Start a module of this project."""
        return cls(name, folder, sys.executable, "-m", *arguments, **environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def runs(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait_for(self, ready: Callable[[], object], seconds: float = START_SECONDS) -> None:
        """Wait for a condition that this process brings about. Raises SimulationError."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.runs:
                self._reading.join(STOP_SECONDS)  # what it said last may not have been read yet
                if ready():
                    return
                raise SimulationError(f"{self.name} ended: {self._last_words()}")
            if time.monotonic() > deadline:
                raise SimulationError(f"{self.name} did not get ready within {seconds:.0f} s: {self._last_words()}")
            time.sleep(_POLL_SECONDS)

    def port(self, name: str) -> int:
        """Give the port of one of its listeners, once it has said so. Raises SimulationError."""
        self.wait_for(lambda: "ports" in self.said)
        return int(self.said["ports"][name])

    def go_on(self) -> None:
        """Let it go on after a pause."""
        self.said.pop("paused", None)
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """End it."""
        if self.runs:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reading.join(STOP_SECONDS)

    def _read(self) -> None:
        """Read what it prints, until it ends."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with self._log.open("ab") as log:
            for line in self._process.stdout:
                try:
                    said = json.loads(line)
                except ValueError:
                    said = None
                if isinstance(said, dict):
                    self.said.update(said)
                else:
                    log.write(line)
                    log.flush()

    def _last_words(self) -> str:
        """Give the end of its log."""
        lines = self._log.read_text(errors="replace").splitlines()
        return "; ".join(lines[-_LOG_TAIL:]) or "it said nothing"


@contextlib.contextmanager
def front(home: Path, clamd: str, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run this gateway's SMTP front on the policy under ``home``; gives its port. Raises SimulationError."""
    values = {
        "BACKSTOP_NODE__HOME": str(home),
        "BACKSTOP_NODE__NAME": "mx.example.test",
        "BACKSTOP_NODE__PROCESSES": "2",
        "BACKSTOP_CLAMD__SOCKET": clamd,
        "BACKSTOP_SMTP__INBOUND": '["127.0.0.1:0"]',
        "BACKSTOP_SMTP__OUTBOUND": "[]",
        "BACKSTOP_SMTP__OUTBOUND_TLS": "[]",
        "BACKSTOP_LIMITS__CONNECTIONS_PER_CLIENT": "1000",
        "BACKSTOP_LIMITS__STOP_SECONDS": "3",
    }
    with Peer.module("gateway", home, "smtpfront", **values, **(environment or {})) as running:
        statuses = [home / "status" / f"smtp-{slot}.json" for slot in (1, 2)]
        running.wait_for(lambda: all(each.exists() for each in statuses))
        address = json.loads(statuses[0].read_bytes())["listeners"][0]
        yield int(str(address).rpartition(":")[2])
