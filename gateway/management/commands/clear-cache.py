# ruff: noqa: N999 - the file is named as the command is
"""``manage.py clear-cache``: the SMTP processes of this node forget what DNS, directories and next hops said."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from gateway.operations import caches

WHO = "command line"


class Command(BaseCommand):
    """Asks the SMTP processes to forget."""

    help = "Makes the SMTP processes of this node forget the answers of DNS, LDAP and next hops, within a second."

    def handle(self, *_: Any, **__: Any) -> None:
        """Ask them."""
        try:
            caches.clear(WHO)
        except OSError as error:
            raise CommandError(f"the SMTP processes can't be asked: {error}") from error
        except DatabaseError as error:
            self.stderr.write(f"it does not stand in the audit, for the database can't be used: {error}")
        self.stdout.write("the SMTP processes forget what DNS, directories and next hops said, within a second")
