"""``apply FILE.yml``: policy as code."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from gateway.operations.apply import apply_policy
from gateway.policy.codec import PolicyError
from gateway.spool.disk import SpoolError


class Command(BaseCommand):
    """Apply a policy file."""

    help = (
        "Make the policy what FILE says, publish it, and say what changed. Within the sections that the file names, "
        "what it does not hold is removed; other sections stay. A second run changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", help="a policy in YAML, as export writes it; - reads it from standard input")
        parser.add_argument("--check", action="store_true", help="say what would change, and change nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--by", default="apply", metavar="NAME", help="who did it, for the audit (default: apply)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Apply it. Raises CommandError, one line."""
        name, check = options["file"], options["check"]
        try:
            text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}; name a readable file") from None
        except UnicodeDecodeError:
            raise CommandError(f"{name}: the text is not UTF-8; save it as UTF-8") from None
        try:
            changes = apply_policy(text, "standard input" if name == "-" else name, options["by"], check=check)
        except PolicyError as error:
            raise CommandError(str(error)) from None
        except (OSError, SpoolError) as error:
            raise CommandError(f"the policy could not be written: {error}") from None
        except DatabaseError as error:
            raise CommandError(f"the database can't be used: {error}; run migrate, or check its address") from None
        if options["json"]:
            self.stdout.write(json.dumps({"file": name, "check": check, "changed": bool(changes), "changes": changes}))
            return
        for line in changes:
            self.stdout.write(line)
        verb = "would change" if check else "changed"
        self.stdout.write(f"{len(changes)} {verb}" if changes else "nothing to change")
