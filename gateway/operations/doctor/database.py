"""The database."""

from collections.abc import Iterator

from django.db import DatabaseError, connection

from gateway import installation
from gateway.config import Config
from gateway.operations.database import pending_migrations
from gateway.operations.doctor.result import Result, fail, ok


def tables(_config: Config) -> Iterator[Result]:
    """Tell whether it can be reached and its tables are up to date."""
    try:
        due = pending_migrations()
    except DatabaseError as error:
        yield fail("database", str(error).strip(), "mail flows without it; start it, or correct database.url")
        return
    if due:
        yield fail("database", f"{due} migrations are due", f"{installation.PROGRAM} migrate")
    else:
        yield ok("database", f"{connection.vendor}, up to date")
