"""A real clamd for tests, with signatures of its own: EICAR and nothing else.

Import the fixture ``clamd_socket`` into the conftest.py of the tests that need it.
"""

import getpass
import hashlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CLAMD = shutil.which("clamd", path="/usr/sbin:/usr/local/sbin:/usr/bin") or ""
# In parts, so that no scanner takes this file for what it describes.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!" + b"$H+H*"
STREAM_MAX = 2 * 1024 * 1024  # octets


class RunningClamd:
    """A clamd of the test's own, in a folder: it can be killed, stopped in its tracks, and started again."""

    def __init__(self, folder: Path, **settings: object) -> None:
        """Write its configuration and its signatures; ``settings`` are further lines of clamd.conf."""
        self.path = folder / "s"
        self._conf, self._log = folder / "conf", folder / "log"
        signatures = folder / "db"
        signatures.mkdir()
        (signatures / "eicar.ndb").write_text(f"Eicar-Test-Signature:0:*:{EICAR.hex()}\n")
        digest = hashlib.md5(EICAR, usedforsecurity=False).hexdigest()
        (signatures / "eicar.hdb").write_text(f"{digest}:{len(EICAR)}:Eicar-Test-Hash\n")
        lines = {
            "LocalSocket": self.path,
            "DatabaseDirectory": signatures,
            "TemporaryDirectory": folder,
            "User": getpass.getuser(),  # as root it changes to another one, if it is told nothing
            "StreamMaxLength": STREAM_MAX,
            "AlertExceedsMax": "yes",
            "AlertEncrypted": "yes",
            "MaxRecursion": 5,
            "Foreground": "yes",
            **settings,
        }
        self._conf.write_text("".join(f"{key} {value}\n" for key, value in lines.items()))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([CLAMD, "-F", "-c", str(self._conf)], stdout=log, stderr=log)
        _await_answer(self._process, self.path, self._log)

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it by a signal, and wait until it is gone; its socket may stay behind."""
        if self._process is not None and self._process.poll() is None:
            self.send(number)
            self.send(signal.SIGCONT)
            self._process.wait(60)


@pytest.fixture(scope="session")
def clamd_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The path of the socket of a clamd that knows EICAR and takes no more than STREAM_MAX octets."""
    if not CLAMD:
        pytest.skip("clamd is not installed")
    running = RunningClamd(tmp_path_factory.mktemp("clamd"))
    yield str(running.path)
    running.end(signal.SIGKILL)  # by SIGTERM it waits for the sessions that its clients keep


def _await_answer(process: subprocess.Popen[bytes], path: Path, log: Path) -> None:
    """Wait until clamd answers PING."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        assert process.poll() is None, f"clamd went away: {log.read_text()}"
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(path))
                sock.sendall(b"zPING\0")
                if sock.recv(16) == b"PONG\0":
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"clamd did not come up: {log.read_text()}")
