"""The database of a set: dumped from the node's own, loaded into an empty one, which may be a scratch one.

SQLite is copied by its backup API within one read transaction, so that neither waits for the other; PostgreSQL by its
own programs, found on the path or where Debian has them.
"""

import contextlib
import datetime
import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from gateway.models import PolicyRevision
from gateway.operations.backup.manifest import BackupError, Tell

SQLITE_FILE = "backstop.sqlite3"
ALIAS = "restored"  # Django's name of the database that is being restored
_PAGES = 4096
_DUMPS = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
_NAME_LENGTH = 40
_MOMENT = "%Y%m%dT%H%M%S.%fZ"

Described = dict[str, Any]  # a database as Django's settings describe it


def kind(described: Described) -> str:
    """Give ``sqlite`` or ``postgresql``. Raises BackupError for another one."""
    found = str(described["ENGINE"]).rpartition(".")[2].removesuffix("3")
    if found not in _DUMPS:
        raise BackupError(f"a database of the kind {found} can't be backed up; use SQLite or PostgreSQL")
    return found


def dump_name(of_kind: str) -> str:
    """Give the name of the dump in a set. Raises BackupError for an unknown kind."""
    try:
        return _DUMPS[of_kind]
    except KeyError:
        raise BackupError(f"the set holds a database of the kind {of_kind}, which this version does not know") from None


def own() -> Described:
    """Give the node's own database."""
    return dict(connections["default"].settings_dict)


def applied(alias: str = "default") -> list[str]:
    """Give the migrations that are applied, by application and name. Raises ``django.db.DatabaseError``."""
    return sorted(f"{app}.{name}" for app, name in MigrationRecorder(connections[alias]).applied_migrations())


def installation() -> str:
    """Say whose state it is: when its first policy was published (UTC), which a restore brings back with all else.

    Empty where none was published yet. Raises ``django.db.DatabaseError``.
    """
    began = PolicyRevision.objects.order_by("number").values_list("published", flat=True).first()
    return began.astimezone(datetime.UTC).strftime(_MOMENT) if began else ""


def dump(described: Described, folder: Path, tell: Tell) -> None:
    """Write a consistent dump into the folder. Raises BackupError, OSError."""
    target = folder / dump_name(kind(described))
    if kind(described) == "sqlite":
        _copy_sqlite(Path(str(described["NAME"])), target, tell)
        return
    tell("database: pg_dump")
    arguments = ("--format=custom", "--no-owner", "--no-privileges", f"--file={target}")
    _run("pg_dump", arguments, described)
    target.chmod(0o600)


def load(folder: Path, of_kind: str, described: Described, tell: Tell) -> None:
    """Load a set's dump into a database that has no tables. Raises BackupError, OSError."""
    source = folder / dump_name(of_kind)
    if of_kind == "sqlite":
        _copy_sqlite(source, Path(str(described["NAME"])), tell)
        return
    tell("database: pg_restore")
    arguments = (
        "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error",
        f"--dbname={described['NAME']}", str(source),
    )  # fmt: skip
    _run("pg_restore", arguments, described)


def is_empty(described: Described) -> bool:
    """Whether a PostgreSQL database has no table of anybody. Raises BackupError."""
    with _session(described) as session:
        found = session.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchone()
    return found is None or not found[0]


def clear(described: Described) -> None:
    """Drop every table of the schema that we use. Raises BackupError."""
    with _session(described) as session, session.transaction():
        names = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
        for (name,) in names:
            session.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(name)))


