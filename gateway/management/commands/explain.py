"""``manage.py explain``: what would be done with a message, and why, without doing it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gateway.explain import Question, content_of, explain
from gateway.mail.address import AddressError
from gateway.mail.trace import Trace
from gateway.policy.codec import PolicyError, load
from gateway.policy.feed import FILE, LearnedFeed
from gateway.policy.learned import NOTHING, Learned
from gateway.policy.matching import Policy
from gateway.services.ledger import LedgerError


class Command(BaseCommand):
    """Explain."""

    help = "Runs messages through the whole pipeline without delivering them, and prints their traces."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE.eml")
        parser.add_argument("--sender", required=True, help="envelope sender; an empty string is the null sender")
        parser.add_argument("--recipient", required=True, action="append", help="may be given several times")
        parser.add_argument("--client", default="192.0.2.1", help="address of the client")
        parser.add_argument("--helo", default="client.invalid", help="what the client calls itself")
        parser.add_argument("--outbound", action="store_true", help="as if it came to the outbound listener")
        parser.add_argument("--json", action="store_true", help="one trace a line")

    def handle(self, *_: Any, **options: Any) -> None:
        """Explain each file."""
        config = settings.CONFIG
        try:
            policy = Policy(load(config.policy_folder / FILE), self._learned(config.learned_folder))
        except PolicyError as error:
            raise CommandError(str(error)) from error
        question = Question(
            options["sender"],
            tuple(options["recipient"]),
            options["client"],
            options["helo"],
            "outbound" if options["outbound"] else "inbound",
        )
        for file in options["files"]:
            try:
                trace = explain(config, policy, question, content_of(file.read_bytes()))
            except OSError as error:
                raise CommandError(f"{file}: {error.strerror}; name a readable message") from error
            except LedgerError as error:
                raise CommandError(str(error)) from error
            except (AddressError, ValueError) as error:
                raise CommandError(f"{error}; give addresses as local@domain, the client as an IP address") from error
            if options["json"]:
                self.stdout.write(msgspec.json.encode({"file": str(file), **msgspec.structs.asdict(trace)}).decode())
            else:
                self._print(file, trace)

    @staticmethod
    def _learned(folder: Path) -> Learned:
        """Give what was learned, which decides as on the wire. Raises PolicyError."""
        feed = LearnedFeed(folder)
        if feed.last_error is not None:
            raise feed.last_error
        return feed.current or NOTHING

    def _print(self, file: Path, trace: Trace) -> None:
        """Print a trace for people."""
        self.stdout.write(self.style.MIGRATE_HEADING(f"{file}: {trace.because}"))
        for seen in trace.observations:
            found = ", ".join(f"{each.symbol} {each.weight:+.1f} {each.detail}".rstrip() for each in seen.findings)
            whom = f" for {seen.recipient}" if seen.recipient else ""
            end = f"{seen.outcome:8} {seen.cost_ms:8.1f} ms  {found or seen.detail}"
            self.stdout.write(f"  {seen.stage:5} {seen.check + whom:40} {end}")
        for event in trace.events:
            self.stdout.write(f"  {event.what}")
        for each in trace.recipients:
            if each.decision is not None:
                observed = f" (observed; else {each.decision.observed})" if each.decision.observed else ""
                self.stdout.write(
                    f"  {each.address}: {each.decision.action}{observed}, score {each.decision.score:.1f}"
                )
                if each.decision.reply is not None:
                    self.stdout.write(f"    the client would be told: {each.decision.reply}")
