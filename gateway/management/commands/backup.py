"""``manage.py backup``: everything that this node needs to be restored, in one folder."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.operations.backup import making
from gateway.operations.backup.files import Progress
from gateway.operations.backup.manifest import BackupError
from gateway.operations.backup.records import moment


class Command(BaseCommand):
    """Writes a backup set, while the gateway runs."""

    help = (
        "Write a consistent set of database, quarantine, secrets, policy, ledger, journals, certificate and "
        "configuration to a folder. It is NOT encrypted and holds every secret of the node. It appears under its name "
        "only when it is whole."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder to write, which is not there yet")
        parser.add_argument(
            "--replace", action="store_true", help="an older set is there: let the new one take its place"
        )
        when = parser.add_mutually_exclusive_group()
        when.add_argument(
            "--note-later",
            action="store_true",
            help="the set is still to be carried elsewhere: do not count it as a backup yet",
        )
        when.add_argument(
            "--note",
            action="store_true",
            help="make none: the set in FOLDER was carried where backups are kept, count it now",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Make it. Raises CommandError."""
        tell = Progress(self.stderr.write)
        folder, config = options["folder"], settings.CONFIG
        try:
            if options["note"]:
                manifest = making.note(config, folder)
                self.stdout.write(f"{folder}: counts as the backup of {moment(manifest.ended)}")
                return
            manifest = making.backup(config, folder, tell, replace=options["replace"], note_later=options["note_later"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        for message in manifest.damaged:
            self.stderr.write(f"quarantined message {message} was damaged already: delete it")
        self.stdout.write(
            f"{folder}: {manifest.messages} quarantined messages, {len(manifest.files)} files, "
            f"{manifest.octets} octets in {manifest.ended - manifest.began:.1f} s; it is not encrypted"
        )
