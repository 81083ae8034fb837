"""``manage.py demo``: a real set of messages through the running gateway."""

import secrets
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway import installation
from gateway.embedded import demo, home
from gateway.embedded.demo_messages import samples
from gateway.policy import codec
from gateway.policy.feed import FILE

_HEADINGS = ("what was sent", "the reply", "what became of it", "what was expected")
_SHARES = (30, 28, 22, 20)  # of the width, in hundredths
_NARROWEST = 100


class Command(BaseCommand):
    """Sends the demo's messages, prints a table, and fails where one differs from what is expected."""

    help = (
        "Send a real set of messages through the running gateway; exits non-zero when one is not treated as expected."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("--home", metavar="DIR", help="the state folder of the gateway (default: state)")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Play every message."""
        config = settings.CONFIG
        if not home.is_held(config):
            raise CommandError(
                f"no gateway is running on {config.home}; start one in another terminal: {installation.START}"
            )
        token = secrets.token_hex(4)
        try:
            max_size = codec.load(config.policy_folder / FILE).max_size
            demo.require_scanner(config)
            table = _Table(self) if not options["json"] else None
            differing = 0
            for sample in samples(token, max_size):
                row = demo.play(config, sample, token)
                differing += bool(row.differs)
                if table is not None:
                    table.add(row)
                else:
                    self.stdout.write(msgspec.json.encode(row).decode())
        except (demo.DemoError, codec.PolicyError) as error:
            raise CommandError(str(error)) from error
        if table is not None:
            table.close(differing)
        sys.exit(1 if differing else 0)


class _Table:
    """Prints rows as they come, folded to the width of the terminal."""

    def __init__(self, command: BaseCommand) -> None:
        """Print the headings."""
        self._out = command.stdout
        self._style = command.style
        width = max(_NARROWEST, min(shutil.get_terminal_size((120, 24)).columns, 160))
        self._widths = [share * (width - 3 * len(_SHARES)) // 100 for share in _SHARES]
        self._line = "-+-".join("-" * width for width in self._widths)
        self._print(_HEADINGS)
        self._out.write(self._line)

    def add(self, row: demo.Row) -> None:
        """Print one row: its cells, whether it is as expected, and the console's page for it."""
        self._print((row.sent, row.reply, row.became, row.expected))
        if row.differs:
            self._out.write(self._style.ERROR(f"  DIFFERS: {row.differs}"))
        verdict = "differs    " if row.differs else self._style.SUCCESS("as expected")
        self._out.write(f"  {verdict}  {row.page}")
        self._out.write(self._line)

    def close(self, differing: int) -> None:
        """Print the sum."""
        if differing:
            self._out.write(self._style.ERROR(f"{differing} differ from what was expected."))
        else:
            self._out.write(self._style.SUCCESS("Every message was treated as expected."))

    def _print(self, cells: Sequence[str]) -> None:
        """Print cells side by side, each folded."""
        folded = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, self._widths, strict=True)]
        for at in range(max(map(len, folded))):
            parts = (
                (lines[at] if at < len(lines) else "").ljust(width)
                for lines, width in zip(folded, self._widths, strict=True)
            )
            self._out.write(" | ".join(parts).rstrip())