@contextlib.contextmanager
def scratch(of_kind: str, folder: Path, node: str) -> Iterator[Described]:
    """Give an empty database of that kind to load a set into, and drop it afterwards. Raises BackupError.

    PostgreSQL's is made beside the node's own, under a name that only this node uses: what an earlier one left goes.
    """
    described = own()
    if of_kind == "sqlite":
        yield {**described, "ENGINE": "django.db.backends.sqlite3", "NAME": folder / SQLITE_FILE, "OPTIONS": {}}
        return
    if kind(described) != of_kind:
        raise BackupError(
            "the set holds a PostgreSQL database, and database.url names none; "
            "prove it on a node with PostgreSQL, where a scratch database can be made"
        )
    suffix = hashlib.sha256(node.encode()).hexdigest()[:8]
    made = {**described, "NAME": f"{str(described['NAME'])[:_NAME_LENGTH]}_proof_{suffix}"}
    _drop(described, str(made["NAME"]))
    with _session(described) as session:
        try:
            session.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(str(made["NAME"]))
                )
            )
        except psycopg.errors.InsufficientPrivilege:
            user = described["USER"] or "this user"
            raise BackupError(f"{user} may not make a scratch database; let it: ALTER ROLE {user} CREATEDB") from None
    try:
        yield made
    finally:
        _drop(described, str(made["NAME"]))


@contextlib.contextmanager
def known_to_django(described: Described) -> Iterator[str]:
    """Let Django know a database for a while; gives its alias."""
    connections.databases[ALIAS] = {**connections.databases["default"], **described}
    try:
        yield ALIAS
    finally:
        with contextlib.suppress(AttributeError):
            connections[ALIAS].close()
            del connections[ALIAS]
        del connections.databases[ALIAS]


def _copy_sqlite(source: Path, target: Path, tell: Tell) -> None:
    """Copy a database as it is at one moment; the copy is one file. Raises BackupError, OSError."""
    if not source.is_file():
        raise BackupError(f"{source}: no such database; run migrate, or name the state folder with --home")
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with (
            closing(sqlite3.connect(source, isolation_level=None, timeout=20)) as here,
            closing(sqlite3.connect(target, isolation_level=None)) as there,
        ):
            # A read transaction that spans all steps: writers go on, and the copy does not begin anew for them.
            here.execute("BEGIN")
            here.execute("SELECT count(*) FROM sqlite_master").fetchone()

            def told(_status: int, left: int, of: int) -> None:
                tell(f"database: {of - left} of {of} pages")

            here.backup(there, pages=_PAGES, progress=told, sleep=0)
            there.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise BackupError(f"{source}: {error}; see that the disk of {target.parent} has room") from error


def _drop(described: Described, name: str) -> None:
    """Drop a scratch database, and whoever is still connected to it. Raises BackupError."""
    with _session(described) as session:
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def _session(described: Described) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """Connect to PostgreSQL apart from Django. Raises BackupError."""
    given = {
        key.lower(): value for key, value in described.items() if key in ("USER", "PASSWORD", "HOST", "PORT") and value
    }
    try:
        with psycopg.connect(dbname=described["NAME"], autocommit=True, **given) as session:
            yield session
    except psycopg.Error as error:
        raise BackupError(f"database {described['NAME']}: {str(error).strip()}") from error


def _run(program: str, arguments: tuple[str, ...], described: Described) -> None:
    """Run one of PostgreSQL's programs on a database. Raises BackupError."""
    given = {
        "PGHOST": described["HOST"],
        "PGPORT": described["PORT"],
        "PGUSER": described["USER"],
        "PGPASSWORD": described["PASSWORD"],
        "PGDATABASE": described["NAME"],
    }
    environment = os.environ | {name: str(value) for name, value in given.items() if value}
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            (_program(program), *arguments), env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise BackupError(f"{program} can't be run: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise BackupError(f"{program} failed: {lines[0]}; mend what it names, such as a full disk, and try again")


def _program(name: str) -> str:
    """Find one of PostgreSQL's programs: on the path, else the newest of Debian's. Raises BackupError."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda at: int(at.parent.name.partition(".")[0]))
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *(str(each) for each in reversed(places))])
    found = shutil.which(name, path=path)
    if found is None:
        raise BackupError(f"{name} is not installed; on Debian: apt-get install postgresql-client")
    return found
