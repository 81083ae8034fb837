"""What the doctor sees of the machine's services and of Postfix's queue, as systemctl and postqueue tell it."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import Config
from gateway.operations.doctor import LOOKS, Level, Result, queue, units

Program = Callable[[str, str], None]
HOUR = 3600.0
RUNNING = "backstop-ingest.service loaded active running Backstop: ingest"


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Let a program be one of the machine; there are no others."""
    monkeypatch.setenv("PATH", str(tmp_path))
    find = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, path=None: find(name, path=path and str(tmp_path)))

    def write(name: str, text: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    return write


def look(name: str) -> list[Result]:
    return list(LOOKS[name](Config()))


def says(*lines: str) -> str:
    """Give the program that says so."""
    return "/bin/cat <<'END'\n" + "\n".join(lines) + "\nEND"


def letter(queue_name: str, age: float, reason: str = "") -> str:
    recipient = {"address": "someone@elsewhere.test"} | ({"delay_reason": reason} if reason else {})
    arrived = int(time.time() - age)
    return json.dumps({"queue_name": queue_name, "queue_id": "4Z", "arrival_time": arrived, "recipients": [recipient]})


@pytest.mark.parametrize("name", ["units", "outbound queue"])
def test_a_machine_without_systemd_and_postfix_is_not_spoken_of(name: str) -> None:
    assert look(name) == []


def test_neither_is_one_that_was_not_started_by_systemd_or_has_none_of_our_units(program: Program) -> None:
    program("systemctl", "echo 'System has not been booted with systemd as init system (PID 1).' >&2; exit 1")
    assert look("units") == []
    program("systemctl", says("exim4.service loaded failed failed LSB: a mail server"))
    assert look("units") == []


def test_units_that_run_are_well(program: Program) -> None:
    program("systemctl", says(RUNNING, "backstop-smtpd@b.service loaded inactive dead Backstop: SMTP front"))
    assert [each.level for each in look("units")] == [Level.OK]


def test_a_failed_unit_of_ours_is_a_fault_and_another_one_a_warning(program: Program) -> None:
    program(
        "systemctl",
        says(
            RUNNING,
            "backstop-backup.service loaded failed failed Backstop: backup",
            "backstop-worker.service loaded activating auto-restart Backstop: worker",
            "certbot.service loaded failed failed Certbot",
        ),
    )
    found = look("units")
    assert [(each.level, each.text) for each in found] == [
        (Level.FAIL, "backstop-backup.service has failed"),
        (Level.FAIL, "backstop-worker.service ends and is started over and over"),
        (Level.WARN, "certbot.service has failed"),
    ]
    assert "journalctl -u backstop-backup.service" in found[0].remedy


def test_a_systemd_that_this_user_can_not_ask_is_told(program: Program) -> None:
    program("systemctl", "echo 'Failed to connect to bus: No such file or directory' >&2; exit 1")
    (found,) = look("units")
    assert (found.level, "dbus" in found.text, "sudo systemctl --failed" in found.text) == (Level.SKIP, True, True)


def test_who_does_not_answer_is_not_waited_for(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (units, queue):
        monkeypatch.setattr(module, "_SECONDS", 0.2)
    for name in ("systemctl", "postqueue"):
        program(name, "exec /bin/sleep 600")
    assert [each.level for each in (*look("units"), *look("outbound queue"))] == [Level.SKIP, Level.SKIP]


def test_a_queue_of_which_a_part_was_told_is_judged_by_that(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_SECONDS", 5.0)
    program(
        "postqueue",
        says(letter("deferred", HOUR), letter("deferred", HOUR)) + "\nprintf '{\"queue'\nexec /bin/sleep 600",
    )
    (found,) = look("outbound queue")
    assert (found.level, found.text.startswith("more than 2 messages, 2 of them deferred")) == (Level.OK, True)


@pytest.mark.parametrize(
    ("letters", "level", "text"),
    [
        ([], Level.OK, "empty"),
        ([("active", 95)], Level.OK, "1 message, 0 of them deferred; the oldest waits for 2 minutes"),
        (
            [("deferred", 5 * HOUR, "connection refused"), ("deferred", HOUR, "try later")],
            Level.WARN,
            "2 messages, 2 of them deferred; the oldest waits for 5 hours: connection refused",
        ),
        ([("incoming", HOUR)], Level.WARN, "Postfix does not get to them"),
        ([("hold", 60)], Level.WARN, "held and never leave: 1 message"),
    ],
)
def test_a_queue_is_judged_by_what_waits_in_it_and_since_when(
    program: Program, letters: list[tuple[str, float]], level: Level, text: str
) -> None:
    program("postqueue", says(*(letter(*each) for each in letters)) if letters else "exit 0")
    (found,) = look("outbound queue")
    assert (found.level, text in found.text) == (level, True), found
    assert bool(found.remedy) == (level is Level.WARN)


def test_a_postfix_that_was_never_set_up_is_not_spoken_of(program: Program) -> None:
    program("postqueue", "echo 'postqueue: fatal: open /etc/postfix/main.cf: No such file or directory' >&2; exit 1")
    assert look("outbound queue") == []


def test_a_queue_that_can_not_be_read_says_why(program: Program) -> None:
    program("postqueue", "echo 'postqueue: fatal: Queue report unavailable - mail system is down' >&2; exit 69")
    (found,) = look("outbound queue")
    assert (found.level, "mail system is down" in found.text) == (Level.SKIP, True)
