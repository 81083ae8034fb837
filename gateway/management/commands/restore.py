"""``manage.py restore``: a backup set becomes a node again, and what was pending in it waits for a person."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway import installation
from gateway.operations.backup import restoring
from gateway.operations.backup.files import Progress
from gateway.operations.backup.manifest import BackupError
from gateway.operations.backup.records import moment


class Command(BaseCommand):
    """Restores a backup set."""

    help = (
        "Check a backup set and restore it into the state folder and the database. Nothing that was pending in it "
        "leaves before somebody says so, in the console or by the command resume. The configuration file of this "
        "machine is left alone."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder that backup has written")
        parser.add_argument("--into", metavar="HOME", type=Path, help="the state folder (default: the configured one)")
        parser.add_argument(
            "--overwrite", action="store_true", help="a node lives there: move it aside, into before-restore-..."
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Restore it. Raises CommandError."""
        config, source = settings.CONFIG, options["folder"]
        home = options["into"] or config.home
        try:
            done = restoring.restore(config, source, home, Progress(self.stderr.write), overwrite=options["overwrite"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        manifest = done.manifest
        self.stdout.write(
            f"{home}: restored from the backup of {moment(manifest.ended)}, made by {manifest.node} with version "
            f"{manifest.version}: {manifest.messages} quarantined messages"
        )
        if done.aside is not None:
            self.stdout.write(f"What was there before lies in {done.aside}")
        if "configuration/backstop.toml" in manifest.files:
            self.stdout.write(f"The configuration that it had is {source / 'configuration' / 'backstop.toml'}")
        self.stdout.write(
            f"{done.waiting} were pending; they wait until you have looked at them. "
            f"Then: {installation.PROGRAM} resume, or resume --keep"
        )
