"""A node with one of everything that a backup has to keep."""

import inspect
import secrets as randomness
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.backends.base.base import BaseDatabaseWrapper

from gateway.config import Config
from gateway.embedded.certificate import make_self_signed
from gateway.models import Account, Domain, QuarantinedCopy, Route, RouteHost
from gateway.operations import accounts, adopt, keys
from gateway.operations.backup import making, proving
from gateway.operations.backup.manifest import FILE, Manifest, entry_of
from gateway.operations.backup.records import Proof
from gateway.operations.publish import publish_policy
from gateway.services import secrets
from gateway.services.ledger import open_ledger
from gateway.spool.deliveries import Deliveries
from gateway.spool.staging import Spool
from tests import samples


def quiet(_text: str) -> None:
    """Hear how far it has come, and say nothing."""


def keep(home: Path, message: str, *recipients: str, **changes: object) -> None:
    """Put a message into quarantine, and remember its delivery."""
    Deliveries(home / "spool").announce(f"key-{message}", message)
    item = samples.item(message, *recipients, delivery=f"key-{message}", **{"received": time.time(), **changes})
    Spool(home / "spool", "1").stage(item, samples.content()).commit()


@pytest.fixture
def scratch_allowed(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it guards, once set up
    """Let tests use a database that Django learns of while they run: its guard knows those of the settings alone."""
    guard = inspect.getclosurevars(BaseDatabaseWrapper.ensure_connection)
    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", guard.nonlocals["real_ensure_connection"])


@pytest.fixture
def node(home: Path, scratch_allowed: None) -> Config:  # noqa: ARG001 - a dump holds what is committed
    """The configuration of a node with policy, keys, people, accounts, ledger and quarantine."""
    config: Config = settings.CONFIG
    secrets.write(config.secrets_folder, "django", randomness.token_urlsafe(50))
    make_self_signed(config.name, config.certificate, config.key)
    route = Route.objects.create(name="main", tls="never")
    RouteHost.objects.create(route=route, host="127.0.0.1", port=9)
    domain = Domain.objects.create(name="example.test", route=route, accepts_everyone="a test")
    keys.make_key("test")
    keys.make_seal("test")
    keys.make_dkim_key(domain, "test")
    accounts.set_password(
        Account.objects.create(login="printer", addresses=["p@example.test"]), "a-long-password-1", "t"
    )
    get_user_model().objects.create_superuser("admin", password="admin-password-1")
    publish_policy("test")
    ledger, store = open_ledger(home, config.secrets_folder, entries=1024)
    ledger.sent("<1@example.test>", "p@example.test", ["ann@example.org"], time.time())
    store.close()
    for number in range(5):
        keep(home, f"01a{number}")
    adopt.adopt()
    assert QuarantinedCopy.objects.count() == 5
    return config


@pytest.fixture
def made(node: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a backup of the node."""
    folder = tmp_path_factory.mktemp("backups") / "set"
    making.backup(node, folder, quiet)
    return folder


@pytest.fixture
def prove(node: Config) -> Callable[[Path], Proof]:
    return lambda folder: proving.prove(node, folder, quiet)


def manifest_of(folder: Path) -> Manifest:
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Manifest)


def rewrite(folder: Path, **changes: object) -> None:
    """Let the manifest say something else."""
    changed = msgspec.structs.replace(manifest_of(folder), **changes)
    (folder / FILE).write_bytes(msgspec.json.encode(changed))


def forge(folder: Path, name: str, text: bytes) -> None:
    """Change a file of the set, and the manifest with it."""
    path = folder / name
    path.unlink()
    path.write_bytes(text)
    rewrite(folder, files=manifest_of(folder).files | {name: entry_of(path)})


def flip(path: Path) -> None:
    """Turn one bit, in a copy: the set may share its bytes with the spool."""
    text = bytearray(path.read_bytes())
    text[len(text) // 2] ^= 1
    path.unlink()
    path.write_bytes(text)
