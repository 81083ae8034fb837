"""``python -m workers``: the Celery worker with its schedule in one service, as systemd runs it.

It says when it takes tasks. Nothing is done here: each job has a file of its own.
"""

import logging
import os
import signal
import sys
import threading
from typing import Any

from gateway import logs, notify, starting
from gateway.config import Config

_log = logging.getLogger("backstop.worker")
_ARGUMENTS = ("--quiet", "worker", "--beat", "--pool", "threads", "--without-gossip", "--without-mingle")


def main() -> int:
    """Work until told to stop; gives the exit status."""
    config = starting.configured("worker")
    from celery import signals  # type: ignore[import-untyped] # noqa: PLC0415 - only where there is something to do

    from workers.app import app  # noqa: PLC0415 - as its neighbour

    def set_up_log(**_: object) -> None:
        """Log as our other processes do; what Celery says of each task is not news."""
        logs.set_up(config)
        _quieten(config)

    stopping = threading.Event()

    def tell_ready(sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery has no types
        """Say that tasks are taken, and have the schedule watched."""
        notify.tell(notify.READY, notify.status("takes tasks"))
        threading.Thread(target=_watch, args=(sender.controller.beat, stopping), daemon=True).start()

    def tell_stopping(**_: object) -> None:
        """Say that running tasks end."""
        stopping.set()
        notify.tell(notify.STOPPING, notify.status("running tasks end"))

    signals.setup_logging.connect(set_up_log, weak=False)
    signals.worker_ready.connect(tell_ready, weak=False)
    signals.worker_shutting_down.connect(tell_stopping, weak=False)
    app.start(argv=list(_ARGUMENTS))
    return 0


def _watch(beat: Any, stopping: threading.Event) -> None:  # noqa: ANN401 - Celery has no types
    """End the worker when the process of its schedule has ended, so that both are started again."""
    beat.join()
    if not stopping.is_set():
        _log.critical("the schedule's process has ended (%s); the worker ends, to be started again", beat.exitcode)
        os.kill(os.getpid(), signal.SIGTERM)


def _quieten(config: Config) -> None:
    """Leave Celery's lines out that say that all is well, unless everything is asked for."""
    if config.log.level != "DEBUG":
        for name in ("celery", "kombu"):
            logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
