"""Our own clamd: what it scans with, where it listens, and how loudly it says what it can't see."""

import asyncio
import io
import os
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import clamd as control
import msgspec
import pytest

from gateway.config import Config, Node
from gateway.embedded import clamav, home
from gateway.mail.message import Content
from gateway.operations import protection
from gateway.operations.protection import Protection
from gateway.services.clamd import Clamd, ScannerError, Verdict, ping_version
from gateway.services.clamd.trial import Trial, attempt


@pytest.fixture
def no_signatures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system on which freshclam has fetched nothing yet."""
    folder = tmp_path / "system"
    folder.mkdir()
    monkeypatch.setattr(clamav, "SYSTEM_DATABASE", folder)
    return folder


@pytest.fixture
def prepared(config: Config) -> Config:
    home.prepare(config)
    return config


@pytest.fixture
def running(prepared: Config, no_signatures: Path) -> Iterator[Config]:  # noqa: ARG001 - it changes the system
    prepared_clamd = clamav.prepare(prepared)
    assert prepared_clamd is not None
    process = subprocess.Popen(prepared_clamd.command, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while True:
        try:
            ping_version(prepared.clamd_address)
            break
        except ScannerError:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
    yield prepared
    process.terminate()
    process.wait()


def scan(config: Config, octets: bytes) -> Verdict:
    content = Content(size=len(octets), sha256="", head=b"", memory=octets)
    return asyncio.run(Clamd(config.clamd_address, 10, 1).scan(content)).verdict


def zipped(octets: bytes, depth: int = 1) -> bytes:
    for _ in range(depth):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("inner.zip", octets)
        octets = archive.getvalue()
    return octets


def test_without_signatures_it_finds_the_test_file_and_lets_others_pass(running: Config) -> None:
    assert scan(running, clamav.EICAR) is Verdict.VIRUS
    assert scan(running, zipped(clamav.EICAR)) is Verdict.VIRUS
    assert scan(running, b"Subject: hello\r\n\r\nhello\r\n") is Verdict.CLEAN


def test_what_is_packed_deeper_than_it_looks_is_never_clean(running: Config) -> None:
    assert scan(running, zipped(clamav.EICAR, depth=30)) is not Verdict.CLEAN


def test_it_tells_what_it_can_not_look_into_and_takes_the_largest_message(running: Config) -> None:
    trial = asyncio.run(attempt(running.clamd_address, 26_214_400))
    assert trial == Trial(finds_test_file=True, tells_limits=True, tells_encrypted=True, takes=True)


def test_a_scan_that_takes_clamd_too_long_ends_before_we_cease_to_wait(prepared: Config) -> None:
    clamav.prepare(prepared)
    assert "MaxScanTime 45000\n" in (prepared.home / "clamav" / "clamd.conf").read_text()


def test_only_its_owner_can_talk_to_it(running: Config) -> None:
    assert Path(running.clamd_address).stat().st_mode & 0o077 == 0


def test_a_message_of_the_default_size_limit_fits_through(running: Config) -> None:
    reply = control.ClamdUnixSocket(running.clamd_address).instream(io.BytesIO(b"x" * 27_000_000))
    assert reply["stream"] == ("OK", None)


@pytest.mark.usefixtures("no_signatures")
def test_without_signatures_it_says_so_for_all_to_read(prepared: Config) -> None:
    clamav.prepare(prepared)
    told = protection.read(prepared)
    assert told is not None
    assert told.protection is Protection.EICAR_ONLY
    assert "NO PROTECTION" in told.detail


def test_the_signatures_of_the_system_are_used_where_there_are_some(prepared: Config, no_signatures: Path) -> None:
    (no_signatures / "main.cvd").touch()
    clamav.prepare(prepared)
    told = protection.read(prepared)
    assert told is not None
    assert told.protection is Protection.FULL
    assert f"DatabaseDirectory {no_signatures}\n" in (prepared.home / "clamav" / "clamd.conf").read_text()


def test_a_missing_clamd_is_said_with_its_consequence(prepared: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clamav, "PROGRAM", "no-such-clamd")
    assert clamav.prepare(prepared) is None
    told = protection.read(prepared)
    assert told is not None
    assert told.protection is Protection.NONE
    assert "451" in told.detail


def test_a_deep_state_folder_gets_a_socket_that_can_be_bound(tmp_path: Path) -> None:
    config = Config(node=Node(home=tmp_path / ("deep" * 20) / ("deeper" * 20)))
    home.prepare(config)
    clamav.prepare(config)
    socket = Path(config.clamd_address)
    assert len(os.fsencode(socket)) <= 107
    assert socket.parent.stat().st_mode & 0o077 == 0
    socket.parent.rmdir()


def test_the_status_of_another_clamd_is_not_ours_to_tell(prepared: Config) -> None:
    clamav.prepare(prepared)
    elsewhere = msgspec.structs.replace(prepared, clamd=msgspec.structs.replace(prepared.clamd, socket="/run/clamd"))
    assert protection.read(elsewhere) is None
