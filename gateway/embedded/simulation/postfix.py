"""Private Postfix servers for the simulation, apart from the system's: own folder, own ports, own queue. Loopback only.

Debian's programs are used as they are installed; nothing under /etc/postfix is read or changed.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

START_SECONDS = 30.0
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05
_PROGRAM = "/usr/sbin/postfix"
_LOG_TAIL = 5  # lines that an error shows
_BUSY = ("maildrop", "incoming", "active")

# name, type, private, unprivileged, wake-up, limit, program; nothing runs chrooted.
_SERVICES = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class PostfixError(Exception):
    """Postfix can't be used. The text says why, and what to do."""


def require() -> None:
    """Raise PostfixError unless Postfix is installed and may be started."""
    if not Path(_PROGRAM).exists():
        raise PostfixError("Postfix is not installed; as root: apt-get install postfix")
    if os.geteuid() != 0:
        raise PostfixError("Postfix can be started by root only; run this command as root")


class Postfix:
    """One private Postfix. ``listeners`` maps each loopback port to the options of the smtpd behind it."""

    def __init__(self, folder: Path, settings: Mapping[str, str], listeners: Mapping[int, Mapping[str, str]]) -> None:
        """Write its configuration under ``folder``, whose path must be short and open to other users."""
        self.folder = folder
        self._ports = tuple(listeners)
        self._process: subprocess.Popen[bytes] | None = None
        config = folder / "etc"
        config.mkdir(parents=True)
        for name in ("queue", "data"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix")
        own = {
            "compatibility_level": "3.6",
            "queue_directory": str(folder / "queue"),
            "data_directory": str(folder / "data"),
            "maillog_file": str(folder / "log"),
            "maillog_file_prefixes": str(folder),
            "inet_protocols": "ipv4",
            "inet_interfaces": "127.0.0.1",
            "mynetworks": "127.0.0.0/8",
            "mydestination": "",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "disable_dns_lookups": "yes",
            "smtpd_peername_lookup": "no",
            "smtpd_client_connection_count_limit": "0",
            "smtputf8_enable": "no",
        }
        (config / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in {**own, **settings}.items()))
        smtpd = "".join(
            f"127.0.0.1:{port} inet n - n - - smtpd\n"
            + "".join(f"  -o {key}={value}\n" for key, value in options.items())
            for port, options in listeners.items()
        )
        (config / "master.cf").write_text(smtpd + _SERVICES)

    def start(self) -> None:
        """Start, and wait until every port answers. Raises PostfixError."""
        for port in self._ports:
            _require_free(port)
        (self.folder / "queue" / "pid" / "master.pid").unlink(missing_ok=True)
        # In the foreground and in a session of its own: Ctrl-C is for us, and we end it by its id.
        self._process = subprocess.Popen(  # noqa: S603 - a fixed program
            (_PROGRAM, "-c", str(self.folder / "etc"), "start-fg"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "errors").open("ab"),
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not all(map(answers, self._ports)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise PostfixError(f"Postfix did not start: {self._last_words()}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop it and all its processes."""
        process, self._process = self._process, None
        if process is None:
            return
        # The program that we started only waits for the master, which leads a process group of its own.
        master = self._master()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                if master:
                    os.killpg(master, number)
                else:
                    process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)

    def _master(self) -> int:
        """Give the id of the master process, 0 where it never came up."""
        try:
            return int((self.folder / "queue" / "pid" / "master.pid").read_text())
        except (OSError, ValueError):
            return 0

    def busy(self) -> int:
        """Count the messages that it is working on."""
        return sum(1 for name in _BUSY for _ in _files(self.folder / "queue" / name))

    def deferred(self) -> int:
        """Count the messages that it means to try again."""
        return sum(1 for _ in _files(self.folder / "queue" / "deferred"))

    def flush(self) -> None:
        """Let it try at once what it has deferred. Raises PostfixError."""
        self._tell("/usr/sbin/postqueue", "-c", str(self.folder / "etc"), "-f")

    def set(self, key: str, value: str) -> None:
        """Change one setting while it runs. Raises PostfixError."""
        with (self.folder / "etc" / "main.cf").open("a") as file:
            file.write(f"{key} = {value}\n")
        self._tell(_PROGRAM, "-c", str(self.folder / "etc"), "reload")

    def _tell(self, *command: str) -> None:
        """Run one of Postfix's commands."""
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603 - fixed programs
        if done.returncode:
            raise PostfixError(f"{' '.join(command)}: {done.stderr.strip() or self._last_words()}")

    def _last_words(self) -> str:
        """Give the end of what it said."""
        lines = []
        for name in ("errors", "log"):
            with contextlib.suppress(OSError):
                lines += (self.folder / name).read_text(errors="replace").splitlines()
        return "; ".join(lines[-_LOG_TAIL:]) or "it said nothing"


def _require_free(port: int) -> None:
    """Raise PostfixError where a loopback port can't be had."""
    with socket.socket() as sock:
        # As Postfix does it: connections that are only winding down don't count.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError as error:
            raise PostfixError(f"port {port} on 127.0.0.1 is in use ({error.strerror}); try again") from error


def answers(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _files(folder: Path) -> Iterator[str]:
    """Give the files of a queue, which is hashed over folders; one that moves meanwhile may be missed."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield entry.name
