"""``manage.py simulate``: what a spam run with forged senders makes of this gateway, and of accept-then-bounce."""

import argparse
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from django.conf import settings as django_settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.embedded.ports import PortError
from gateway.embedded.simulation import report, story
from gateway.embedded.simulation.words import Settings, Story

_BAR = 40  # columns
_PLOT = "simulation.svg"


class Command(BaseCommand):
    """Plays the simulation, prints table and plots, and fails where this gateway has sent a message to a stranger."""

    help = (
        "Send a spam run with forged senders to this gateway, and to a Postfix that accepts first and bounces later; "
        "count what reaches the forged senders from each. All on loopback. Needs Postfix and clamd installed, and root."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("--messages", type=_count, default=20_000, metavar="N", help="spams (default: %(default)s)")
        parser.add_argument(
            "--unknown", type=_share, default=0.4, metavar="SHARE", help="of unknown users, 0 to 1 (default: 0.4)"
        )
        parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed gives the same messages")
        parser.add_argument("--plot", type=Path, metavar="FILE", help=f"the SVG (default: {_PLOT} in the state folder)")
        parser.add_argument("--home", metavar="DIR", help="the state folder (default: state)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Play, and tell."""
        wanted = Settings(options["messages"], options["unknown"], options["seed"])
        # Being told to stop must end what was started, as Ctrl-C does.
        before = signal.signal(signal.SIGTERM, _stop)
        try:
            told = story.play(wanted, _Progress().show)
        except (story.SimulationError, story.PostfixError, PortError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("stopped; everything that was started has ended") from None
        finally:
            signal.signal(signal.SIGTERM, before)
        plot = options["plot"] or django_settings.CONFIG.home / _PLOT
        try:
            plot.parent.mkdir(parents=True, exist_ok=True)
            plot.write_text(report.svg(told))
        except OSError as error:
            raise CommandError(f"{plot}: {error.strerror}; name another file with --plot") from error
        if options["json"]:
            said = {**msgspec.to_builtins(told), "holds": told.holds, "plot": str(plot)}
            if told.storm is not None:
                seen = ("false", "genuine", "genuine_lost", "false_untagged")
                said["storm"] |= {name: getattr(told.storm, name) for name in seen}
            self.stdout.write(msgspec.json.encode(said).decode())
        else:
            self._tell(told, plot)
        sys.exit(0 if told.holds else 1)

    def _tell(self, told: Story, plot: Path) -> None:
        """Print table, plots and the verdict."""
        for part in (report.table(told), report.bars(told), report.storm(told)):
            for line in part:
                self.stdout.write(line)
            self.stdout.write("")
        self.stdout.write(report.seed())
        self.stdout.write(f"The plot as a picture: {plot}")
        if told.holds:
            self.stdout.write(self.style.SUCCESS("This gateway has sent nothing to anybody who never wrote."))
        elif told.gateway.to_strangers:
            self.stdout.write(self.style.ERROR(f"This gateway has sent {told.gateway.to_strangers} to strangers."))
        else:
            self.stdout.write(self.style.ERROR("This gateway has let false bounces in, or lost genuine ones."))


class _Progress:
    """Shows how far it is on standard error: a bar on a terminal, a line a tenth elsewhere."""

    def __init__(self) -> None:
        """Begin with nothing shown."""
        self._last = ("", -1)
        self._terminal = sys.stderr.isatty()

    def show(self, what: str, done: int, of: int) -> None:
        """Show that ``done`` of ``of`` are done."""
        tenth = done * 10 // of
        if self._terminal:
            filled = done * _BAR // of
            end = "\n" if done == of and self._last != (what, tenth) else ""
            sys.stderr.write(f"\r{what:<28} {'█' * filled}{'░' * (_BAR - filled)} {done:>7,} of {of:,} {end}")
        elif (what, tenth) != self._last:
            sys.stderr.write(f"{what}: {done:,} of {of:,}\n")
        sys.stderr.flush()
        self._last = (what, tenth)


def _count(text: str) -> int:
    """Read a number of messages."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number from 1 on")
    return int(text)


def _share(text: str) -> float:
    """Read a share."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text}: give a share from 0 to 1, as in 0.4")
    return share


def _stop(_number: int, _frame: object) -> NoReturn:
    """Unwind as Ctrl-C does."""
    raise KeyboardInterrupt
