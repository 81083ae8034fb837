"""``manage.py learn MESSAGE-ID spam|ham``: has a stored message learned by the spam engines that are on."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.models.lesson import LessonKind
from gateway.operations import learn
from gateway.spool.disk import SpoolError
from gateway.spool.quarantine import Quarantine

WHO = "command line"


class Command(BaseCommand):
    """Asks for the lessons; a worker teaches them."""

    help = "Have a quarantined message learned as spam or ham by every spam engine that the policy has on."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("message", metavar="MESSAGE-ID", help="the id, as it stands in log, reply and console")
        parser.add_argument("kind", choices=[each.value for each in LessonKind], help="what it is")
        parser.add_argument("--by", default=WHO, metavar="NAME", help=f"who says so, for the audit (default: {WHO})")

    def handle(self, *_: Any, **options: Any) -> None:
        """Ask, and say who will learn. Raises CommandError."""
        message = options["message"]
        try:
            kept = Quarantine(settings.CONFIG.spool_folder).exists(message)
        except SpoolError as error:
            raise CommandError(str(error)) from error
        if not kept:
            raise CommandError(f"message {message} is not stored: only what is in quarantine can be learned")
        on = learn.engines_on(settings.CONFIG)
        if not on:
            raise CommandError(
                "no spam engine is on in the published policy: set the check rspamd or spamassassin of a domain to "
                "score, and publish"
            )
        asked = learn.ask(message, LessonKind(options["kind"]), options["by"])
        for engine in on:
            word = "asked to learn" if engine in asked else "knows already"
            self.stdout.write(f"{engine}: {word} {message} as {options['kind']}")
