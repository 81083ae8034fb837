"""A real rspamd for tests, with a Redis of its own, that asks nothing outside.

The fixture ``rspamd`` is there for every test. It takes some seconds to start: once a process, when it is first needed.
"""

import contextlib
import http.client
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import config
from tests.daemons import Daemon, await_answer, child
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


class RunningRspamd(Daemon, frozen=True, kw_only=True):
    """A rspamd, and where it is, as a node's configuration says it."""

    settings: config.Rspamd
    scans_at: int  # the port


@pytest.fixture(scope="session")
def rspamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRspamd]:
    """A rspamd whose controller wants PASSWORD, and whose Bayes speaks after LEARNS messages of each kind."""
    with running(tmp_path_factory.mktemp("rspamd")) as it:
        yield it


@contextlib.contextmanager
def running(folder: Path) -> Iterator[RunningRspamd]:
    """Run a rspamd in a folder."""
    if not RSPAMD or not REDIS:
        pytest.skip("rspamd or redis-server is not installed")
    scan, learn, store = free_ports(3)
    _configure(folder, scan, learn, store)
    paths = [f"--var={name}={folder}" for name in ("LOCAL_CONFDIR", "DBDIR", "RUNDIR", "LOGDIR")]
    log = folder / "log"
    with log.open("wb") as out, contextlib.ExitStack() as stack:
        redis = [REDIS, "--port", str(store), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        stack.enter_context(child(redis, out))
        # As root it would want to become another user, who may not read the folder.
        process = stack.enter_context(child([RSPAMD, "-f", "-i", "-c", str(SHARED), *paths], out))
        await_answer(process, log, lambda: _answers(scan))
        settings = config.Rspamd(
            url=f"http://127.0.0.1:{scan}", controller=f"http://127.0.0.1:{learn}", secret="rspamd"
        )
        yield RunningRspamd(process=process, log=log, settings=settings, scans_at=scan)


def _configure(folder: Path, scan: int, learn: int, store: int) -> None:
    """Write what overrides Debian's configuration."""
    # Compiling the list of the world's top level domains takes seconds.
    (folder / "domains").write_text("example\ntest\n")
    files = {
        "options.inc": f'dns {{ nameserver = ["127.0.0.1:9"]; retransmits = 1; sockets = 1; timeout = 0.05s; }}\n'
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


def _answers(port: int) -> bool:
    """Whether the scanning worker answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", "/ping")
        return connection.getresponse().read().strip() == b"pong"
