"""Releases through a real Celery worker, on the broker that needs no server and on Redis."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from django.conf import settings

from gateway.config import Broker
from gateway.models import QuarantinedCopy
from gateway.operations import adopt, broker, release
from gateway.spool.staging import Spool
from tests import samples
from tests.ports import free_port
from tests.smtpfront.nexthop import NextHop
from tests.workers.conftest import Program, until


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of this test's own; gives its URL."""
    if not shutil.which("redis-server"):
        pytest.fail("there is no redis-server here; install Debian's redis-server")
    folder = tmp_path_factory.mktemp("redis")
    port = free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log)
    until("Redis", lambda: "Ready to accept connections" in (folder / "log").read_text())
    yield f"redis://127.0.0.1:{port}"
    server.terminate()
    server.wait(60)


@pytest.fixture(params=["filesystem", "redis"])
def broker_url(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:  # noqa: ARG001 - the home comes first
    """The configured broker, for this process and for its workers."""
    url = "filesystem" if request.param == "filesystem" else request.getfixturevalue("redis")
    monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(settings.CONFIG, broker=Broker(url)))
    broker.app.cache_clear()
    yield url
    broker.app.cache_clear()


@pytest.fixture
def worker(start: Callable[..., Program], broker_url: str) -> Callable[[], Program]:
    """Starts a worker with its schedule and waits until it listens."""

    def begin() -> Program:
        program = start(
            "-m", "celery", "--app", "workers.app", "worker", "--beat", "--loglevel", "INFO",
            "--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle",
            BACKSTOP_BROKER__URL=broker_url,
        )  # fmt: skip
        until("the worker", lambda: " ready." in program.log.read_text())
        return program

    return begin


@pytest.fixture
def next_hop(home: Path) -> Iterator[NextHop]:
    hop = NextHop()
    samples.publish_route(home, hop.port)
    yield hop
    hop.close()


@pytest.fixture
def copy(transactional_db: None, home: Path) -> QuarantinedCopy:  # noqa: ARG001 - the worker sees only what is committed
    Spool(home / "spool", "smtp-0").stage(samples.item("01a"), samples.content()).commit()
    adopt.adopt()
    return QuarantinedCopy.objects.get()


def state_of(copy: QuarantinedCopy) -> str:
    copy.refresh_from_db()
    return copy.state


def test_a_released_copy_is_delivered(
    copy: QuarantinedCopy, worker: Callable[[], Program], next_hop: NextHop, home: Path
) -> None:
    running = worker()

    release.release(QuarantinedCopy.objects.all(), "admin")

    until("the release", lambda: state_of(copy) == "released")
    (kept,) = next_hop.kept
    assert kept.content.endswith(samples.MESSAGE)
    until("its bytes are gone", lambda: not any((home / "spool" / "quarantine").glob("*/*")))
    assert running.stop(5.0) == 0
    assert "Traceback" not in running.log.read_text()


def test_a_copy_whose_worker_was_killed_is_released_once_the_sweep_rings(
    copy: QuarantinedCopy, worker: Callable[[], Program], next_hop: NextHop
) -> None:
    next_hop.script.hang_at = "DOT"
    killed = worker()
    release.release(QuarantinedCopy.objects.all(), "admin")
    until("the final dot", lambda: "DATA" in next_hop.log)
    killed.kill()
    assert state_of(copy) == "releasing"
    assert copy.claimed
    next_hop.script.hang_at = ""
    # The quarter of an hour after which a claim is void.
    QuarantinedCopy.objects.update(claimed=copy.claimed - timedelta(minutes=15))
    worker()
    assert state_of(copy) == "releasing"

    broker.app().send_task("release.sweep")  # as the schedule does it each minute

    until("the release", lambda: state_of(copy) == "released")
    assert len(next_hop.kept) == 1


def test_the_schedule_sweeps_each_minute(start: Callable[..., Program]) -> None:
    shown = start(
        "-c",
        "from workers.app import app; app.loader.import_default_modules()\n"
        "for entry in app.conf.beat_schedule.values():\n"
        "    print(entry['schedule'], entry['task'], entry['task'] in app.tasks)",
    )

    assert shown.process.wait(30) == 0
    assert shown.log.read_text().splitlines() == [
        "60.0 release.sweep True",
        "60.0 learn.sweep True",
        "60.0 spool.adopt True",
        "3600.0 retention.expire True",
        "600.0 signatures.look_again True",
        "180.0 lists.probe True",
        "3600.0 probe.look_again True",
        "3600.0 backups.watch True",
        "300.0 room.watch True",
        "3600.0 digests.send True",
        "3600.0 keys.tend True",
    ]
