"""Too little room for what is quarantined is told before mail is refused for it."""

import shutil
from pathlib import Path

import msgspec
import pytest
from django.conf import settings

from gateway.config import Config, Retention
from gateway.models import Alarm
from gateway.operations import room
from gateway.operations.doctor import Level, node
from gateway.spool.staging import Spool
from tests import samples

pytestmark = pytest.mark.django_db


@pytest.fixture
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The gateway's own, which leaves 1,000 octets free on its disk."""
    home.mkdir(exist_ok=True)
    found: Config = msgspec.structs.replace(
        settings.CONFIG, retention=Retention(quarantine_min_free=1000, quarantine_bytes=20_000)
    )
    monkeypatch.setattr(settings, "CONFIG", found)
    return found


@pytest.mark.parametrize(("free", "level"), [(999, Level.FAIL), (3999, Level.WARN), (4001, Level.OK)])
def test_a_disk_that_becomes_full_is_told_at_four_times_what_must_stay_free(
    config: Config, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    usage = shutil.disk_usage(config.home)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=free))

    room.watch()

    assert [each.level for each in node.disk(config)] == [level]
    assert Alarm.objects.exists() == (level is not Level.OK)


@pytest.mark.parametrize(("octets", "level"), [(10_000, Level.OK), (19_500, Level.WARN), (20_000, Level.FAIL)])
def test_a_quarantine_that_fills_its_bound_is_told(config: Config, spool: Spool, octets: int, level: Level) -> None:
    message = b"x" * (octets - 500)  # the item takes the rest, and some more
    spool.stage(samples.item("01a", octets=message), samples.content(message)).commit()

    assert [each.level for each in node.disk(config)] == [level]


def test_a_shortage_that_lasts_is_one_alarm(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(config.home)
    for free in (3000, 2000):
        monkeypatch.setattr(shutil, "disk_usage", lambda _path, free=free: usage._replace(free=free))
        room.watch()

    alarm = Alarm.objects.get()
    assert (alarm.count, "is refused below" in alarm.text) == (2, True)
