"""What the dialogues need: a scanner, a next hop, and a gateway between client and next hop."""

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gateway.embedded.certificate import make_self_signed
from gateway.services import passwords, secrets
from smtpfront.lab.nameserver import Nameserver
from tests.fixtures_clamd import RunningClamd
from tests.nameserving import serving
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, dns, snapshot

EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
PASSWORD = "correct horse battery staple"
NOTHING: Mapping[str, str] = {}

Serve = Callable[..., Gateway]
Begun = Callable[..., Gateway]


@pytest.fixture(scope="session")
def clamd() -> Iterator[str]:
    """A real clamd that knows the EICAR test file only; gives its socket."""
    home = Path(tempfile.mkdtemp(prefix="clamd-"))
    running = RunningClamd(home, StreamMaxLength="100M", MaxRecursion=17)
    yield str(running.path)
    running.end(signal.SIGKILL)  # by SIGTERM it waits for the sessions that its clients keep
    shutil.rmtree(home)


def prepare(home: Path, kept: Mapping[str, str] = NOTHING) -> Path:
    """Give a home with a certificate, the password of the account alice, and the secrets that shall be ``kept``."""
    make_self_signed("mx.example.test", home / "tls" / "cert.pem", home / "tls" / "key.pem")
    secrets.write(home / "secrets", "account-alice", passwords.hash_password(PASSWORD))
    for name, secret in kept.items():
        secrets.write(home / "secrets", name, secret)
    return home


@pytest.fixture(scope="session")
def inner() -> Iterator[NextHop]:
    """The next hop of the shared gateway. Its answers depend on the recipient, so that dialogues don't meet."""
    with NextHop() as hop:
        hop.script.rcpt = {
            "full": "452 4.2.2 mailbox full on inner.test",
            "gone": "550 5.1.1 no such user on inner.test",
            "refused": "554 5.7.1 not today, says inner.test",
        }
        hop.script.dot = {"dotfull": "452 4.3.1 disk full on inner.test", "dotbad": "554 5.7.1 spam, says inner.test"}
        yield hop


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, inner: NextHop, clamd: str) -> Iterator[Gateway]:
    """A gateway that the dialogues of one test process share."""
    home = prepare(tmp_path_factory.mktemp("gateway"))
    with NextHop() as other, Gateway(home, snapshot(inner.port, other.port), clamd) as running:
        yield running


@pytest.fixture
def hop() -> Iterator[NextHop]:
    """A next hop for one test."""
    with NextHop() as own:
        yield own


@pytest.fixture(scope="module")
def module_hop() -> Iterator[NextHop]:
    """A next hop for the tests of one module."""
    with NextHop() as own:
        yield own


@pytest.fixture(scope="module")
def nameserver(request: pytest.FixtureRequest) -> Iterator[Nameserver]:
    """A name server with the module's ZONE."""
    with serving(request.module.ZONE) as server:
        yield server


@pytest.fixture(scope="module")
def begun(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    module_hop: NextHop,
    clamd: str,
    nameserver: Nameserver,
) -> Iterator[Begun]:
    """Starts a gateway of the module's policy that asks the name server."""
    policy = request.module.policy(module_hop.port)
    with contextlib.ExitStack() as stack:
        yield lambda **asking: stack.enter_context(
            Gateway(prepare(tmp_path_factory.mktemp("gateway")), policy, clamd, **dns(nameserver, **asking))
        )


@pytest.fixture(scope="module")
def hasty(begun: Begun) -> Gateway:
    """One that does not wait for an answer for long, where none is wanted."""
    return begun(seconds=1)


@pytest.fixture
def serve(tmp_path: Path, clamd: str) -> Iterator[Serve]:
    """Start a gateway for one test, in its folder: give it a policy, and what else it shall differ by."""
    with contextlib.ExitStack() as stack:
        yield lambda policy, clamd=clamd, **options: stack.enter_context(Gateway(tmp_path, policy, clamd, **options))


@pytest.fixture
def own_gateway(tmp_path: Path, hop: NextHop, serve: Serve) -> Gateway:
    """A gateway for one test, with a next hop of its own."""
    prepare(tmp_path)
    return serve(snapshot(hop.port))
