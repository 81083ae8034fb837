"""``manage.py backscatterers``: the private list of proven backscatterers: shown, exported, and shortened."""

from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from gateway.models import Backscatterer
from gateway.operations.learning import backscatterers, rbldnsd

WHO = "command line"


class Command(BaseCommand):
    """Tells which hosts brought bounces that are proven false."""

    help = "The private list of proven backscatterers, most points first."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        default = rbldnsd.Zone()
        parser.add_argument(
            "do",
            nargs="?",
            choices=("list", "export", "forget"),
            default="list",
            help="list (the default); export: a zone file for rbldnsd (type combined); forget: take hosts off the list",
        )
        parser.add_argument("name", nargs="*", metavar="NAME", help="IP addresses or HELO names to forget")
        parser.add_argument("--json", action="store_true", help="list: one object a line")
        parser.add_argument("--rbldnsd", action="store_true", help="the same as export")
        parser.add_argument("--nameserver", action="append", help=f"of the zone ({default.nameservers[0]}); repeatable")
        parser.add_argument("--contact", default=default.contact, help="of the zone, as its SOA has it (%(default)s)")
        parser.add_argument("--ttl", default=default.ttl, help="how long an answer is good for (%(default)s)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do what was asked for."""
        if options["name"] and options["do"] != "forget":
            raise CommandError(f"{options['do']} takes no names; to take hosts off the list, say forget")
        if options["do"] == "forget":
            self._forget(options["name"])
        elif options["do"] == "export" or options["rbldnsd"]:
            self._export(options)
        else:
            self._list(as_json=options["json"])

    def _list(self, *, as_json: bool) -> None:
        """Print the list."""
        now = timezone.now()
        rows = backscatterers.listed(now)
        if as_json:
            for row in rows:
                self.stdout.write(msgspec.json.encode(_plain(row, now.timestamp())).decode())
            return
        for row in rows:
            points = backscatterers.points_now(row, now.timestamp())
            when = f"{row.first:%Y-%m-%d} to {row.last:%Y-%m-%d %H:%M}"
            self.stdout.write(f"{points:7.1f}  {row.name:40}  {row.count:6} false, {when}  sample {row.sample}")
        if not rows:
            self.stdout.write("No host is on the list.")

    def _export(self, options: dict[str, Any]) -> None:
        """Print the zone file."""
        nameservers = tuple(options["nameserver"] or rbldnsd.Zone().nameservers)
        zone = rbldnsd.Zone(nameservers, options["contact"], options["ttl"])
        if fault := zone.fault():
            raise CommandError(fault)
        now = timezone.now()
        for line in rbldnsd.lines(backscatterers.listed(now), zone, now):
            self.stdout.write(line)

    def _forget(self, names: list[str]) -> None:
        """Take hosts off the list; every name that is not there is told."""
        if not names:
            raise CommandError("name the hosts to forget, as `backscatterers` lists them")
        missing = [name for name in names if not backscatterers.forget(name, WHO)]
        if missing:
            raise CommandError(f"not on the list: {', '.join(missing)}; the others are forgotten")


def _plain(row: Backscatterer, now: float) -> dict[str, Any]:
    """Give a row as built-in values."""
    return {
        "number": row.pk,
        "name": row.name,
        "points": round(backscatterers.points_now(row, now), 2),
        "first": row.first.isoformat(),
        "last": row.last.isoformat(),
        "count": row.count,
        "sample": row.sample,
    }
