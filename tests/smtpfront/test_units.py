"""The SMTP front under a service manager: sockets that are handed over, words that it says, two instances at once."""

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from gateway import halfway
from gateway.policy import codec
from tests.smtpfront.conftest import prepare
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import PATIENCE, Client, mail, snapshot, until
from tests.smtpfront.units import Unit, ended, listening

SMTPD = ["manage.py", "smtpd"]
SOURCE = "/usr/sbin/smtp-source"


@pytest.fixture
def hop() -> Iterator[NextHop]:
    with NextHop() as each:
        yield each


@pytest.fixture
def sockets() -> Iterator[dict[str, socket.socket]]:
    made = {name: listening() for name in ("inbound", "outbound", "outbound_tls")}
    yield made
    for each in made.values():
        each.close()


@pytest.fixture
def home(tmp_path: Path, hop: NextHop) -> Path:
    made = prepare(tmp_path / "home")
    (made / "policy").mkdir()
    (made / "policy" / "current.json").write_bytes(codec.encode(snapshot(hop.port)))
    return made


@pytest.fixture
def environment(home: Path, clamd: str) -> dict[str, str]:
    return {
        "BACKSTOP_NODE__HOME": str(home),
        "BACKSTOP_NODE__NAME": "mx.example.test",
        "BACKSTOP_NODE__PROCESSES": "2",
        "BACKSTOP_CLAMD__SOCKET": clamd,
        "BACKSTOP_DNS__SERVERS": '["127.0.0.1:9"]',  # nobody answers
        "BACKSTOP_SMTP__INBOUND": "[]",
        "BACKSTOP_SMTP__OUTBOUND": "[]",
        "BACKSTOP_SMTP__OUTBOUND_TLS": "[]",
        "BACKSTOP_LIMITS__STOP_SECONDS": "30",
    }


def port_of(sock: socket.socket) -> int:
    number: int = sock.getsockname()[1]
    return number


def as_instance(name: str, environment: dict[str, str]) -> dict[str, str]:
    return environment | {"BACKSTOP_NODE__INSTANCE": name}


def test_sockets_of_systemd_are_served_by_their_names_in_place_of_our_own(
    tmp_path: Path, environment: dict[str, str], sockets: dict[str, socket.socket]
) -> None:
    with Unit(tmp_path, SMTPD, environment, sockets=sockets).wait_until_ready():
        for name, sock in sockets.items():
            with Client(port_of(sock), tls=name == "outbound_tls") as client:
                assert client.banner.startswith("220 mx.example.test")
                offered = client.say("EHLO client.test")
                assert ("STARTTLS" in offered) == (name != "outbound_tls")
        (status, _) = (json.loads(each.read_text()) for each in (tmp_path / "home" / "status").glob("smtp-*.json"))
        assert status["listeners"] == [f"127.0.0.1:{port_of(each)}" for each in sockets.values()]


@pytest.mark.parametrize("names", ["", "inbound:outbound", "inbound:outbound:backstop-smtpd.socket"])
def test_a_socket_without_a_name_that_we_know_is_an_error_of_the_configuration(
    tmp_path: Path, environment: dict[str, str], sockets: dict[str, socket.socket], names: str
) -> None:
    with Unit(tmp_path, SMTPD, environment, sockets=sockets, names=names) as unit:
        assert ended(unit) == os.EX_CONFIG
        assert "FileDescriptorName= in its unit: inbound, outbound, outbound_tls" in unit.log


def test_a_socket_that_takes_no_connections_is_an_error_of_the_configuration(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        high = socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 100))
    with high, Unit(tmp_path, SMTPD, environment, sockets={"inbound": high}) as unit:
        assert ended(unit) == os.EX_CONFIG
        assert "takes no TCP connections" in unit.log


def test_nothing_is_served_from_half_of_a_restored_state(
    tmp_path: Path, home: Path, environment: dict[str, str], sockets: dict[str, socket.socket]
) -> None:
    halfway.begin(home)
    with Unit(tmp_path, SMTPD, environment, sockets=sockets) as unit:
        assert ended(unit) == os.EX_CONFIG
        assert "a restore broke off, and half of the state is missing; run it again" in unit.log


@pytest.mark.parametrize(
    ("variable", "value"),
    [("NODE__PROCESSES", "many"), ("NODE__INSTANCE", "A-1"), ("SMTP__INBOUND", '["nowhere"]'), ("LOG__COLOUR", "yes")],
)
def test_an_error_of_the_configuration_ends_with_78(
    tmp_path: Path, environment: dict[str, str], variable: str, value: str
) -> None:
    with Unit(tmp_path, SMTPD, environment | {f"BACKSTOP_{variable}": value}) as unit:
        assert ended(unit) == os.EX_CONFIG
        assert "READY=1" not in unit.manager.lines


