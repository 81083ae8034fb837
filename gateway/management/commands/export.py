"""``export``: the policy as ``apply`` takes it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from gateway.operations import document
from gateway.operations.export import export_policy, of_rows


class Command(BaseCommand):
    """Print the policy."""

    help = "Print the policy as YAML, as apply takes it. Secrets are named by id and never contained."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="print one JSON object (which apply takes too)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print it. Raises CommandError, one line."""
        try:
            text = json.dumps(document.plain(of_rows())) + "\n" if options["json"] else export_policy()
        except DatabaseError as error:
            raise CommandError(f"the database can't be used: {error}; run migrate, or check its address") from None
        self.stdout.write(text, ending="")
