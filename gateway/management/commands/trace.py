"""``manage.py trace ID``: one transaction's story."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from gateway.mail import trace as traces
from gateway.operations import story
from gateway.spool.disk import SpoolError


class Command(BaseCommand):
    """Tells what happened in one transaction, and why."""

    help = "Tell one transaction's story: what was said, found, decided, and why."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("id", metavar="ID", help="the transaction's id, as it stands in log, reply and console")
        parser.add_argument("--json", action="store_true", help="print the trace as one line of JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find the trace and print it."""
        try:
            trace = story.find_trace(options["id"], settings.CONFIG.journal_folder)
        except SpoolError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(
                f"transaction {options['id']} is in no journal any more, and the database can't be asked: {error}"
            ) from error
        if trace is None:
            raise CommandError(
                f"there is no transaction {options['id']}: it never was, or it is older than"
                f" {settings.CONFIG.retention.trace_days} days"
            )
        if options["json"]:
            self.stdout.write(traces.encode(trace).decode())
            return
        for line in story.tell(trace, story.copies_of(trace.id)):
            self.stdout.write(line)
