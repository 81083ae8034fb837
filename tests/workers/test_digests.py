"""Digests with real processes: the worker that sends them, and ``kill -9`` while they are made."""

import contextlib
import email
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from django.conf import settings
from django.utils import timezone

from gateway.config import Broker
from gateway.models import Digest, Domain, QuarantinedCopy, Recipient, Route, RouteHost
from gateway.operations import broker, publish, release
from gateway.operations.adopt import adopt
from gateway.spool.staging import Spool
from tests import samples
from tests.smtpfront.nexthop import NextHop
from tests.workers.conftest import Program, until

PEOPLE = 120
SECONDS = 120.0


@pytest.fixture
def hop(transactional_db: None, home: Path) -> Iterator[NextHop]:  # noqa: ARG001 - other processes see only what is committed
    """A next hop, to which the mail of example.test goes, whose digests go to its recipients."""
    hop = NextHop()
    route = Route.objects.create(name="main", tls="never")
    RouteHost.objects.create(route=route, position=0, host="127.0.0.1", port=hop.port)
    domain = Domain.objects.create(name="example.test", route=route, digest="recipients")
    Recipient.objects.bulk_create(
        Recipient(domain=domain, local_part=local) for local in ("bob", *(f"r{number}" for number in range(PEOPLE)))
    )
    publish.publish_policy("admin", probed=True)
    yield hop
    hop.close()


@pytest.fixture
def _on_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001 - the home comes first
    """Ring by the broker that needs no server."""
    monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(settings.CONFIG, broker=Broker("filesystem")))
    broker.app.cache_clear()
    yield
    broker.app.cache_clear()


@pytest.mark.usefixtures("_on_files")
def test_a_worker_sends_what_is_due_and_the_next_hop_gets_it_once(
    hop: NextHop, home: Path, start: Callable[..., Program]
) -> None:
    Spool(home / "spool", "smtp-0").stage(samples.item("01a"), samples.content()).commit()
    adopt()
    worker = start("-m", "workers", BACKSTOP_BROKER__URL="filesystem", BACKSTOP_LOG__LEVEL="DEBUG")
    until("the worker", lambda: " ready." in worker.log.read_text(), SECONDS)

    broker.app().send_task("digests.send")
    until("the digest is in the spool", lambda: Digest.objects.filter(spooled=True).exists(), SECONDS)
    broker.app().send_task("digests.send")
    broker.app().send_task("spool.adopt")
    until("it is adopted", lambda: QuarantinedCopy.objects.filter(purpose="digest").exists(), SECONDS)
    broker.app().send_task("release.sweep")
    until("the delivery", lambda: QuarantinedCopy.objects.filter(purpose="digest", state="released").exists(), SECONDS)

    assert worker.stop(60.0) == 0
    assert "Traceback" not in worker.log.read_text()
    (kept,) = hop.kept
    assert kept.sender.startswith("MAIL FROM:<>")
    assert kept.recipients == ["bob@example.test"]
    assert email.message_from_bytes(kept.content)["Auto-Submitted"] == "auto-generated"


def test_whoever_is_killed_while_digests_are_made_each_is_sent_once(
    hop: NextHop, home: Path, start: Callable[..., Program]
) -> None:
    QuarantinedCopy.objects.bulk_create(
        QuarantinedCopy(
            message=f"m{number}", recipient=f"r{number % PEOPLE}@example.test", route="main", client_ip="192.0.2.1",
            received=timezone.now(), size=1, because="of a test",
        ) for number in range(3 * PEOPLE)
    )  # fmt: skip
    kills = 0
    for goal in range(10, PEOPLE, 15):
        program = start("manage.py", "digest")
        with contextlib.suppress(ProcessLookupError):
            until("digests", lambda goal=goal, it=program: made(home) >= goal or it.process.poll() is not None, SECONDS)
            kills += program.process.poll() is None
            program.kill()

    last = start("manage.py", "digest")

    assert last.process.wait(SECONDS) == 0
    assert kills
    assert not Digest.objects.filter(spooled=False).exists()
    adopt()
    for number in QuarantinedCopy.objects.filter(purpose="digest").values_list("pk", flat=True):
        release.deliver(number)
    got = Counter(kept.recipients[0] for kept in hop.kept)
    assert got == {f"r{number}@example.test": 1 for number in range(PEOPLE)}
    assert all(email.message_from_bytes(kept.content)["Subject"].startswith("3 messages") for kept in hop.kept)


def made(home: Path) -> int:
    """Count what is in the spool."""
    return sum(1 for _ in (home / "spool" / "quarantine").glob("*/digest-*"))
