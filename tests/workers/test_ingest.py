"""The ingest loop as a process."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from gateway.models import Transaction
from gateway.spool.journal import JournalWriter
from gateway.spool.records import TraceRecord, encode
from tests import samples
from tests.workers.conftest import Program, until


@pytest.fixture
def writer(home: Path) -> JournalWriter:
    return JournalWriter(home / "journal", "smtp-0")


@pytest.fixture
def loop(start: Callable[..., Program], home: Path) -> Program:
    program = start("-m", "workers.ingest")
    until("the first heartbeat", (home / "status" / "ingest.json").exists)
    return program


def write(writer: JournalWriter, *ids: str) -> None:
    for each in ids:
        writer.append(encode(TraceRecord(samples.trace(each))))


def status(home: Path) -> dict[str, object]:
    return json.loads((home / "status" / "ingest.json").read_text())


@contextmanager
def database_away() -> Iterator[None]:
    """Nobody but this test can use the database: SQLite is locked, PostgreSQL takes no connection."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as locked:
            locked.execute("BEGIN EXCLUSIVE")
            yield
            locked.execute("ROLLBACK")
        return
    ours = connection.settings_dict
    name = ours["NAME"]
    with (
        connection.cursor() as cursor,
        psycopg.connect(host=ours["HOST"], user=ours["USER"], dbname="postgres", autocommit=True) as other,
    ):
        cursor.execute("SELECT pg_backend_pid()")
        (own,) = cursor.fetchone()
        other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
        other.execute(others, (name, own))
        try:
            yield
        finally:
            other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@pytest.mark.usefixtures("loop")
def test_a_trace_gets_into_the_database_by_itself(writer: JournalWriter) -> None:
    write(writer, "01a")

    until("the row", Transaction.objects.filter(pk="01a").exists)


def test_while_the_database_is_away_traces_wait_and_all_arrive_afterwards(
    loop: Program, home: Path, writer: JournalWriter
) -> None:
    with database_away():
        write(writer, *(f"{number:03d}" for number in range(300)))
        until("the trouble's heartbeat", lambda: status(home)["trouble"])
        write(writer, *(f"{number:03d}" for number in range(300, 600)))

    until("all rows", lambda: Transaction.objects.count() == 600)
    until("the end of the trouble", lambda: not status(home)["trouble"])
    assert loop.log.read_text().count("journals wait") == 1
    assert "Traceback" not in loop.log.read_text()


def test_it_stops_promptly_even_while_the_database_is_away(loop: Program, home: Path, writer: JournalWriter) -> None:
    with database_away():
        write(writer, "01a")
        until("the trouble's heartbeat", lambda: status(home)["trouble"])
        began = time.monotonic()

        assert loop.stop() == 0

        assert time.monotonic() - began < 18  # elsewhere 20 are waited for a database that is locked


def test_a_killed_loop_goes_on_where_it_was(
    loop: Program, start: Callable[..., Program], writer: JournalWriter
) -> None:
    write(writer, *(f"{number:03d}" for number in range(100)))
    until("some rows", Transaction.objects.exists)
    loop.kill()
    write(writer, *(f"{number:03d}" for number in range(100, 200)))

    start("-m", "workers.ingest")

    until("all rows", lambda: Transaction.objects.count() == 200)


def test_it_says_how_it_is(loop: Program, home: Path, writer: JournalWriter) -> None:
    write(writer, "01a")
    until("the row", Transaction.objects.exists)
    loop.stop()

    said = status(home)
    assert (said["pid"], said["ingested"], said["trouble"]) == (loop.process.pid, 1, "")
    assert abs(said["at"] - time.time()) < 30
    assert settings.CONFIG.status_folder == home / "status"
