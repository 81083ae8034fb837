"""``rotate``: replaces secrets of this node by new ones: the next key of marking, or the console's secret."""

import secrets as randomness
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from gateway.operations import audit, keys
from gateway.operations.publish import pending, publish_policy
from gateway.policy.codec import PolicyError
from gateway.services import secrets

WHO = "rotate"
MARKING, CONSOLE = "marking", "console"


class Command(BaseCommand):
    """Rotate one kind of secret."""

    help = (
        "Replace secrets by new ones. marking: a further key that signs from tomorrow; tags of the old one stay good "
        "until they expire. console: the secret of sessions; everybody signs in again once the console has restarted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("what", choices=(MARKING, CONSOLE), help="which secrets")

    def handle(self, *_: Any, **options: Any) -> None:
        """Rotate, and say what was done. Raises CommandError, one line."""
        try:
            self.stdout.write(_rotate_marking() if options["what"] == MARKING else _rotate_console())
        except PolicyError as error:
            raise CommandError(f"the policy can't be published: {error}") from None
        except OSError as error:
            raise CommandError(f"{error.filename or settings.HOME}: {error.strerror}") from None
        except DatabaseError as error:
            raise CommandError(f"the database can't be used: {error}; run migrate, or check its address") from None


def _rotate_marking() -> str:
    """Make the next key and publish it; gives what to say. Raises CommandError, OSError, PolicyError."""
    if pending():
        raise CommandError("there are changes that nobody has published; publish or revert them first")
    key = keys.make_key(WHO)
    publish_policy(WHO)
    return f"made and published: {key}, which signs from {key.since}"


def _rotate_console() -> str:
    """Replace the console's secret; gives what to say. Raises OSError."""
    secrets.write(settings.CONFIG.secrets_folder, "django", randomness.token_urlsafe(50))
    audit.record(WHO, "rotate", "the console's secret")
    return "replaced: the console's secret; it counts when the console has restarted"
