"""Mail that is made to exhaust its readers: each gets an answer in time, in bounded memory, and no virus gets through.

Everything goes over the wire, through real processes with limits, past a real clamd.
"""

import resource
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gateway.mail.decisions import Action
from gateway.mail.findings import Outcome
from gateway.mail.trace import Trace
from tests.lies import catalog, hostile
from tests.smtpfront.conftest import prepare
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, snapshot

MEGABYTE = 1_048_576
ADDRESS_SPACE = 2048 * MEGABYTE  # what a process may ask for
RESIDENT = 200 * MEGABYTE  # what none of them may ever hold
SECONDS = 240.0  # for one answer: none comes where a reader is stuck
MUTANTS = 300
OURS = {"line_ends", "mime", "attachments", "clamav", "spam"}  # the checks that read content


@pytest.fixture(scope="module")
def hop() -> Iterator[NextHop]:
    own = NextHop()
    yield own
    own.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, hop: NextHop, clamd: str) -> Iterator[Gateway]:
    """A gateway whose processes may not ask for more than they should need."""
    policy = snapshot(hop.port, max_size=30 * MEGABYTE, normalise_line_ends=("127.0.0.0/8",))
    running = Gateway(prepare(tmp_path_factory.mktemp("gateway")), policy, clamd, BACKSTOP_CLAMD__SECONDS="60")
    for each in processes(running):
        resource.prlimit(each.pid, resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.log, running.log


def processes(gateway: Gateway) -> list[psutil.Process]:
    assert gateway.process is not None
    parent = psutil.Process(gateway.process.pid)
    return [parent, *parent.children()]


def judged(gateway: Gateway, raw: bytes) -> Trace:
    """Send a mail, and give what became of it; the answer comes in time."""
    began = time.monotonic()
    with gateway.client() as client:
        client.socket.settimeout(SECONDS)
        client.open("them@other.test", "alice@example.test")
        reply = client.data(raw if raw.endswith(b"\r\n") else raw + b"\r\n")
    assert time.monotonic() - began < SECONDS
    assert reply[:1] in {"2", "4", "5"}, reply
    return gateway.trace_of(reply)


def action_of(trace: Trace) -> Action:
    decision = trace.recipients[0].decision
    assert decision is not None
    return decision.action


def was_scanned(trace: Trace) -> bool:
    return any(each.check == "clamav" and each.outcome in {Outcome.HIT, Outcome.MISS} for each in trace.observations)


def is_open(trace: Trace) -> bool:
    return action_of(trace) in {Action.DELIVER, Action.TAG}


def assert_small(gateway: Gateway) -> None:
    """No process has ever held more than it may."""
    for each in processes(gateway):
        status = Path(f"/proc/{each.pid}/status").read_text()
        assert int(status.partition("VmHWM:")[2].split()[0]) * 1024 < RESIDENT, each


@pytest.mark.timeout(1800)
def test_a_virus_behind_what_tires_its_readers_is_not_delivered(gateway: Gateway) -> None:
    assert [name for name, raw in hostile.with_a_virus() if is_open(judged(gateway, raw))] == []
    assert_small(gateway)


@pytest.mark.timeout(1800)
def test_what_is_nothing_but_trouble_gets_a_definite_answer_and_is_not_delivered_unscanned(gateway: Gateway) -> None:
    traces = {name: judged(gateway, raw) for name, raw in hostile.without()}
    assert [name for name, trace in traces.items() if is_open(trace) and not was_scanned(trace)] == []
    assert [name for name, trace in traces.items() if is_open(trace) and "bomb" in name] == []
    assert_small(gateway)


@pytest.mark.timeout(1800)
def test_damaged_mail_gets_a_definite_answer_and_is_not_delivered_unscanned(gateway: Gateway) -> None:
    mails = [each.raw for each in (*catalog.plain(), *catalog.harmless())]
    for name, raw in hostile.mutants(mails, MUTANTS):
        trace = judged(gateway, raw)
        assert not is_open(trace) or was_scanned(trace), name
        assert [each.detail for each in trace.observations if each.check in OURS and each.outcome.failed] == [], name
    assert_small(gateway)