def test_it_is_ready_once_every_child_serves_and_says_how_it_is_and_that_it_stops(
    tmp_path: Path, environment: dict[str, str], sockets: dict[str, socket.socket]
) -> None:
    with Unit(tmp_path, SMTPD, environment, sockets=sockets).wait_until_ready() as unit:
        assert unit.log.count("ready: slot") == 2
        assert "STATUS=2 of 2 processes serve 0 clients, policy revision 1" in unit.manager.lines
        with Client(port_of(sockets["inbound"])):
            until(
                "the figures",
                lambda: "STATUS=2 of 2 processes serve 1 clients, policy revision 1" in unit.manager.lines,
            )
        assert "STOPPING=1" not in unit.manager.lines
        assert unit.stop() == 0
        assert "STOPPING=1" in unit.manager.lines


def test_a_sighup_of_the_service_manager_ends_nothing(
    tmp_path: Path, environment: dict[str, str], sockets: dict[str, socket.socket]
) -> None:
    with Unit(tmp_path, SMTPD, environment, sockets=sockets).wait_until_ready() as unit:
        unit.process.send_signal(signal.SIGHUP)
        until("an answer", lambda: "nothing to reload" in unit.log)
        with Client(port_of(sockets["inbound"])) as client:
            assert client.banner.startswith("220")


def test_the_watchdog_is_told_while_every_child_answers_and_not_when_one_hangs(
    tmp_path: Path, environment: dict[str, str], sockets: dict[str, socket.socket]
) -> None:
    watched = environment | {"WATCHDOG_USEC": "4000000"}
    with Unit(tmp_path, SMTPD, watched, sockets=sockets).wait_until_ready() as unit:
        before = len(unit.manager.lines)
        until("a word", lambda: unit.said_after(before, "WATCHDOG=1"))
        status = json.loads(next((tmp_path / "home" / "status").glob("smtp-*.json")).read_text())
        os.kill(status["pid"], signal.SIGSTOP)
        try:
            until("it is noticed", lambda: f"slot {status['slot']} does not answer" in unit.log)
            before = len(unit.manager.lines)
            until("another look", lambda: unit.log.count("does not answer") > 1)
            assert not unit.said_after(before, "WATCHDOG=1")
        finally:
            os.kill(status["pid"], signal.SIGCONT)
        until("a word again", lambda: unit.said_after(before, "WATCHDOG=1"))


