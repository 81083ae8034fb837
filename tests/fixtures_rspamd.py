"""A real rspamd for tests, with a Redis of its own, that asks nothing outside.

The fixture ``rspamd`` is there for every test. It takes some seconds to start: once a process, when it is first needed.
"""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway import config
from tests.ports import free_ports

RSPAMD = shutil.which("rspamd") or ""
REDIS = shutil.which("redis-server") or ""
SHARED = Path("/etc/rspamd/rspamd.conf")  # Debian's, which the files of a test override
PASSWORD = "teach me"
LEARNS = 3  # messages of each kind, from which on its Bayes speaks
# What would ask the world, or would tell a second message from a first.
_OFF = (
    "arc asn dkim_signing elastic fuzzy_check greylist history_redis mx_check neural phishing ratelimit rbl replies "
    "reputation rspamd_update surbl url_redirector whitelist"
)


class RunningRspamd(msgspec.Struct, frozen=True):
    """Where it is, as a node's configuration says it, and its parent process, which leads a group of its own."""

    settings: config.Rspamd
    process: subprocess.Popen[bytes]

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


@pytest.fixture(scope="session")
def rspamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRspamd]:
    """A rspamd whose controller wants PASSWORD, and whose Bayes speaks after LEARNS messages of each kind."""
    with running(tmp_path_factory.mktemp("rspamd")) as it:
        yield it


@contextlib.contextmanager
def running(folder: Path, nameserver: str = "") -> Iterator[RunningRspamd]:
    """Run a rspamd in a folder; where a name server is given it is waited for."""
    if not RSPAMD or not REDIS:
        pytest.skip("rspamd or redis-server is not installed")
    scan, learn, store = free_ports(3)
    _configure(folder, scan, learn, store, nameserver)
    paths = [f"--var={name}={folder}" for name in ("LOCAL_CONFDIR", "DBDIR", "RUNDIR", "LOGDIR")]
    log = folder / "log"
    with log.open("wb") as out, contextlib.ExitStack() as stack:
        redis = [REDIS, "--port", str(store), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        stack.enter_context(_child(redis, out))
        # As root it would want to become another user, who may not read the folder.
        process = stack.enter_context(_child([RSPAMD, "-f", "-i", "-c", str(SHARED), *paths], out))
        _await_answer(scan, process, log)
        settings = config.Rspamd(
            url=f"http://127.0.0.1:{scan}", controller=f"http://127.0.0.1:{learn}", secret="rspamd"
        )
        yield RunningRspamd(settings, process)


def _configure(folder: Path, scan: int, learn: int, store: int, nameserver: str) -> None:
    """Write what overrides Debian's configuration."""
    # Compiling the list of the world's top level domains takes seconds.
    (folder / "domains").write_text("example\ntest\n")
    files = {
        "options.inc": f'dns {{ nameserver = ["{nameserver or "127.0.0.1:9"}"]; retransmits = 1; sockets = 1; '
        f"timeout = {'5s' if nameserver else '0.05s'}; }}\n"
        f'url_tld = "{folder}/domains";',
        "worker-normal.inc": f'bind_socket = "127.0.0.1:{scan}"; count = 1;',
        "worker-controller.inc": f'bind_socket = "127.0.0.1:{learn}"; password = "{PASSWORD}"; secure_ip = "::2";',
        "worker-proxy.inc": "enabled = false;",
        "redis.conf": f'servers = "127.0.0.1:{store}";',
        "classifier-bayes.conf": f"min_learns = {LEARNS};",
        "http_headers.conf": "enabled = true;",  # what is told of SPF and DKIM is not asked for again
        "logging.inc": 'type = "console";',
        **{f"{module}.conf": "enabled = false;" for module in _OFF.split()},
    }
    (folder / "override.d").mkdir()
    for name, text in files.items():
        (folder / "override.d" / name).write_text(text + "\n")


@contextlib.contextmanager
def _child(command: list[str], out: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program as the leader of a group of its own, which ends with the block."""
    process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _await_answer(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the scanning worker answers."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        assert process.poll() is None, f"rspamd went away: {log.read_text()}"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/ping")
            assert connection.getresponse().read().strip() == b"pong"
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise AssertionError(f"rspamd did not come up: {log.read_text()}")
