"""The database of the one-machine gateway: made and migrated before anything opens it."""

from django.core.management import call_command
from django.db import DatabaseError, connection

from gateway.operations.database import pending_migrations


class DatabaseUnusableError(Exception):
    """The database can't be opened or migrated. The text names it and the reason."""


def migrate() -> int:
    """Bring the tables up to date; gives the number of migrations that were applied. Raises DatabaseUnusableError."""
    try:
        due = pending_migrations()
        if due:
            call_command("migrate", interactive=False, verbosity=0)
    except DatabaseError as error:
        raise DatabaseUnusableError(f"{connection.settings_dict['NAME']}: {error}") from error
    return due