def test_log_lines_in_json_are_whole_and_say_their_priority_to_journald(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    log = tmp_path / "journald"
    with log.open("ab") as stream:
        status = os.fstat(stream.fileno())
        in_json = environment | {
            "BACKSTOP_LOG__FORMAT": "json",
            "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}",
            "BACKSTOP_SMTP__INBOUND": '["127.0.0.1:0"]',
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "smtpfront"],
            env=os.environ | in_json,
            stdout=stream,
            stderr=stream,
        )
    until("it serves", lambda: log.read_text().count("ready: slot") == 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    for line in log.read_text().splitlines():
        assert line.startswith("<6>{")
        assert {"at", "level", "name", "text"} <= json.loads(line[3:]).keys()


def test_what_an_instance_stages_is_discarded_by_another_only_when_it_does_not_run(
    tmp_path: Path, environment: dict[str, str], home: Path, sockets: dict[str, socket.socket]
) -> None:
    staging = home / "spool" / "staging"
    with Unit(tmp_path, SMTPD, as_instance("a", environment), name="a", sockets=sockets).wait_until_ready() as a:
        (staging / "a-1" / "01LEFT").mkdir()
        with Unit(tmp_path, SMTPD, as_instance("b", environment), name="b", sockets=sockets).wait_until_ready():
            assert (staging / "a-1" / "01LEFT").exists()
            names = {each.name for each in (home / "status").glob("smtp-*.json")}
            assert names == {f"smtp-{slot}.json" for slot in ("a-1", "a-2", "b-1", "b-2")}
        a.kill()
        assert (staging / "a-1" / "01LEFT").exists()
        with Unit(tmp_path, SMTPD, as_instance("b", environment), name="again", sockets=sockets).wait_until_ready():
            assert not (staging / "a-1").exists()
            assert {each.name for each in (home / "status").glob("smtp-*.json")} == {"smtp-b-1.json", "smtp-b-2.json"}


def test_a_second_start_of_the_same_instance_is_refused(
    tmp_path: Path, environment: dict[str, str], sockets: dict[str, socket.socket]
) -> None:
    hurried = as_instance("a", environment) | {"BACKSTOP_LIMITS__STOP_SECONDS": "0"}
    with (
        Unit(tmp_path, SMTPD, hurried, name="first", sockets=sockets).wait_until_ready(),
        Unit(tmp_path, SMTPD, hurried, name="second", sockets=sockets) as second,
    ):
        assert ended(second) == 1
        assert "another smtpd runs here as instance a" in second.log


def test_a_lost_250_makes_no_second_copy_at_the_other_instance(
    tmp_path: Path, environment: dict[str, str], home: Path, hop: NextHop, sockets: dict[str, socket.socket]
) -> None:
    port = port_of(sockets["inbound"])
    with Unit(tmp_path, SMTPD, as_instance("a", environment), name="a", sockets=sockets).wait_until_ready():
        with Client(port) as client:
            client.open("them@other.test", "alice@example.test")
            client.say("DATA")
            client.send(mail("once\r\n") + b".\r\n")
        until("it is remembered", lambda: any((home / "spool" / "deliveries").iterdir()))
    with (
        Unit(tmp_path, SMTPD, as_instance("b", environment), name="b", sockets=sockets).wait_until_ready(),
        Client(port) as client,
    ):
        client.open("them@other.test", "alice@example.test")
        assert client.data(mail("once\r\n")).startswith("250 2.0.0 accepted before")
    assert len(hop.kept) == 1


def test_at_a_stop_a_client_that_has_just_come_may_send_its_message_and_no_other(
    tmp_path: Path, environment: dict[str, str], hop: NextHop, sockets: dict[str, socket.socket]
) -> None:
    port, statuses = port_of(sockets["inbound"]), tmp_path / "home" / "status"
    alone = environment | {"BACKSTOP_NODE__PROCESSES": "1"}
    with (
        Unit(tmp_path, SMTPD, alone, sockets=sockets).wait_until_ready() as unit,
        Client(port) as served,
        Client(port) as come,
    ):
        served.open("them@other.test", "alice@example.test")
        served.say("RSET")
        unit.process.send_signal(signal.SIGTERM)
        assert served.reply().startswith("421 4.3.2")
        until("it drains", lambda: all(json.loads(each.read_text())["draining"] for each in statuses.glob("*.json")))
        come.open("them@other.test", "alice@example.test")
        assert come.data(mail()).startswith("250 2.0.0")
        assert come.reply().startswith("421 4.3.2")
        assert unit.process.wait(PATIENCE) == 0
    assert len(hop.kept) == 1


def test_who_connects_while_no_instance_runs_waits_for_the_next_one(
    tmp_path: Path, environment: dict[str, str], sockets: dict[str, socket.socket]
) -> None:
    with Unit(tmp_path, SMTPD, as_instance("a", environment), name="a", sockets=sockets).wait_until_ready() as a:
        assert a.stop() == 0
    with socket.create_connection(sockets["inbound"].getsockname(), PATIENCE) as waiting:
        waiting.settimeout(PATIENCE)
        with Unit(tmp_path, SMTPD, as_instance("b", environment), name="b", sockets=sockets):
            assert waiting.recv(100).startswith(b"220 mx.example.test")


class Load:
    """Mail that keeps coming, ten connections at once, a message each, until it is told to end."""

    BATCH = 100

    def __init__(self, port: int) -> None:
        self.sent = 0
        self.trouble: list[bytes] = []
        self._port = port
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(2 * PATIENCE)

    def _run(self) -> None:
        envelope = ("-f", "them@other.test", "-t", "alice@example.test", f"inet:127.0.0.1:{self._port}")
        while not self._ending.is_set() and not self.trouble:
            load = [SOURCE, "-s", "10", "-m", str(self.BATCH), *envelope]
            done = subprocess.run(load, capture_output=True, check=False, timeout=2 * PATIENCE)
            self.sent += self.BATCH
            if done.returncode or done.stderr:
                self.trouble.append(done.stderr)


def flows(hop: NextHop) -> None:
    """Wait for some more mail."""
    seen = len(hop.kept)
    until("mail flows", lambda: len(hop.kept) > seen + 50)


@pytest.mark.skipif(not Path(SOURCE).exists(), reason="needs Postfix's smtp-source")
def test_a_switch_under_load_refuses_nobody_and_loses_and_doubles_nothing(
    tmp_path: Path, environment: dict[str, str], hop: NextHop, sockets: dict[str, socket.socket]
) -> None:
    names = ("a", "b", "a")
    running = Unit(tmp_path, SMTPD, as_instance("a", environment), name="0", sockets=sockets).wait_until_ready()
    with Load(port_of(sockets["inbound"])) as load, contextlib.ExitStack() as units:
        units.enter_context(running)
        for number in (1, 2):
            flows(hop)
            new = Unit(tmp_path, SMTPD, as_instance(names[number], environment), name=f"{number}", sockets=sockets)
            units.enter_context(new).wait_until_ready()
            assert running.stop() == 0
            running = new
        flows(hop)
        load.__exit__()
        assert not load.trouble
        assert running.stop() == 0
    assert len(hop.kept) == load.sent
    ids = [re.search(rb"^Message-Id: (.*)$", each.content, re.MULTILINE | re.IGNORECASE) for each in hop.kept]
    assert len({each.group(1) for each in ids if each is not None}) == load.sent
