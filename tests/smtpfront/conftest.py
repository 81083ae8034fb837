"""What the dialogues need: a scanner, a next hop, and a gateway between client and next hop."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.embedded.certificate import make_self_signed
from gateway.services import passwords, secrets
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, snapshot, until

EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="session")
def clamd() -> Iterator[str]:
    """A real clamd that knows the EICAR test file only; gives its socket."""
    home = Path(tempfile.mkdtemp(prefix="clamd-"))
    (home / "db").mkdir()
    (home / "db" / "eicar.ndb").write_text(f"Eicar-Test:0:*:{EICAR.encode().hex()}\n")
    path = home / "clamd.sock"
    user = "root" if os.geteuid() == 0 else os.environ["USER"]
    (home / "clamd.conf").write_text(
        f"LocalSocket {path}\nDatabaseDirectory {home}/db\nForeground yes\nUser {user}\nAlertExceedsMax yes\n"
        "StreamMaxLength 100M\n"
    )
    running = subprocess.Popen(
        ["/usr/sbin/clamd", "-c", str(home / "clamd.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until("clamd", path.exists, 60)
    yield str(path)
    running.terminate()
    running.wait(20)
    shutil.rmtree(home)


def prepare(home: Path) -> Path:
    """Give a home with a certificate, and the password of the account alice."""
    make_self_signed("mx.example.test", home / "tls" / "cert.pem", home / "tls" / "key.pem")
    secrets.write(home / "secrets", "account-alice", passwords.hash_password(PASSWORD))
    return home


@pytest.fixture(scope="session")
def inner() -> Iterator[NextHop]:
    """The next hop of the shared gateway. Its answers depend on the recipient, so that dialogues don't meet."""
    hop = NextHop()
    hop.script.rcpt = {
        "full": "452 4.2.2 mailbox full on inner.test",
        "gone": "550 5.1.1 no such user on inner.test",
        "refused": "554 5.7.1 not today, says inner.test",
    }
    hop.script.dot = {"dotfull": "452 4.3.1 disk full on inner.test", "dotbad": "554 5.7.1 spam, says inner.test"}
    yield hop
    hop.close()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, inner: NextHop, clamd: str) -> Iterator[Gateway]:
    """A gateway that the dialogues of one test process share."""
    other = NextHop()
    running = Gateway(prepare(tmp_path_factory.mktemp("gateway")), snapshot(inner.port, other.port), clamd)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.log, running.log
    other.close()


@pytest.fixture
def hop() -> Iterator[NextHop]:
    """A next hop for one test."""
    own = NextHop()
    yield own
    own.close()


@pytest.fixture
def own_gateway(tmp_path: Path, hop: NextHop, clamd: str) -> Iterator[Gateway]:
    """A gateway for one test, with a next hop of its own."""
    running = Gateway(prepare(tmp_path), snapshot(hop.port), clamd)
    yield running
    running.stop()
    assert "Traceback" not in running.log, running.log
