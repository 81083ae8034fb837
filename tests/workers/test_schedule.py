"""The schedule in memory: what is due when, and its sign of life."""

import json
import logging
from pathlib import Path

import pytest
from celery import Celery  # type: ignore[import-untyped]

from workers.schedule import FIRST, Schedule


@pytest.fixture
def app() -> Celery:
    app = Celery("test", broker="memory://")
    app.conf.beat_schedule = {
        "often": {"task": "a", "schedule": 60.0},
        "hourly": {"task": "b", "schedule": 3600.0},
    }
    return app


def test_what_is_due_each_hour_is_first_done_soon_after_a_start_and_then_each_hour(app: Celery) -> None:
    schedule = Schedule(app=app)

    hourly, often = schedule.schedule["hourly"], schedule.schedule["often"]
    assert hourly.is_due().next == pytest.approx(FIRST.total_seconds(), abs=20)
    assert often.is_due().next == pytest.approx(60, abs=20)
    assert next(hourly).is_due().next == pytest.approx(3600, abs=20)


def test_a_start_touches_a_file_of_any_kind_and_reads_none(app: Celery, tmp_path: Path) -> None:
    file = tmp_path / "celery" / "schedule"
    file.parent.mkdir()
    file.write_text(json.dumps("what another release left"))

    Schedule(app=app, schedule_filename=str(file))

    assert json.loads(file.read_text()) == "what another release left"


def test_a_sign_that_can_not_be_written_is_said_and_stops_nothing(
    app: Celery, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()

    with caplog.at_level(logging.WARNING):
        Schedule(app=app, schedule_filename=str(tmp_path / "file" / "schedule"))

    assert "can't be written" in caplog.text
