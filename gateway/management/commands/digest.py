"""``manage.py digest``: the digests of the quarantine that are due, sent now, or shown."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.management.domains import named
from gateway.models import Domain
from gateway.operations import digests
from gateway.operations.digests.choosing import trouble
from gateway.operations.digests.letter import Letter, as_text
from gateway.operations.learning.readiness import in_force
from gateway.policy.digest import DigestTo
from gateway.policy.matching import Policy


class Command(BaseCommand):
    """Sends digests as the worker does once a day, or prints them."""

    help = (
        "Sends the digests that are due now instead of when the worker next looks: one a day for each address. "
        "With --dry-run, prints those that tell of what no digest has told of yet, and changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--domain", help="print those of one domain (all)")
        parser.add_argument("--dry-run", action="store_true", help="print what would be sent, and send nothing")
        parser.add_argument("--json", action="store_true", help="one object a digest")

    def handle(self, *_: Any, **options: Any) -> None:
        """Send, or print. Raises CommandError, one line."""
        if not options["dry_run"]:
            if options["domain"]:
                raise CommandError("what is due is sent for all domains; give --dry-run with --domain")
            count = digests.send()
            self.stdout.write(msgspec.json.encode({"sent": count}).decode() if options["json"] else f"{count} sent")
            return
        snapshot = in_force()
        if snapshot is None:
            raise CommandError("there is no policy in force that can be read; publish one")
        letters = list(_letters(options["domain"], Policy(snapshot)))
        for letter in letters:
            if options["json"]:
                self.stdout.write(msgspec.json.encode(letter).decode())
            else:
                self.stdout.write(f"To: {letter.to}\nSubject: {letter.subject}\n\n{as_text(letter)}")
        if not letters and not options["json"]:
            self.stdout.write("nothing to tell")


def _letters(name: str | None, policy: Policy) -> Iterator[Letter]:
    """Give the digests of one domain, or of all. Raises CommandError where one has nowhere to go."""
    for domain in _domains(name):
        if wrong := trouble(domain, policy):
            raise CommandError(wrong)
        yield from digests.preview(domain, policy)


def _domains(name: str | None) -> list[Domain]:
    """Give the domains that send digests. Raises CommandError where the one that is asked for sends none."""
    if name is None:
        return list(Domain.objects.exclude(digest=DigestTo.NONE))
    found = named(name)
    if found.digest == DigestTo.NONE:
        raise CommandError(f"{found} sends no digests: set its digest to administrator or recipients")
    return [found]
