"""The SMTP front as systemd starts it: with sockets that are bound already, and a socket to say how it is."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.smtpfront.running import PATIENCE, ROOT, STUMBLED, until

# What systemd does between fork and exec: the sockets from 3 on, and whose they are.
_EXEC = """
import ctypes, os, sys
prctl = ctypes.CDLL(None).prctl
prctl(38, 1, 0, 0, 0)  # NoNewPrivileges=
prctl(65, 1, 0, 0, 0)  # MemoryDenyWriteExecute=, where the kernel can do it without a filter
handles = [int(each) for each in sys.argv[1].split(",") if each]
for number, handle in enumerate(handles):
    os.dup2(handle, 3 + number)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def listening() -> socket.socket:
    """A socket as a .socket unit has it, with a number far from those that are handed over."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
    high = fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 100)
    sock.close()
    return socket.socket(fileno=high)


class Manager:
    """The end of NOTIFY_SOCKET at which systemd listens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(str(path))
        self._sock.setblocking(False)  # noqa: FBT003 - the socket module's signature
        self._lines: list[str] = []

    @property
    def lines(self) -> list[str]:
        """All that was said, in order."""
        while True:
            try:
                self._lines += self._sock.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self._lines

    def close(self) -> None:
        self._sock.close()


class Unit:
    """One started service. ``sockets`` are handed over in this order, by these names."""

    def __init__(  # noqa: PLR0913 - a unit file says as much
        self,
        folder: Path,
        program: Sequence[str],
        environment: Mapping[str, str],
        *,
        name: str = "unit",
        sockets: Mapping[str, socket.socket] | None = None,
        names: str | None = None,
    ) -> None:
        sockets = sockets or {}
        self.manager = Manager(folder / f"{name}.notify")
        self.log_path = folder / f"{name}.log"
        handles = [sock.fileno() for sock in sockets.values()]
        given = {"NOTIFY_SOCKET": str(self.manager.path)}
        if sockets:
            given |= {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(sockets) if names is None else names}
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _EXEC, ",".join(map(str, handles)), *program],
                cwd=ROOT,
                env=os.environ | given | dict(environment),
                pass_fds=handles,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Stop, whatever happened; a test that went well must not have made it stumble."""
        self.stop()
        self.manager.close()
        if kind is None:
            assert not any(sign in self.log for sign in STUMBLED), self.log

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def wait_until_ready(self, seconds: float = PATIENCE) -> Self:
        """As systemctl start does."""

        def ready() -> bool:
            assert self.process.poll() is None, self.log
            return "READY=1" in self.manager.lines

        until("ready", ready, seconds)
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        """As systemctl stop does; gives the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End every process of it at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)

    def said_after(self, moment: int, word: str) -> bool:
        """Whether a word was said since the list of lines was so long."""
        return word in self.manager.lines[moment:]


def ended(unit: Unit, seconds: float = PATIENCE) -> int:
    """Wait for a service that ends by itself; gives its exit status."""
    deadline = time.monotonic() + seconds
    while unit.process.poll() is None:
        assert time.monotonic() < deadline, unit.log
        time.sleep(0.02)
    return unit.process.returncode
