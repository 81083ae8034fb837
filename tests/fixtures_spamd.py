"""A real spamd for tests, on a port of its own, with a Bayes database in a folder of its own, that asks no DNS.

The fixture ``spamd`` is there for every test. It takes some seconds to start: once a process, when it is first needed.
"""

import contextlib
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import config
from tests.daemons import Daemon, await_answer, child
from tests.ports import free_port

SPAMD = shutil.which("spamd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") or ""
LEARNS = 3  # messages of each kind, from which on its Bayes speaks


class RunningSpamd(Daemon, frozen=True, kw_only=True):
    """A spamd, and where it is, as a node's configuration says it."""

    settings: config.Spamassassin


@pytest.fixture(scope="session")
def spamd() -> Iterator[RunningSpamd]:
    """A spamd that can be taught, and whose Bayes speaks after LEARNS messages of each kind."""
    with running("--allow-tell") as it:
        yield it


@contextlib.contextmanager
def running(*options: str) -> Iterator[RunningSpamd]:
    """Run a spamd with more options."""
    if not SPAMD:
        pytest.skip("spamd is not installed")
    with tempfile.TemporaryDirectory(prefix="backstop-spamd-") as folder:
        yield from _running(Path(folder), options)


def _running(folder: Path, options: tuple[str, ...]) -> Iterator[RunningSpamd]:
    """Run a spamd in a folder."""
    port = free_port()
    command = [SPAMD, "--local", "--nouser-config", f"--listen=127.0.0.1:{port}", "--syslog=stderr", "--max-children=2"]
    command += ["--min-children=1", f"--helper-home-dir={folder}", *options]
    for line in (
        f"bayes_path {folder}/bayes",
        f"bayes_min_spam_num {LEARNS}",
        f"bayes_min_ham_num {LEARNS}",
        "bayes_auto_learn 0",
    ):
        command.append(f"--cf={line}")
    if os.getuid() == 0:  # then it gives its rights away, and must still reach its folder
        command.append("--username=nobody")
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    log = folder / "log"
    with log.open("wb") as out, child(command, out) as process:
        await_answer(process, log, lambda: _answers(port))
        settings = config.Spamassassin(address=f"127.0.0.1:{port}")
        yield RunningSpamd(process=process, log=log, settings=settings)


def _answers(port: int) -> bool:
    """Whether it answers PING."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(b"PING SPAMC/1.5\r\n\r\n")
        return b"PONG" in sock.recv(100)
