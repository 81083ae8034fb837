"""The loop that brings journals into the database: ``python -m workers.ingest``. It needs no broker.

It says how it is in ``status/ingest.json`` under the home. While the database is
away it waits, and catches up afterwards. SIGTERM and SIGINT end it between two batches.
"""

import contextlib
import logging
import os
import queue
import signal
import sys
import time
from pathlib import Path

import django
import msgspec

from gateway import logs, notify, starting

POLL_SECONDS = 0.5
RETRY_SECONDS = 1.0
LOCK_SECONDS = 1.0
TIDY_SECONDS = 60.0
LEARN_SECONDS = 2.0
HEARTBEAT_SECONDS = 5.0

log = logging.getLogger("backstop.ingest")


class Heartbeat(msgspec.Struct, frozen=True):
    """What the status file says. Times are seconds since the epoch; ``trouble`` is empty while all is well."""

    pid: int
    at: float
    ingested: int
    trouble: str


class Ingest:
    """The loop. ``stop`` may be called from a signal handler."""

    def __init__(self, journals: Path, status: Path) -> None:
        """Make a loop over a folder of journals that tells its state in the file ``status``."""
        self._journals = journals
        self._status = status
        self._stopping = False
        # Its put() may interrupt its get(). An Event's set() may not: in a signal handler it can wait for itself.
        self._woken: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._ingested = 0
        self._trouble = ""
        self._told = float("-inf")
        self._tidied = time.monotonic()
        self._learned = float("-inf")
        self._watchdog = notify.watchdog_seconds()
        self._fed = float("-inf")

    def stop(self) -> None:
        """End ``run`` after the running batch."""
        self._stopping = True
        self._woken.put(None)

    def run(self) -> None:
        """Ingest until stopped."""
        ready = False
        while not self._stopping:
            healthy = self._turn()
            self._beat()
            self._feed_watchdog()
            if not ready:  # also while the database is away: journals can wait, and so does nobody else
                notify.tell(notify.READY)
                ready = True
            with contextlib.suppress(queue.Empty):
                self._woken.get(timeout=POLL_SECONDS if healthy else RETRY_SECONDS)
        notify.tell(notify.STOPPING)
        self._beat(now=True)

    def _feed_watchdog(self) -> None:
        """Tell the service manager that the loop turns, as often as it wants it."""
        if self._watchdog is not None and time.monotonic() - self._fed >= self._watchdog:
            self._fed = time.monotonic()
            notify.tell(notify.WATCHDOG)

    def _turn(self) -> bool:
        """Catch up once; tells whether that went well. Trouble is logged when it begins and when it ends."""
        from django import db  # noqa: PLC0415 - settings are loaded by main
        from django.utils import timezone  # noqa: PLC0415 - as its neighbour

        from gateway.operations import ingest, learning  # noqa: PLC0415 - the app registry must be ready
        from gateway.spool.disk import SpoolError  # noqa: PLC0415 - as its neighbours

        try:
            self._ingested += ingest.ingest_once(self._journals, lambda: self._stopping)
            if time.monotonic() - self._tidied > TIDY_SECONDS:
                ingest.tidy(self._journals)
                self._tidied = time.monotonic()
            if time.monotonic() - self._learned > LEARN_SECONDS:
                learning.look_after(timezone.now())
                learning.publish()
                self._learned = time.monotonic()
        except (db.Error, SpoolError, OSError) as error:
            db.connection.close()
            if not self._trouble:
                log.warning("journals wait, nothing is lost: %s", str(error).strip())
            self._set_trouble(str(error).strip() or type(error).__name__)
            return False
        if self._trouble:
            log.info("journals are read again")
        self._set_trouble("")
        return True

    def _set_trouble(self, trouble: str) -> None:
        """Remember how it is, and have a change told at once."""
        if trouble != self._trouble:
            self._told = float("-inf")
        self._trouble = trouble

    def _beat(self, *, now: bool = False) -> None:
        """Write the status file every few seconds; a disk that does not take it is no reason to stop."""
        if not now and time.monotonic() - self._told < HEARTBEAT_SECONDS:
            return
        self._told = time.monotonic()
        notify.tell(notify.status(self._trouble or f"{self._ingested} records taken in"))
        passing = self._status.with_suffix(".tmp")
        try:
            self._status.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            passing.write_bytes(msgspec.json.encode(Heartbeat(os.getpid(), time.time(), self._ingested, self._trouble)))
            passing.replace(self._status)
        except OSError as error:
            log.warning("%s can't be written: %s", self._status, error)


def main() -> int:
    """Run the loop of this node; gives the exit code."""
    config = starting.configured("ingest")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    django.setup()
    from django.db import connection  # noqa: PLC0415 - only now it is known which

    if connection.vendor == "sqlite":
        # SQLite waits for a lock where no signal reaches us; this loop can as well wait by itself.
        connection.settings_dict["OPTIONS"]["timeout"] = LOCK_SECONDS
    logs.set_up(config)
    loop = Ingest(config.journal_folder, config.status_folder / "ingest.json")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop())
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
