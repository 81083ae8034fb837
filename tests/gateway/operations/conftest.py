from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.mail.trace import Trace
from gateway.models import Domain, Route, RouteHost
from gateway.operations import broker
from gateway.operations.ingest import ingest_once
from gateway.spool.journal import JournalWriter
from gateway.spool.quarantine import Quarantine
from gateway.spool.records import TraceRecord, encode
from gateway.spool.staging import Spool
from tests.samples import publish_route
from tests.smtpfront.nexthop import NextHop


@pytest.fixture
def journals(home: Path) -> Path:
    return home / "journal"


@pytest.fixture
def writer(journals: Path) -> JournalWriter:
    return JournalWriter(journals, "smtp-0")


@pytest.fixture
def ingest(journals: Path, writer: JournalWriter) -> Callable[..., None]:
    """Writes traces to a journal, and reads it."""

    def run(*traces: Trace) -> None:
        for trace in traces:
            writer.append(encode(TraceRecord(trace)))
        ingest_once(journals)

    return run


@pytest.fixture
def spool(home: Path) -> Spool:
    return Spool(home / "spool", "smtp-0")


@pytest.fixture
def quarantine(spool: Spool) -> Quarantine:
    return Quarantine(spool.folder)


@pytest.fixture
def domain(home: Path) -> Domain:  # noqa: ARG001 - secrets and policy lie there
    """A domain with a route, as an administrator has just made them."""
    route = Route.objects.create(name="inside")
    RouteHost.objects.create(route=route, position=0, host="127.0.0.1")
    return Domain.objects.create(name="example.test", route=route)


@pytest.fixture
def next_hop(home: Path) -> Iterator[NextHop]:
    """A next hop, and a published policy whose route ``main`` leads to it."""
    hop = NextHop()
    publish_route(home, hop.port)
    yield hop
    hop.close()


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The copies for which a worker was rung; no broker is asked."""
    numbers: list[int] = []
    monkeypatch.setattr(broker, "ring", numbers.append)
    return numbers
