"""``manage.py records``: the DNS records that this node and its domains need, as a zone has them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from gateway.management.domains import named
from gateway.models import Domain
from gateway.operations import records
from gateway.operations.records import Record, Seen

_SECONDS = 10.0  # for all questions


class Command(BaseCommand):
    """Prints records, ready to copy; nothing is changed anywhere."""

    help = (
        "The DNS records that this node and its domains need, ready to copy into a zone. With --check, what DNS says "
        "of each; exits with 1 where one is missing, differs, or could not be asked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("domain", nargs="?", help="one domain (all)")
        parser.add_argument("--check", action="store_true", help="ask DNS what is there")
        parser.add_argument("--json", action="store_true", help="one object a line")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the records."""
        config, name = settings.CONFIG, options["domain"]
        rows = list(Domain.objects.all()) if name is None else [named(name)]
        parts = [
            (f"{config.name}: this node", records.notes_on_node(config), ""),
            *((f"{row}: a domain", records.notes_on(row, config), records.policy_file(row, config)) for row in rows),
        ]
        lists = _checked(rows) if options["check"] else _wanted(rows)
        for at, ((title, notes, policy), found) in enumerate(zip(parts, lists, strict=True)):
            if options["json"]:
                for each in found:
                    self.stdout.write(msgspec.json.encode(_plain(each)).decode())
            else:
                text = records.as_zone(title, found, notes, policy)
                self.stdout.write(("\n" if at else "") + text, ending="")
        if any(isinstance(each, Seen) and not each.well for found in lists for each in found):
            raise SystemExit(1)


def _wanted(rows: list[Domain]) -> Sequence[Sequence[Record | Seen]]:
    """Give the records of the node, and of each domain."""
    config = settings.CONFIG
    node = records.of_node(config, records.own_addresses(config))
    return [node, *(records.of_domain(row, config) for row in rows)]


def _checked(rows: list[Domain]) -> Sequence[Sequence[Record | Seen]]:
    """Give the same with what DNS says of them."""
    compared = records.compare(settings.CONFIG, rows, _SECONDS)
    return [compared.node, *compared.domains]


def _plain(found: Record | Seen) -> dict[str, object]:
    """Give a record, and what DNS says of it, as built-in values."""
    record = found.record if isinstance(found, Seen) else found
    plain: dict[str, object] = {"name": record.name, "type": record.kind, "value": record.value, "line": record.line}
    if isinstance(found, Seen):
        plain |= {"dns": found.state, "there": found.there, "detail": found.detail}
    return plain
