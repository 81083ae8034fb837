"""``prepare``: makes what a new node needs before it starts: folders, secrets, marking keys, an administrator."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from gateway.config import Config
from gateway.embedded import firststart, home
from gateway.models import MarkingKey, NodePolicy
from gateway.operations import keys
from gateway.operations.publish import pending, publish_policy
from gateway.policy.codec import PolicyError
from gateway.policy.feed import FILE
from gateway.services import secrets

WHO = "prepare"


class Command(BaseCommand):
    """Make what is missing; what is there stays as it is."""

    help = (
        "Make the state folder, the console's secret, the seal and the first key of marking, and a policy to begin "
        "with, where there are none. A second run makes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--administrator",
            metavar="NAME",
            help="make the first administrator of the console too, and print his password, which is stored nowhere",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Make it, and say what was made. Raises CommandError, one line."""
        config: Config = settings.CONFIG
        try:
            home.prepare(config)
            made = list(_make(config))
            if options["administrator"] and (password := firststart.make_administrator(options["administrator"])):
                made.append(f"administrator {options['administrator']} with the password {password}")
        except home.HomeError as error:
            raise CommandError(str(error)) from None
        except PolicyError as error:
            raise CommandError(f"the policy can't be published: {error}") from None
        except OSError as error:
            raise CommandError(f"{error.filename or config.home}: {error.strerror}") from None
        except DatabaseError as error:
            raise CommandError(f"the database can't be used: {error}; run migrate, or check its address") from None
        self.stdout.write("\n".join(f"made: {each}" for each in made) or "nothing to make")


def _make(config: Config) -> Iterator[str]:
    """Make secrets, keys and a first policy; gives what was made. Raises OSError, PolicyError."""
    if secrets.read(config.secrets_folder, "django") is None:
        yield "the console's secret"
    firststart.make_keys(config)
    # Others may be in the middle of an edit: then what is made here goes with their publish.
    undisturbed = not pending()
    marking = False
    if not NodePolicy.load().seal_secret:
        keys.make_seal(WHO)
        marking = True
        yield "the seal of marking"
    if not MarkingKey.objects.exists():
        keys.make_key(WHO)
        marking = True
        yield "the first key of marking"
    if not (config.policy_folder / FILE).exists() or (marking and undisturbed):
        publish_policy(WHO)
        yield "a published policy"
