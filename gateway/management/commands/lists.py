"""``manage.py lists``: how the DNS lists are, as their own test points show it."""

from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandParser

from gateway.models import ListHealth
from gateway.operations.learning import lists, publish
from gateway.operations.learning.readiness import in_force


class Command(BaseCommand):
    """Tells which DNS lists are asked, which are off, and why."""

    help = "How the DNS lists of the policy in force are. Exits with 1 where one is switched off."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--probe", action="store_true", help="probe their test points now, and act on it")
        parser.add_argument("--json", action="store_true", help="one object a line")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do what was asked for."""
        if options["probe"]:
            lists.probe()
            publish()
        rows = list(ListHealth.objects.all())
        for row in rows:
            self.stdout.write(msgspec.json.encode(_plain(row)).decode() if options["json"] else _line(row))
        snapshot = in_force()
        for zone in sorted({*(snapshot.dns_lists if snapshot is not None else ())} - {row.zone for row in rows}):
            plain = {"list": zone, "on": True, "probed": None}
            line = f"?    {zone:40}  not probed yet; --probe does it now, the worker every three minutes"
            self.stdout.write(msgspec.json.encode(plain).decode() if options["json"] else line)
        if not rows and not (snapshot is not None and snapshot.dns_lists) and not options["json"]:
            self.stdout.write("No DNS list is in force; add one in the console, or under dns_lists with apply.")
        if any(row.off_since for row in rows):
            raise SystemExit(1)


def _plain(row: ListHealth) -> dict[str, object]:
    """Give a list's health as built-in values."""
    return {
        "list": row.zone,
        "on": row.off_since is None,
        "off_since": row.off_since.isoformat() if row.off_since else None,
        "because": row.because,
        "probed": row.probed.isoformat(),
        "trouble": row.trouble,
        "remark": row.remark,
        "milliseconds": row.milliseconds,
        "entry": row.pk,
    }


def _line(row: ListHealth) -> str:
    """Give a list's health in a line."""
    when = f"probed {row.probed:%Y-%m-%d %H:%M}, {row.milliseconds:.0f} ms"
    if row.off_since is not None:
        return f"OFF  {row.zone:40}  since {row.off_since:%Y-%m-%d %H:%M}, entry {row.pk}: {row.because}; {when}"
    return f"on   {row.zone:40}  {row.trouble or row.remark or 'well'}; {when}"
