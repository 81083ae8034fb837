"""The switch between releases, by the command of a machine: which one is in force, who serves, and the way back.

systemctl has a stand-in that remembers what runs and what starts at boot; tests/vm shows the whole, under mail.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SYSTEMCTL = """#!/bin/sh
cd {folder}
echo "$*" >>calls
[ "$1" != --quiet ] || shift
verb=$1
shift
for unit in "$@"; do
  case $verb in
    is-active) [ -e "active/$2" ]; exit ;;
    restart)
      case $unit in
        *smtpd@*) if [ -e slow ]; then touch begun; while [ -e slow ]; do sleep 0.05; done; fi ;;
      esac
      if [ -e "broken-$(basename "$(readlink opt/current)")" ]; then exit 1; fi
      basename "$(readlink opt/current)" >"active/$unit" ;;
    start)
      if [ -e taken ]; then rm taken; exit 1; fi
      basename "$(readlink opt/current)" >"active/$unit" ;;
    stop) rm -f "active/$unit" ;;
    enable) touch "enabled/$unit" ;;
    disable) rm -f "enabled/$unit" ;;
  esac
done
"""
OTHERS = {f"backstop-{name}.service" for name in ("ingest", "worker", "console")}


class Machine:
    """A folder that stands for a machine with the releases 1, 2 and 3."""

    def __init__(self, folder: Path, commands: Path) -> None:
        """Set it up; nothing is in force."""
        self.folder = folder
        for name in ("active", "enabled", "bin"):
            (folder / name).mkdir()
        for release in "123":
            (folder / "opt/releases" / release / "bin").mkdir(parents=True)
            (folder / "opt/releases" / release / ".complete").touch()
            # Each knows the keys of its own time, and those before.
            program = (
                f'#!/bin/sh\n[ "$(cat "$BACKSTOP_CONFIG")" -le {release} ] || {{ echo "unknown key" >&2; exit 1; }}\n'
            )
            self._program(f"opt/releases/{release}/bin/python", program)
        self.settings = folder / "backstop.toml"
        self.settings.write_text("1")
        self._program("bin/systemctl", SYSTEMCTL.format(folder=folder))
        self._program("bin/id", "#!/bin/sh\necho 0\n")
        for name in ("backstop-switch", "backstop-bind"):
            text = (commands / name).read_text().replace("/opt/backstop", f"{folder}/opt")
            text = text.replace("/run/backstop-switch", f"{folder}/switch").replace("/usr/local/sbin", f"{folder}/bin")
            self._program(f"bin/{name}", text.replace("/etc/backstop/backstop.toml", str(self.settings)))

    def _program(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    def begin(self, what: str) -> subprocess.Popen[str]:
        """Begin to switch."""
        environment = os.environ | {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        command = ("sh", self.folder / "bin/backstop-switch", what)
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def switch(self, what: str) -> str:
        """Switch; gives what was said."""
        with self.begin(what) as switching:
            return switching.communicate()[0]

    def bind(self) -> list[str]:
        """Bind the sockets anew; gives what systemctl was asked for."""
        environment = os.environ | {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        (self.folder / "calls").write_text("")
        subprocess.run(("sh", self.folder / "bin/backstop-bind"), env=environment, check=True, capture_output=True)
        return (self.folder / "calls").read_text().splitlines()

    def links(self) -> tuple[str, str]:
        """The release in force, and the one before."""
        found = [self.folder / "opt" / name for name in ("current", "previous")]
        current, previous = (each.readlink().name if each.is_symlink() else "" for each in found)
        return current, previous

    def running(self) -> dict[str, str]:
        """The units that run, each with the release that it was started from."""
        return {each.name: each.read_text().strip() for each in (self.folder / "active").iterdir()}

    def enabled(self) -> set[str]:
        """The units that start at boot."""
        return {each.name for each in (self.folder / "enabled").iterdir()}

    def fails(self, release: str) -> None:
        """Let no process of a release start."""
        (self.folder / f"broken-{release}").touch()


@pytest.fixture
def machine(rendered: Path, tmp_path: Path) -> Machine:
    """A machine whose first release is in force."""
    made = Machine(tmp_path, rendered / "gateway")
    assert "1 is in force" in made.switch("1")
    return made


def test_the_first_release_starts_the_smtp_front_and_leaves_the_others_to_the_playbook(machine: Machine) -> None:
    assert machine.links() == ("1", "")
    assert machine.running() == {"backstop-smtpd@a.service": "1"}
    assert machine.enabled() == {"backstop-smtpd@a.service"}


def test_the_other_instance_takes_over_and_the_way_back_is_open(machine: Machine) -> None:
    machine.switch("2")

    assert machine.links() == ("2", "1")
    assert machine.running() == {"backstop-smtpd@b.service": "2", **dict.fromkeys(OTHERS, "2")}
    assert machine.enabled() == {"backstop-smtpd@b.service"}

    machine.switch("--back")

    assert machine.links() == ("1", "2")
    assert machine.running() == {"backstop-smtpd@a.service": "1", **dict.fromkeys(OTHERS, "1")}


def test_a_release_that_does_not_start_changes_nothing(machine: Machine) -> None:
    machine.switch("2")
    before = machine.links(), machine.running(), machine.enabled()
    machine.fails("3")

    assert "2 stays in force" in machine.switch("3")

    assert (machine.links(), machine.running(), machine.enabled()) == before


def test_the_way_back_leads_to_settings_that_the_release_before_knows(machine: Machine) -> None:
    machine.settings.write_text("2")
    machine.switch("2")

    assert "is again what 1 served with" in machine.switch("--back")

    assert machine.links() == ("1", "2")
    assert machine.settings.read_text() == "1"


def test_settings_that_a_failed_release_brought_go_where_the_one_before_does_not_know_them(machine: Machine) -> None:
    machine.fails("2")
    machine.settings.write_text("2")

    machine.switch("2")

    assert machine.settings.read_text() == "1"


def test_settings_that_a_release_does_not_know_are_refused_where_it_is_to_read_them(machine: Machine) -> None:
    machine.settings.write_text("2")

    assert "can't use" in machine.switch("--again")

    assert machine.settings.read_text() == "2"
    assert machine.running() == {"backstop-smtpd@a.service": "1"}


def test_a_first_release_that_does_not_start_is_not_in_force(rendered: Path, tmp_path: Path) -> None:
    made = Machine(tmp_path, rendered / "gateway")
    made.fails("1")

    assert "nothing stays in force" in made.switch("1")

    assert made.links() == ("", "")
    assert made.running() == {}


def test_the_way_back_from_a_release_that_serves_nobody_any_more_takes_all_processes_along(machine: Machine) -> None:
    machine.switch("2")
    (machine.folder / "active/backstop-smtpd@b.service").unlink()

    machine.switch("--back")

    assert machine.links() == ("1", "2")
    assert machine.running() == {"backstop-smtpd@a.service": "1", **dict.fromkeys(OTHERS, "1")}
    assert machine.enabled() == {"backstop-smtpd@a.service"}


def test_what_an_interrupted_switch_left_running_is_ended(machine: Machine) -> None:
    for kind in ("active", "enabled"):
        (machine.folder / kind / "backstop-smtpd@b.service").touch()

    machine.switch("--again")

    assert machine.running() == {"backstop-smtpd@b.service": "1", **dict.fromkeys(OTHERS, "1")}
    assert machine.enabled() == {"backstop-smtpd@b.service"}


def test_who_hangs_up_half_way_leaves_a_switch_that_is_ended(machine: Machine) -> None:
    slow = machine.folder / "slow"
    slow.touch()
    with machine.begin("2") as switching:
        until = time.monotonic() + 60
        while not (machine.folder / "begun").exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            switching.send_signal(number)
        assert "another switch is under way" in machine.switch("3")
        slow.unlink()
        assert switching.wait() == 0

    assert machine.links() == ("2", "1")
    assert machine.running()["backstop-smtpd@b.service"] == "2"


def test_one_that_is_gone_is_named(machine: Machine) -> None:
    machine.switch("2")
    (machine.folder / "opt/releases/1/.complete").unlink()

    assert "there is no release 1" in machine.switch("--back")

    assert machine.links() == ("2", "1")


INBOUND = "backstop-smtpd-inbound.socket"


@pytest.mark.parametrize("instance", ["a", "b"])
def test_sockets_are_bound_anew_while_the_instance_serves_that_systemd_does_not_know_them_by(
    machine: Machine, instance: str
) -> None:
    if instance == "b":
        machine.switch("--again")
    (machine.folder / "active" / INBOUND).touch()
    # The one that ends has not closed them yet.
    (machine.folder / "taken").touch()

    calls = machine.bind()

    began = next(number for number, call in enumerate(calls) if call.startswith("stop backstop-smtpd-inbound"))
    assert any("stop backstop-smtpd@a.service" in call for call in calls[:began]) == (instance == "a")
    verbs = [call.split()[0] for call in calls[began : began + 6]]
    # systemd counts how often a socket was started, and would refuse to after five times.
    assert verbs == ["stop", "stop", "start", "reset-failed", "start", "start"]
    assert calls[began + 1] == "stop --no-block backstop-smtpd@b.service"
    assert all(
        INBOUND in call and "outbound-tls.socket" in call for call in (calls[began], calls[began + 3], calls[began + 4])
    )
    assert calls[began + 5] == "start backstop-smtpd@a.service"
    assert calls[-2:] == [f"{verb} backstop-console.socket backstop-console.service" for verb in ("stop", "start")]
    assert {"backstop-smtpd@a.service", INBOUND} <= set(machine.running())
    assert "backstop-smtpd@b.service" not in machine.running()
    assert machine.enabled() == {"backstop-smtpd@a.service"}


def test_no_socket_is_touched_where_no_other_instance_can_serve_meanwhile(machine: Machine) -> None:
    (machine.folder / "active" / INBOUND).touch()
    machine.fails("1")

    with pytest.raises(subprocess.CalledProcessError):
        machine.bind()

    assert set(machine.running()) == {"backstop-smtpd@a.service", INBOUND}
