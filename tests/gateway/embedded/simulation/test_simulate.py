"""The simulation as a whole, with real Postfix, at a small scale."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from gateway.embedded.simulation import postfix, story
from gateway.embedded.simulation.words import FALSE_KINDS, GENUINE_KINDS
from tests.ports import free_port

MESSAGES = 300
ROOT = Path(__file__).resolve().parents[4]
BOUNCED = ("unknown", "spam", "virus", "refused", "full")

real = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("postfix", path="/usr/sbin") or not shutil.which("clamd", path="/usr/sbin"),
    reason="needs Postfix, clamd, and root to start Postfix",
)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path, which Postfix's own user may enter."""
    path = Path(tempfile.mkdtemp(prefix="bs-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@real
@pytest.mark.timeout(900)
def test_a_spam_run_makes_no_backscatter_here_and_much_of_it_elsewhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "simulate", "--messages", str(MESSAGES), "--json", "--home", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=840,  # half a minute; more where a mail server tries again later
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    here, elsewhere = told["gateway"], told["bouncer"]
    assert here["backscatter"] == {}
    assert here["outcomes"]["unknown"].keys() <= {"refused", "deferred"}
    # That the other side's bounces are counted shows that ours would be.
    assert {kind: elsewhere["backscatter"].get(kind, 0) for kind in BOUNCED} == {
        kind: elsewhere["outcomes"].get(kind, {}).get("accepted", 0) for kind in BOUNCED
    }
    assert _sent(here) == _sent(elsewhere)
    for kind, became in told["storm"]["kinds"].items():
        if kind in GENUINE_KINDS:
            assert became["delivered"] == sum(became.values())
        elif kind in {"autoreply", "challenge"}:
            assert became["quarantined"] == sum(became.values())
        else:
            assert became["refused"] == sum(became.values())
    assert told["storm"]["kinds"].keys() == FALSE_KINDS.keys() | GENUINE_KINDS.keys()
    assert (told["storm"]["genuine_lost"], told["storm"]["false_untagged"]) == (0, 0)
    assert Path(told["plot"]).read_text().startswith("<svg")


def test_where_postfix_is_missing_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postfix, "_PROGRAM", "/nowhere/postfix")

    with pytest.raises(CommandError, match="apt-get install postfix"):
        call_command("simulate")


def test_who_may_not_start_postfix_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postfix, "_PROGRAM", sys.executable)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(CommandError, match="run this command as root"):
        call_command("simulate")


@real
def test_where_clamd_is_missing_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story.clamav, "PROGRAM", "no-such-clamd")

    with pytest.raises(CommandError, match="apt-get install clamav-daemon"):
        call_command("simulate")


@pytest.mark.parametrize(
    ("option", "value"), [("--messages", "0"), ("--messages", "many"), ("--unknown", "40"), ("--unknown", "some")]
)
def test_a_value_that_is_none_is_refused(option: str, value: str) -> None:
    with pytest.raises(CommandError, match=option):
        call_command("simulate", option, value, stdout=io.StringIO())


@real
def test_a_port_that_is_taken_is_named(short: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = postfix.Postfix(short / "p", {"myhostname": "p.example.test"}, {port: {}})

        with pytest.raises(postfix.PostfixError, match=f"port {port} on 127.0.0.1 is in use"):
            server.start()


@real
def test_a_stopped_postfix_leaves_no_process_behind(short: Path) -> None:
    server = postfix.Postfix(short / "p", {"myhostname": "p.example.test"}, {free_port(): {}})
    server.start()
    running = _processes_of(short)
    server.stop()

    assert running
    until = time.monotonic() + 60  # the kernel takes a moment to end what was killed
    while _processes_of(short):
        assert time.monotonic() < until
        time.sleep(0.05)


def _sent(side: dict[str, Any]) -> dict[str, int]:
    """How many messages of each kind a side was sent."""
    return {kind: sum(told.values()) for kind, told in side["outcomes"].items()}


def _processes_of(folder: Path) -> list[str]:
    """The processes whose working folder lies under a folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith(str(folder)):
            found.append(link.parent.name)
    return found
