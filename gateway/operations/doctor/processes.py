"""The gateway's own processes, as far as each says how it is."""

import contextlib
import datetime
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway import installation
from gateway.config import Config
from gateway.models import PolicyRevision, QuarantinedCopy
from gateway.models.quarantine import CopyState
from gateway.operations import broker as brokers
from gateway.operations import ingest as journals
from gateway.operations import publish
from gateway.operations.doctor.result import Result, fail, ok, skip, warn

_HEARTBEAT_SECONDS = 30.0  # ingest writes one every five
_SCHEDULE_SECONDS = 600.0  # Celery's beat shows a sign of life every minute or two
_QUEUE_SECONDS = 180.0  # the schedule gives the worker something every minute
_MIB = 1024**2
_BACKLOG = 32 * _MIB  # octets of journals: some ten thousand transactions
_CATCH_UP = "where that does not become less, see how busy database and disk are; until then pages show older mail"
_OVERDUE = datetime.timedelta(minutes=10)
_START = f"start the gateway: {installation.START}, or the service"


class _Heartbeat(msgspec.Struct):
    """What ingest says of itself; times are seconds since the epoch."""

    at: float
    trouble: str = ""


def smtpd(_config: Config) -> Iterator[Result]:
    """Tell whether each SMTP process lives and applies the newest policy."""
    alive = [each for each in publish.applied() if each.alive]
    if not alive:
        yield fail("smtpd", "no SMTP process says that it runs", _START)
        return
    newest = PolicyRevision.objects.values_list("number", flat=True).first()
    for each in alive:
        name = f"smtpd {each.slot}"
        if each.revision_error:
            yield fail(name, f"keeps revision {each.revision}: {each.revision_error}", "publish again")
        elif each.revision != newest:
            yield fail(name, f"applies revision {each.revision}, the newest is {newest}", "see its log")
        else:
            yield ok(name, f"runs as process {each.pid}, applies revision {each.revision}")


def ingest(config: Config) -> Iterator[Result]:
    """Tell whether traces get into the database."""
    try:
        beat = msgspec.json.decode((config.status_folder / "ingest.json").read_bytes(), type=_Heartbeat)
    except FileNotFoundError:
        yield fail("ingest", "it has never run here", _START)
        return
    age = time.time() - beat.at
    if age > _HEARTBEAT_SECONDS:
        yield fail("ingest", f"the last sign of life is {age:.0f} s old; nothing is lost, journals wait", _START)
    elif beat.trouble:
        yield fail("ingest", f"journals wait: {beat.trouble}", "mend what it names; it catches up by itself")
    elif (octets := journals.waiting(config.journal_folder)) > _BACKLOG:
        yield warn("ingest", f"runs, but {octets / _MIB:.0f} MiB of journals wait for it; nothing is lost", _CATCH_UP)
    else:
        yield ok("ingest", "runs")


def broker(config: Config) -> Iterator[Result]:
    """Tell whether Celery's broker can be reached."""
    if config.broker.url == "filesystem":
        yield ok("broker", "files of this node; it needs no server")
    elif trouble := brokers.trouble(config):
        remedy = "start it, or correct broker.url; nothing is lost: releases and lessons wait"
        yield fail("broker", f"can't be reached: {trouble}", remedy)
    else:
        yield ok("broker", "answers")


def beat(config: Config) -> Iterator[Result]:
    """Tell whether Celery's beat of this node keeps its schedule."""
    signs = _times(config.home / "celery", "schedule*")
    age = time.time() - max(signs, default=0.0)
    if not signs and config.broker.url != "filesystem":
        yield skip("beat", "with a broker of its own it may run on another machine; the releases tell")
    elif not signs:
        yield fail("beat", "it has never run here", _START)
    elif age > _SCHEDULE_SECONDS:
        remedy = f"{_START}; where it has moved to another machine, remove {config.home / 'celery'}"
        yield fail("beat", f"its last sign of life is {age / 60:.0f} minutes old", remedy)
    else:
        yield ok("beat", "keeps its schedule")


def worker(config: Config) -> Iterator[Result]:
    """Tell whether the Celery worker of this node takes what it is given."""
    if config.broker.url != "filesystem":
        yield skip("worker", "with a broker of its own it may run on another machine; the releases tell")
        return
    waiting = [at for at in _times(config.home / "broker" / "queue", "*.msg") if time.time() - at > _QUEUE_SECONDS]
    if waiting:
        yield fail(
            "worker", f"{len(waiting)} tasks wait for it since {_QUEUE_SECONDS / 60:.0f} minutes or more", _START
        )
    else:
        yield ok("worker", "no task waits for it")


def _times(folder: Path, pattern: str) -> list[float]:
    """Give when each file was changed, in seconds since the epoch; one that vanishes meanwhile is left out."""
    found = []
    for path in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            found.append(path.stat().st_mtime)
    return found


def releases(_config: Config) -> Iterator[Result]:
    """Tell whether released mail is delivered."""
    before = datetime.datetime.now(datetime.UTC) - _OVERDUE
    late = QuarantinedCopy.objects.filter(state=CopyState.RELEASING, next_attempt__lt=before).count()
    if late:
        yield fail("releases", f"{late} released copies wait for their delivery", "see the worker's log")
    else:
        yield ok("releases", "none is late")
