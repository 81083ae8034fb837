"""``manage.py whatif``: what a changed policy would have made of the mail of the last days."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from gateway.operations import what_if
from gateway.operations.apply import draft
from gateway.policy.location import PolicyError
from gateway.policy.snapshot import Snapshot


class Command(BaseCommand):
    """Decide again."""

    help = (
        "Decides the stored transactions of the last days again with a policy that is not published yet (what FILE "
        "says; without it, what stands in the tables), and says what would be the same, what would change, and what "
        "can't be decided because nobody looked. Changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE.yml", help="a policy, as apply reads it")
        parser.add_argument("--days", type=float, default=7.0, help="how far back (default: 7)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        """Compare, and print it. Raises CommandError, one line."""
        if not options["days"] > 0:
            raise CommandError(f"{options['days']:g} days hold no mail; give a number above 0")
        progress = None if options["json"] or not sys.stderr.isatty() else self._progress
        try:
            found = what_if.compare(options["days"], draft=self._draft(options["file"]), progress=progress)
        except (what_if.NothingInForceError, PolicyError) as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"the database can't be used: {error}; run migrate, or check its address") from error
        if options["json"]:
            self.stdout.write(msgspec.json.encode(found).decode())
        else:
            self._print(found)

    @staticmethod
    def _draft(file: Path | None) -> Snapshot | None:
        """Give the policy that a file makes. Raises CommandError, PolicyError."""
        if file is None:
            return None
        try:
            return draft(file.read_text(encoding="utf-8"), str(file))
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}; name a readable file") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{file}: the text is not UTF-8; save it as UTF-8") from error

    def _progress(self, done: int, stored: int) -> None:
        """Tell how far it is."""
        self.stderr.write(f"\r{done} of {stored} transactions", ending="\n" if done >= stored else "")

    def _print(self, found: what_if.Comparison) -> None:
        """Print a comparison for people."""
        write = self.stdout.write
        write(self.style.MIGRATE_HEADING(f"{found.transactions} transactions of {found.days:g} days, decided again"))
        write(f"  {found.same} the same, {found.changed} changed, {found.undecidable} not decidable (recipients)")
        for title, figures in (("changed", found.moves), ("not decidable", found.reasons)):
            for what, count in sorted(figures.items(), key=lambda pair: -pair[1]):
                write(f"  {title}: {count:6}  {what}")
        for each in found.changes:
            write(f"  {each.message} <{each.sender or ''}> to <{each.recipient}>: {each.before} to {each.after}")
            write(f"    because {each.because}")
        if found.changed > len(found.changes):
            write(f"  and {found.changed - len(found.changes)} changes more")
