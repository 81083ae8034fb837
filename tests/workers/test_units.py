"""The other processes under a service manager: ingest, the worker, the console."""

import http.client
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from gateway import halfway
from tests.smtpfront.running import until
from tests.smtpfront.units import Unit, ended, listening

INGEST = ["manage.py", "ingest"]
WORKER = ["manage.py", "worker"]
OF_OTHERS = ("ready: ", "worker: ")  # for the supervisor of the embedded default; from a signal handler of Celery's
CONSOLE = ["manage.py", "console"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"BACKSTOP_NODE__HOME": str(tmp_path / "home"), "BACKSTOP_NODE__NAME": "mx.example.test"}


@pytest.mark.parametrize("module", [INGEST, WORKER, CONSOLE], ids=["ingest", "worker", "console"])
def test_an_error_of_the_configuration_ends_with_78(
    tmp_path: Path, environment: dict[str, str], module: list[str]
) -> None:
    with Unit(tmp_path, module, environment | {"BACKSTOP_DATABASE__COLOUR": "red"}) as unit:
        assert ended(unit) == os.EX_CONFIG
        assert "colour" in unit.log
        assert "READY=1" not in unit.manager.lines


@pytest.mark.parametrize("module", [INGEST, WORKER, CONSOLE], ids=["ingest", "worker", "console"])
def test_nothing_starts_on_half_of_a_restored_state(
    tmp_path: Path, environment: dict[str, str], module: list[str]
) -> None:
    halfway.begin(tmp_path / "home")
    with Unit(tmp_path, module, environment) as unit:
        assert ended(unit) == os.EX_CONFIG
        assert "a restore broke off, and half of the state is missing; run it again" in unit.log
        assert "READY=1" not in unit.manager.lines


def test_ingest_is_ready_also_without_a_database_and_feeds_the_watchdog(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    watched = environment | {"WATCHDOG_USEC": "2000000"}
    with Unit(tmp_path, INGEST, watched).wait_until_ready() as unit:
        before = len(unit.manager.lines)
        until("a word", lambda: unit.said_after(before, "WATCHDOG=1"))
        assert unit.stop() == 0
        assert "STOPPING=1" in unit.manager.lines


def test_the_worker_is_ready_once_it_takes_tasks_and_says_that_it_stops(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with Unit(tmp_path, WORKER, environment).wait_until_ready() as unit:
        assert "STATUS=takes tasks" in unit.manager.lines
        assert unit.stop() == 0
        assert "STOPPING=1" in unit.manager.lines


def test_a_worker_whose_schedule_has_died_ends_to_be_started_again(tmp_path: Path, environment: dict[str, str]) -> None:
    with Unit(tmp_path, WORKER, environment).wait_until_ready() as unit:
        sign = tmp_path / "home" / "celery" / "schedule"
        until("a sign of life", sign.exists)
        children = Path(f"/proc/{unit.process.pid}/task/{unit.process.pid}/children").read_text().split()
        (beat,) = [int(each) for each in children]

        os.kill(beat, signal.SIGKILL)

        assert ended(unit) == 0
        assert "the schedule's process has ended" in unit.log


def test_the_console_serves_the_socket_of_systemd(tmp_path: Path, environment: dict[str, str]) -> None:
    sock = listening()
    number: int = sock.getsockname()[1]
    with sock, Unit(tmp_path, CONSOLE, environment, sockets={"console": sock}).wait_until_ready() as unit:
        client = http.client.HTTPConnection("127.0.0.1", number, timeout=60)
        client.request("GET", "/", headers={"Host": "other.test"})  # a host name that it does not answer to
        assert client.getresponse().status == 400
        client.close()
        assert unit.stop() == 0


def test_who_comes_before_the_console_serves_waits(tmp_path: Path, environment: dict[str, str]) -> None:
    sock = listening()
    with sock, socket.create_connection(sock.getsockname(), 60) as early:
        early.sendall(b"GET /static/missing HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        with Unit(tmp_path, CONSOLE, environment, sockets={"console": sock}):
            assert early.recv(12).startswith(b"HTTP/1.")


@pytest.mark.parametrize("module", [INGEST, WORKER, CONSOLE], ids=["ingest", "worker", "console"])
def test_every_line_of_the_log_is_json_where_that_is_asked_for(
    tmp_path: Path, environment: dict[str, str], module: list[str]
) -> None:
    in_json = environment | {"BACKSTOP_LOG__FORMAT": "json", "BACKSTOP_CONSOLE__LISTEN": "127.0.0.1:0"}
    with Unit(tmp_path, module, in_json).wait_until_ready() as unit:
        if module is INGEST:  # there are no tables
            until("a word", lambda: "journals wait" in unit.log)
        unit.stop()
        said = [line for line in unit.log.splitlines() if line and not line.startswith(OF_OTHERS)]
        assert all(json.loads(line)["text"] for line in said)
