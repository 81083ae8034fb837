"""The database."""

from collections.abc import Iterator

from django.db import connection

from gateway import installation
from gateway.config import Config
from gateway.operations.database import pending_migrations
from gateway.operations.doctor.result import Result, fail, ok


def tables(_config: Config) -> Iterator[Result]:
    """Tell whether its tables are up to date. Raises ``django.db.DatabaseError`` where it can't be reached."""
    if due := pending_migrations():
        yield fail("database", f"{due} migrations are due", f"{installation.PROGRAM} migrate")
    else:
        yield ok("database", f"{connection.vendor}, up to date")
