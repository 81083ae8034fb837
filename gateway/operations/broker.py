"""The Celery app, configured from the node configuration, and the one bell that is rung through it.

The broker only carries hints: the truth is in spool and database, every task can run twice or not at all, and the sweep
rings again. So a broker that is away, or that loses a task, delays things by a minute and breaks nothing.
"""

import functools
import logging
import time
from pathlib import Path
from typing import Any

import celery  # type: ignore[import-untyped]
from django.conf import settings
from kombu.connection import Connection

from gateway.config import Config
from gateway.operations import filebroker

DELIVER = "release.deliver"  # the task that delivers one released copy, by its number
TEACH = "learn.teach"  # the task that tries one lesson, by its number
_WHAT = {DELIVER: "copy", TEACH: "lesson"}
TASK_SECONDS = 840  # the longest that a task may run; less than a claim lasts (see release)
SILENCE_SECONDS = 10.0
_REACH_SECONDS = 2.0
POLL_SECONDS = 0.25  # how often a worker looks into the folder of the filesystem broker, and whether it shall stop

log = logging.getLogger(__name__)


@functools.cache
def app() -> celery.Celery:
    """Give the app of this process. With the filesystem broker its folders are made."""
    made = celery.Celery("backstop", set_as_current=True)
    made.conf.update(configuration(settings.CONFIG))
    return made


def configuration(config: Config) -> dict[str, Any]:
    """Give Celery's settings of a node."""
    common: dict[str, Any] = {
        "broker_url": config.broker.url,
        "broker_connection_retry_on_startup": True,
        "broker_connection_timeout": 2.0,
        # For whoever rings: someone waits at the console. A worker has its own patience (broker_connection_retry).
        "broker_transport_options": {"max_retries": 1, "interval_start": 0.0, "interval_max": 0.1},
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_default_queue": "backstop",
        "task_acks_late": True,
        "task_time_limit": TASK_SECONDS,
        "task_publish_retry": False,
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": 2,
        # Nobody asks for remote control or events; without them a worker has less to say through the broker.
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        # How long the worker's own timer sleeps at most: it counts for the time in which a worker stops.
        "worker_timer_precision": 0.2,
        "timezone": "UTC",
    }
    if config.broker.url == "filesystem":
        folder = config.home / "broker"
        common["broker_url"] = f"{filebroker.SCHEME}://localhost"
        common["broker_transport_options"] = _folders(folder)
    return common


def _folders(folder: Path) -> dict[str, Any]:
    """Make the folders of the filesystem broker and name them as kombu wants it: what goes out comes in again."""
    queue, control = folder / "queue", folder / "control"
    for each in (queue, control):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "control_folder": str(control),
        "polling_interval": POLL_SECONDS,
    }


def trouble(config: Config) -> str:
    """Say why a node's broker can't be reached; empty where it can. Takes a few seconds at most."""
    seconds = {"socket_connect_timeout": _REACH_SECONDS, "socket_timeout": _REACH_SECONDS}
    options = seconds if config.broker.url.startswith("redis") else {}  # others take connect_timeout alone
    try:
        with Connection(  # type: ignore[no-untyped-call]  # kombu has no types
            configuration(config)["broker_url"], connect_timeout=_REACH_SECONDS, transport_options=options
        ) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.0, interval_max=0.0)
    except Exception as error:  # noqa: BLE001 - each transport raises its own
        return " ".join(str(error).split()) or type(error).__name__
    return ""


class Bell:
    """Rings workers. A broker that did not hear is left alone for a while: nobody shall wait for it a hundred times."""

    def __init__(self) -> None:
        """Make a bell that has not failed yet."""
        self._silent_until = float("-inf")

    def ring(self, number: int, task: str = DELIVER) -> None:
        """Ring for one copy, or what else the task is about. Never raises."""
        if time.monotonic() < self._silent_until:
            return
        try:
            app().send_task(task, args=[number])
        except Exception as error:  # noqa: BLE001 - each transport raises its own; none may undo what was asked for
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            log.warning("the broker can't be reached, %s %d waits for the next sweep: %s", _WHAT[task], number, error)


_bell = Bell()


def ring(number: int, task: str = DELIVER) -> None:
    """Tell a worker that a copy, or a lesson, is due. Never raises: unheard, it is rung again by the sweep."""
    _bell.ring(number, task)
