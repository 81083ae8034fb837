"""``manage.py resume``: after a restore, lets what is pending leave, or keeps it in quarantine."""

import getpass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.operations import hold
from gateway.operations.doctor.backups import told
from gateway.spool.disk import SpoolError


class Command(BaseCommand):
    """Ends the hold of a restored node."""

    help = (
        "After a restore nothing leaves by itself: a pending release may have been delivered since the backup was "
        "made. This ends the hold. --list only tells what waits."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        either = parser.add_mutually_exclusive_group()
        either.add_argument(
            "--keep", action="store_true", help="put what is pending back into quarantine; send nothing"
        )
        either.add_argument("--list", action="store_true", help="tell what waits, and change nothing")

    def handle(self, *_: Any, **options: Any) -> None:
        """Resume. Raises CommandError."""
        held = hold.of(settings.CONFIG)
        if held is None:
            self.stdout.write("nothing is held on this node")
            return
        if options["list"]:
            self.stdout.write(f"{told(held)}; {hold.waiting()} wait")
            for copy in hold.pending_copies()[:50]:
                self.stdout.write(f"  {copy}: from {copy.sender or '<>'}, {copy.because}")
            return
        try:
            pending = hold.resume(settings.CONFIG, getpass.getuser(), keep=options["keep"])
        except (OSError, SpoolError) as error:
            raise CommandError(f"the hold could not be ended: {error}") from error
        done = "are back in quarantine, or given up" if options["keep"] else "leave now"
        self.stdout.write(f"{pending or 'nothing'} {done}")
