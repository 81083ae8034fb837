"""Old signatures are an alarm, told once as long as they are the same; a scanner without a date is none."""

import logging
from pathlib import Path

import msgspec
import pytest
from django.conf import settings

from gateway.config import Clamd, Config
from gateway.models import Alarm
from gateway.operations import signatures
from gateway.services.clamd import ScannerError, ScannerStatus

pytestmark = pytest.mark.django_db

DAY = 86400.0
NOW = 1_800_000_000.0


@pytest.fixture
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - the configuration is over it
    """The configuration with two scanners."""
    found: Config = settings.CONFIG
    monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(found, clamd=Clamd(sockets=("/run/a", "/run/b"))))


def say(monkeypatch: pytest.MonkeyPatch, **days: float | None) -> None:
    """Let each scanner have signatures of that age; one that is not named is away."""

    def version(address: str) -> ScannerStatus:
        name = address.removeprefix("/run/")
        if name not in days:
            raise ScannerError(f"clamd at {address}: no such file")
        age = days[name]
        return ScannerStatus("ClamAV", "1.4.6", 27291 if age else None, NOW - age * DAY if age else None)

    monkeypatch.setattr(signatures, "ping_version", version)


@pytest.mark.usefixtures("config")
def test_old_signatures_are_one_alarm_with_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, a=2.0, b=4.0)
    for hours in (0, 1, 2):
        signatures.look_again(NOW + hours * 3600)
    alarm = Alarm.objects.get()
    assert alarm.count == 3
    assert alarm.text.startswith("clamd at /run/b: its signatures are old: daily 27291 of 2027-01-11")


@pytest.mark.usefixtures("config")
def test_fresh_signatures_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, a=0.5, b=2.9)
    signatures.look_again(NOW)
    assert not Alarm.objects.exists()


@pytest.mark.usefixtures("config")
def test_signatures_without_a_date_are_said_once_and_are_no_alarm(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    say(monkeypatch, a=None, b=0.5)
    monkeypatch.setattr(signatures, "_undated", set())
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            signatures.look_again(NOW)
    assert not Alarm.objects.exists()
    assert [record.message for record in caplog.records if record.name == "backstop.signatures"] == [
        "clamd at /run/a has no daily signatures, so their age can't be watched"
    ]


@pytest.mark.usefixtures("config")
def test_a_scanner_that_does_not_answer_is_an_alarm_without_any_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, a=0.5)
    signatures.look_again(NOW)
    assert "clamd at /run/b" in Alarm.objects.get().text
