"""The trusted forwarders."""

from collections.abc import Iterator

from gateway.config import Config
from gateway.mail.decisions import Action
from gateway.models import Forwarder
from gateway.operations.doctor.result import Result, ok, warn


def validate(_config: Config) -> Iterator[Result]:
    """Remind of what a forwarder does to strangers when it takes every recipient."""
    rows = list(Forwarder.objects.all())
    if not rows:
        yield ok("forwarders", "none is trusted")
    for row in rows:
        fate = "dropped, on record" if row.unknown_recipient == Action.DROP else "deferred"
        yield warn(
            f"forwarder {row.name}",
            f"whether it knows our recipients can't be seen from here; its mail to others is {fate}",
            "let it validate recipients itself, or it will bounce to strangers",
        )
