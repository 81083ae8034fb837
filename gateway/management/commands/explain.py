"""``manage.py explain``: what would be done with a message, and why, without doing it."""

import ipaddress
from argparse import ArgumentParser, ArgumentTypeError
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
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE.eml", help="a message as it came")
        parser.add_argument("--sender", metavar="A", required=True, help="envelope sender; '' is the null sender")
        parser.add_argument("--recipient", metavar="B", required=True, action="append", help="repeatable")
        parser.add_argument(
            "--client", metavar="IP", type=_ip, default="192.0.2.1", help="address of the client (default: 192.0.2.1)"
        )
        parser.add_argument("--helo", metavar="H", default="client.invalid", help="its name (default: client.invalid)")
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
                raise CommandError(f"{error}; give addresses as local@domain") from error
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
            self.stdout.write(f"  {seen.stage:7} {seen.check + whom:40} {end}")
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


def _ip(text: str) -> str:
    """Give an address of a client as it is written plainly. Raises ArgumentTypeError."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no IP address; write 192.0.2.1 or 2001:db8::1") from None
