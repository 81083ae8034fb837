"""``manage.py doctor``: checks the installation."""

import sys
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from gateway.operations.doctor import Level, Result, examine


class Command(BaseCommand):
    """Looks at everything that mail needs, and says what to do where it is not well."""

    help = "Check this installation; exits non-zero where something fails."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("--home", metavar="DIR", help="the state folder of the gateway (default: state)")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print one line for each result."""
        failed = 0
        for result in examine(settings.CONFIG):
            failed += result.level is Level.FAIL
            self.stdout.write(msgspec.json.encode(result).decode() if options["json"] else self._line(result))
        sys.exit(1 if failed else 0)

    def _line(self, result: Result) -> str:
        """Give the line of a result, with its remedy below."""
        style = {Level.OK: self.style.SUCCESS, Level.WARN: self.style.WARNING, Level.FAIL: self.style.ERROR}
        level = style.get(result.level, str)(f"{result.level.value:<5}")
        line = f"{level} {result.name}: {result.text}"
        return f"{line}\n      -> {result.remedy}" if result.remedy else line
