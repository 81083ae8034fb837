"""``manage.py run``: the whole gateway in one terminal."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.embedded import start
from gateway.embedded.database import DatabaseUnusableError
from gateway.embedded.home import HomeError
from gateway.embedded.ports import PortError


class Command(BaseCommand):
    """Runs every process of the gateway on this machine; the first start makes all that it needs."""

    help = "Run the whole gateway in this terminal on the embedded default; Ctrl-C stops it."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        # manage.py takes it before Django loads; it stands here for --help.
        parser.add_argument("--home", metavar="DIR", help="the state folder (default: state, in the current folder)")

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until Ctrl-C."""
        try:
            status = start.run()
        except (HomeError, PortError, DatabaseUnusableError) as error:
            raise CommandError(str(error)) from error
        sys.exit(status)
