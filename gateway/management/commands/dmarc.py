"""``manage.py dmarc``: what DMARC saw of one author domain on one day. It is for reading; no report is ever sent."""

from datetime import date, timedelta
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from gateway.operations import dmarc


class Command(BaseCommand):
    """Tells who sent in a domain's name, and what came of it."""

    help = "What DMARC saw of one author domain on one day, most messages first. No report is ever sent."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--domain", required=True, help="the domain in From")
        parser.add_argument("--day", help="YYYY-MM-DD, in UTC (yesterday)")
        parser.add_argument("--json", action="store_true", help="one object a line, as the records of RFC 9990 have it")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the figures."""
        try:
            day = date.fromisoformat(options["day"]) if options["day"] else timezone.now().date() - timedelta(days=1)
        except ValueError:
            raise CommandError(f"--day {options['day']}: a day is written YYYY-MM-DD") from None
        rows = list(dmarc.summary(options["domain"], day))
        if not rows and not options["json"]:
            why = "nobody wrote in its name, or it publishes no policy"
            self.stdout.write(f"Nothing was counted for {options['domain']} on {day}: {why}; --day names another day.")
        for row in rows:
            if options["json"]:
                self.stdout.write(msgspec.json.encode(row).decode())
                continue
            fate, results = row["policy_evaluated"], row["auth_results"]
            aligned = ", ".join(f"{name} aligned" for name in ("spf", "dkim") if fate[name] == "pass") or "not proven"
            seen = f"SPF {results['spf'] or 'unknown'}; DKIM {results['dkim'] or 'none'}"
            self.stdout.write(f"{row['count']:8}  {row['source_ip']:39}  {fate['disposition']:10}  {aligned}; {seen}")
