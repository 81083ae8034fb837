"""When tasks are due. The schedule is kept in memory: nothing is lost with it, and a file of it can break.

It shows that it lives by touching the file that doctor looks at.
"""

import logging
from datetime import timedelta
from pathlib import Path

from celery.beat import Scheduler  # type: ignore[import-untyped]

FIRST = timedelta(minutes=2)  # after a start; a worker that starts again and again does everything nevertheless

_log = logging.getLogger(__name__)


class Schedule(Scheduler):  # type: ignore[misc] # Celery has no types
    """Celery's own, without the store between runs that is another kind of file with each version of Python."""

    sync_every = 60  # seconds

    def __init__(self, *args: object, schedule_filename: str = "", **options: object) -> None:
        """Take what Celery's beat hands over, and the file to touch."""
        self._sign = Path(schedule_filename) if schedule_filename else None
        super().__init__(*args, **options)

    def setup_schedule(self) -> None:
        """Take the entries of the settings, and bring forward what would be due late; says that it lives."""
        super().setup_schedule()
        for entry in self.schedule.values():
            wait = entry.schedule.run_every
            if wait > FIRST:
                entry.last_run_at += FIRST - wait
        self.sync()

    def sync(self) -> None:
        """Show a sign of life. A disk that does not take it is no reason to stop."""
        if self._sign is None:
            return
        try:
            self._sign.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sign.touch(mode=0o600)
        except OSError as error:
            _log.warning("%s can't be written: %s", self._sign, error)
