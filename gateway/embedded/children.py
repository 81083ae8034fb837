"""THE list of processes that make a gateway on one machine, in the order in which they are started."""

import os
import re
import sys

import msgspec

from gateway import installation
from gateway.config import Config
from gateway.embedded.clamav import Clamd

_PYTHON = (sys.executable, "-u")
# What clamd says of its own limits at each start, and what our trace says of each virus anyway.
_CLAMD_CHATTER = re.compile(r"^(Limits: |instream\(|Self checking|Heuristic alerting|.* enabled\.$)")
# Celery warns each time of root, who started this whole gateway, and that SQL has no host name.
_WORKER_CHATTER = re.compile(
    r".*(SecurityWarning: You're running|absolutely not recommended|specify a different user|User information: uid=0|"
    r"_warn_or_raise_security_error|No hostname was supplied)"
)


class Child(msgspec.Struct, frozen=True):
    """One process. ``ready`` is the text by which it says that it serves; empty where it says none.

    One that ``notifies`` says so over a socket, as to systemd, whatever its log looks like. Nobody waits for one
    that does neither.
    ``outlives`` names the process that still needs this one while it stops. Lines that match ``chatter`` are not shown.
    """

    label: str
    command: tuple[str, ...]
    ready: str = ""
    notifies: bool = False
    outlives: str = ""
    chatter: re.Pattern[str] | None = None


def children(config: Config, clamd: Clamd | None) -> list[Child]:
    """Give the processes for a configuration; ``clamd`` is None where none of our own is started."""
    module = (*_PYTHON, "-m")
    celery = (*module, "celery", "--quiet", "--app", "workers.app")
    listed = [
        Child(
            "sink",
            (*module, "smtpfront.lab.sink", "--listen", config.embedded.sink, "--folder", str(config.home / "sink")),
            ready="ready: ",
            outlives="smtpd",
        ),
        Child("smtpd", (*module, "smtpfront"), notifies=True),
        Child(
            "console",
            (*module, "gunicorn", "--config", "python:gateway.embedded.console", "gateway.wsgi"),
            ready="ready: ",
        ),
        Child("ingest", (*module, "workers.ingest")),
        Child(
            "worker",
            (
                *(*celery, "worker", "--pool", "threads"),
                *("--loglevel", "WARNING", "--without-gossip", "--without-mingle"),
            ),
            chatter=_WORKER_CHATTER,
        ),
        # A process of its own, not the worker's child: then it can't outlive a worker that is killed. No pid file.
        Child("beat", (*celery, "beat", "--loglevel", "WARNING", "--pidfile=")),
    ]
    if clamd is not None:
        listed.insert(0, clamd_child(clamd))
    return listed


def clamd_child(clamd: Clamd) -> Child:
    """Give the process of our own clamd. Nobody waits for it: loading signatures takes longer than mail may wait."""
    return Child("clamd", clamd.command, outlives="smtpd", chatter=_CLAMD_CHATTER)


def environment(config: Config) -> dict[str, str]:
    """Give the environment of the children: this process' own, with the state folder and short ways to stop."""
    # An installed wheel is found without; its folder would come before the standard library's.
    checkout = str(installation.ROOT) if installation.CHECKOUT else ""
    return os.environ | {
        "BACKSTOP_NODE__HOME": str(config.home),
        # The whole gateway stops within 5 s here; transactions that run get the larger part of it.
        "BACKSTOP_LIMITS__STOP_SECONDS": os.environ.get("BACKSTOP_LIMITS__STOP_SECONDS", "3"),
        "DJANGO_SETTINGS_MODULE": "gateway.settings",
        "PYTHONPATH": os.pathsep.join(filter(None, (checkout, os.environ.get("PYTHONPATH", "")))),
        "PYTHONUNBUFFERED": "1",
    }
