"""The bell through the broker."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from django.conf import settings

from gateway.config import Broker
from gateway.operations import broker


@pytest.fixture(autouse=True)
def fresh_app() -> Iterator[None]:
    broker.app.cache_clear()
    yield
    broker.app.cache_clear()


def test_a_ring_on_the_filesystem_broker_is_a_file_under_the_home(home: Path) -> None:
    broker.ring(7)

    (message,) = (home / "broker" / "queue").iterdir()
    assert json.loads(message.read_text())["headers"]["task"] == "release.deliver"
    assert stat.S_IMODE((home / "broker" / "queue").stat().st_mode) == 0o700


@pytest.mark.usefixtures("home")
def test_a_broker_that_is_away_is_no_error(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    # Port 1 is reserved: nobody listens there.
    away = msgspec.structs.replace(settings.CONFIG, broker=Broker("redis://127.0.0.1:1"))
    monkeypatch.setattr(settings, "CONFIG", away)

    bell = broker.Bell()
    bell.ring(7)
    bell.ring(8)

    assert "copy 8" not in caplog.text
    assert "copy 7 waits for the next sweep" in caplog.text


@pytest.mark.usefixtures("home")
def test_a_task_ends_before_the_claim_of_its_copy() -> None:
    from gateway.operations.release import CLAIM  # noqa: PLC0415 - needs models, the rest here does not

    assert broker.app().conf.task_time_limit < CLAIM.total_seconds()
