"""The units for systemd: right in its own eyes, hardened, and of one mind with what they start."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.config import STOP_GRACE_SECONDS, STOP_SECONDS, Config
from smtpfront import activation
from tests.deploy.rendering import TEMPLATES

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
SOCKETS = sorted(UNITS.glob("backstop-smtpd-*.socket"))
WRITTEN = [path for path in TEMPLATES if path.name.endswith(".service.j2")]
MOST_EXPOSED = 2.5
analyzed = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def values(unit: Path, key: str) -> list[str]:
    """All that a unit says of a key."""
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.MULTILINE)


def seconds(unit: Path, key: str) -> float:
    (value,) = values(unit, key)
    return float(value)


@analyzed
def test_systemd_finds_no_fault_with_any_unit(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        # What is not installed here has a stand-in.
        text = re.sub(r"^(Exec\w+=)/opt/backstop/\S+", r"\1/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
    named = sorted(str(each) for each in tmp_path.iterdir())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *named], capture_output=True, text=True, check=False
    )
    faults = [line for line in done.stderr.splitlines() if "backstop" in line]
    assert (done.returncode, faults) == (0, [])


@analyzed
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_no_service_is_exposed_more_than_it_may_be(unit: Path) -> None:
    require_shelter(unit)


@analyzed
@pytest.mark.parametrize("template", WRITTEN, ids=lambda template: template.stem)
def test_no_service_that_a_role_writes_is_exposed_more_either(rendered: Path, template: Path) -> None:
    require_shelter(rendered / template.parts[-3] / template.stem)


def require_shelter(unit: Path) -> None:
    """Ask systemd how exposed a service is."""
    done = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=yes",
            "--no-pager",
            f"--threshold={MOST_EXPOSED * 10:.0f}",
            str(unit),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_service_has_no_privileges_and_bounds(unit: Path) -> None:
    assert values(unit, "User") == ["backstop"]
    assert values(unit, "CapabilityBoundingSet") == [""]
    assert all(values(unit, key) for key in ("MemoryMax", "TasksMax", "LimitNOFILE"))


@pytest.mark.parametrize("unit", [each for each in SERVICES if values(each, "Restart")], ids=lambda unit: unit.name)
def test_an_error_of_the_configuration_is_not_tried_again(unit: Path) -> None:
    assert values(unit, "RestartPreventExitStatus") == ["78"]
    assert values(unit, "Type") == ["notify"]


def test_the_sockets_have_the_names_that_the_smtp_front_knows() -> None:
    assert {name for each in SOCKETS for name in values(each, "FileDescriptorName")} == set(activation.KINDS)
    (served,) = values(UNITS / "backstop-smtpd@.service", "Sockets")
    assert set(served.split()) == {each.name for each in SOCKETS}
    (wanted,) = values(UNITS / "backstop-smtpd.target", "Wants")
    assert set(wanted.split()) == {each.name for each in SOCKETS}


def test_a_stop_is_waited_for_as_long_as_transactions_may_take() -> None:
    unit = UNITS / "backstop-smtpd@.service"
    assert seconds(unit, "TimeoutStopSec") == STOP_SECONDS > Config().drain_seconds + STOP_GRACE_SECONDS
    assert values(unit, "KillMode") == ["mixed"]


def test_starting_one_instance_leaves_the_sockets_of_the_other_as_they_are() -> None:
    assert values(UNITS / "backstop-smtpd@.service", "NonBlocking") == ["yes"]


def test_the_queue_hands_its_bounces_to_a_port_that_is_not_25() -> None:
    roles = UNITS.parents[1] / "ansible" / "roles"
    (_, queue) = values(UNITS / "backstop-smtpd-inbound.socket", "ListenStream")
    assert queue == "127.0.0.1:2525"
    assert 'postfix_gateway: "[127.0.0.1]:2525"' in (roles / "postfix" / "defaults" / "main.yml").read_text()
    assert f"gateway_queue_address: {queue}" in (roles / "gateway" / "vars" / "main.yml").read_text()


def test_the_console_may_look_at_the_queue_of_what_leaves() -> None:
    defaults = UNITS.parents[1] / "ansible" / "roles" / "gateway" / "defaults" / "main.yml"
    (families,) = values(UNITS / "backstop-console.service", "RestrictAddressFamilies")

    assert "AF_NETLINK" in families.split()  # Postfix's programs list the machine's addresses
    assert "postdrop" in defaults.read_text().partition("gateway_groups:")[2]
