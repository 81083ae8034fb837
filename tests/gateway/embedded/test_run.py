"""The two commands, as a newcomer types them: ``run`` in one terminal, ``demo`` in another."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import psutil
import pytest

from tests.gateway.embedded.conftest import environment_of

ROOT = Path(__file__).parents[3]
UP = "Backstop is up"


class Gateway:
    """A running gateway and its log."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = os.environ | environment
        self.environment.pop("BACKSTOP_DATABASE__URL", None)
        self.home = Path(environment["BACKSTOP_NODE__HOME"])
        self._folder = folder
        self._count = 0
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self, seconds: float = 120, line: str = UP) -> None:
        """Start it, and wait until it says a line: by default that it is up."""
        self._count += 1
        self._log = self._folder / f"run{self._count}.log"
        with self._log.open("wb") as log:
            command = (sys.executable, "manage.py", "run")
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        until = time.monotonic() + seconds
        while line not in self.log:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.05)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "manage.py", *arguments)
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    def stop(self, number: signal.Signals = signal.SIGINT) -> list[psutil.Process]:
        """Stop it; gives what is left of it."""
        processes = psutil.Process(self.process.pid).children(recursive=True)
        assert len(processes) > 8
        self.process.send_signal(number)
        self.process.wait(timeout=60)
        return [each for each in processes if alive(each)]

    def family(self) -> list[psutil.Process]:
        """Every living process of it, whoever is its parent by now: those that have its folder in their environment."""
        found = []
        for each in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if each.environ().get("BACKSTOP_NODE__HOME") == str(self.home) and alive(each):
                    found.append(each)
        return found

    def end(self) -> None:
        """End it, whatever has become of it: as Ctrl-C does, and by force what that leaves."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=60)
        left = self.family()
        for each in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(left, timeout=60)
        if self.process is not None:
            self.process.wait(timeout=60)


def alive(process: psutil.Process) -> bool:
    """Whether it still does anything; one that nobody has asked for its status does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def gateway(environment: dict[str, str], tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(environment, tmp_path) as gateway:
        gateway.start()
        yield gateway


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway for those that leave it as it is."""
    folder = tmp_path_factory.mktemp("shared")
    with Gateway(environment_of(folder), folder) as gateway:
        gateway.start()
        yield gateway


def rows(gateway: Gateway) -> list[dict[str, str]]:
    """Play the demo; gives what became of each message."""
    played = gateway.manage("demo", "--json")
    found = [json.loads(line) for line in played.stdout.splitlines()]
    assert played.returncode == 0, played.stdout + played.stderr
    return found


def test_the_doctor_finds_everything_well_but_the_signatures(shared: Gateway) -> None:
    looked = shared.manage("doctor", "--json")
    results = [json.loads(line) for line in looked.stdout.splitlines()]
    # What the machine itself lacks is no fault of the gateway.
    of_machine = {"clock", "signatures", "disk", "DNS", "units", "outbound queue"}
    found = {row["name"]: row["level"] for row in results if row["name"] not in of_machine}
    stage = found.pop("stage example.test")
    assert stage == "skip", "a new domain observes until all its mail leaves through the gateway"
    assert found.pop("MTA-STS") == "skip", "no domain has it on"
    assert [found.pop("backup"), found.pop("proof")] == ["warn", "warn"], "nobody has made a backup yet"
    assert set(found.values()) == {"ok"}, looked.stdout
    assert {"database", "policy", "smtpd 1", "ingest", "worker", "clamd", "route bundled-sink"} <= set(found)


def test_every_message_of_the_demo_is_treated_as_expected(shared: Gateway) -> None:
    first, second = rows(shared), rows(shared)
    assert len(first) == len(second) == 11
    assert [row["differs"] for row in first + second] == [""] * 22
    assert all(row["page"] for row in first)


def test_the_demo_prints_a_table_with_a_page_for_each_message(shared: Gateway) -> None:
    table = shared.manage("demo").stdout
    assert table.count("as expected  http") == 11
    assert table.count("/messages/") == 11
    assert max(map(len, table.splitlines())) <= 120


def test_the_demo_fails_when_one_message_is_treated_otherwise(gateway: Gateway) -> None:
    script = "from gateway.models import Recipient; Recipient.objects.filter(local_part='bob').delete()"
    publish = "from gateway.operations.publish import publish_policy; publish_policy('test')"
    assert gateway.manage("shell", "-c", f"{script}; {publish}").returncode == 0
    until = time.monotonic() + 60
    while gateway.log.count("policy revision 2 is in force") < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    played = gateway.manage("demo")
    assert played.returncode == 1
    assert "DIFFERS: the reply is 550 5.1.1" in played.stdout
    assert "1 differ" in played.stdout


def test_ctrl_c_stops_every_process(gateway: Gateway) -> None:
    assert gateway.stop() == []
    assert "stopped in" in gateway.log  # on a machine that is starved some may have been killed for it


def test_a_gateway_that_does_not_come_up_in_time_is_ended_whole(environment: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(AssertionError), Gateway(environment, tmp_path) as gateway:
        gateway.start(seconds=3, line="what it never says")

    assert gateway.process.returncode is not None
    assert gateway.family() == []


def test_a_killed_supervisor_leaves_nothing_behind(gateway: Gateway) -> None:
    left = gateway.stop(signal.SIGKILL)
    until = time.monotonic() + 60
    while left := [each for each in left if alive(each)]:
        assert time.monotonic() < until, [each.cmdline() for each in left]
        time.sleep(0.05)


def test_the_password_is_shown_once_and_state_stays(gateway: Gateway) -> None:
    shown = re.findall(r"with the password (\S+)", gateway.log)
    assert len(shown) == 1
    assert gateway.manage("demo").returncode == 0
    gateway.stop()
    gateway.start()
    assert "with the password" not in gateway.log
    seconds = re.search(r"Backstop is up.*\((\d+\.\d) s\)", gateway.log)
    assert seconds is not None
    assert float(seconds[1]) < 30, "a second start is quick"
    count = "from gateway.models import Transaction; print(Transaction.objects.count())"
    assert gateway.manage("shell", "-v", "0", "-c", count).stdout.strip() == "11"
    assert len(list((gateway.home / "sink").glob("*.eml"))) == 5


def test_a_second_gateway_on_the_same_folder_is_one_clear_line(shared: Gateway) -> None:
    refused = shared.manage("run")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"process {shared.process.pid}" in refused.stderr


def test_a_port_in_use_is_one_clear_line(shared: Gateway, tmp_path: Path) -> None:
    refused = shared.manage("run", "--home", str(tmp_path / "another"))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "in use by another program" in refused.stderr


def test_a_process_that_dies_is_started_again_and_mail_flows_on(gateway: Gateway) -> None:
    children = psutil.Process(gateway.process.pid).children()
    (smtpd,) = [child for child in children if child.cmdline()[-2:] == ["-m", "smtpfront"]]
    readies = gateway.log.count("ready: slot")
    smtpd.kill()
    until = time.monotonic() + 60
    while gateway.log.count("ready: slot") < readies + 2:
        assert time.monotonic() < until, gateway.log
        time.sleep(0.05)
    assert "smtpd was killed by SIGKILL; started again" in gateway.log
    assert len(rows(gateway)) == 11


@pytest.mark.parametrize("home", ["/proc/backstop", "/dev/null/backstop"])
def test_an_unwritable_folder_is_one_clear_line(environment: dict[str, str], tmp_path: Path, home: str) -> None:
    refused = Gateway(environment, tmp_path).manage("run", "--home", home)
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert home in refused.stderr


def test_the_demo_without_a_gateway_says_what_to_start(environment: dict[str, str], tmp_path: Path) -> None:
    refused = Gateway(environment, tmp_path).manage("demo")
    assert refused.returncode == 1
    assert "make run" in refused.stderr
    assert refused.stderr.count("\n") == 1
