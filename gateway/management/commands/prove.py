"""``manage.py prove``: tries whether a backup set can be restored, in a scratch place that can send nothing."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.operations.backup import proving
from gateway.operations.backup.files import Progress
from gateway.operations.backup.manifest import BackupError


class Command(BaseCommand):
    """Restores a set into a scratch folder and a scratch database, tries what it holds, and removes both."""

    help = (
        "Restore a backup set into a scratch folder and a scratch database, and try its keys, messages, passwords, "
        "policy and ledger. The result is told by doctor and by the console. Fails where anything does."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder that backup has written")

    def handle(self, *_: Any, **options: Any) -> None:
        """Prove it. Raises CommandError; exits with 1 where something failed."""
        try:
            proof = proving.prove(settings.CONFIG, options["folder"], Progress(self.stderr.write))
        except BackupError as error:
            raise CommandError(str(error)) from error
        for text in proof.proven:
            self.stdout.write(f"{self.style.SUCCESS('ok   ')} {text}")
        for text in proof.failed:
            self.stdout.write(f"{self.style.ERROR('fail ')} {text}")
        if not proof.good:
            raise SystemExit(1)
