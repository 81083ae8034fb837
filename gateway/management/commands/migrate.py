"""``manage.py migrate``: brings the database's tables up to date; of a new node it makes the state folder first."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate


class Command(migrate.Command):
    """Django's command, for a node that has nothing yet."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Migrate; Django's checks ask the database before ``handle``. Raises CommandError: there can't be a folder."""
        home = settings.HOME
        try:
            # SQLite's file lies in it; whoever runs this first makes it, for its owner alone.
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(
                f"{home}: {error.strerror}; name a folder that this user can write as node.home"
            ) from None
        return super().execute(*args, **options)
