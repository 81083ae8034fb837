"""``manage.py probe``: what the next hop says to a recipient that nobody has, or to one that is named."""

from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.delivery import trial
from gateway.delivery.trial import Answer, Trial
from gateway.mail.address import AddressError, parse_mailbox
from gateway.operations import building, probe
from gateway.policy.snapshot import Snapshot

_WORDS = {
    Answer.ACCEPTS: "accepts everyone: what it finds unknown later, it bounces to strangers",
    Answer.REFUSES: "refuses unknown recipients, as it should",
    Answer.TEMPORARY: "does not say for now; try again",
    Answer.UNREACHABLE: "can't be asked; see doctor",
}


class Command(BaseCommand):
    """Tries a recipient at a domain's next hop, or at a route's. Nothing is delivered."""

    help = (
        "Open a transaction with each next hop of a domain, or of a route, name a recipient, and end it before DATA. "
        "Without --recipient nobody has it, so that a next hop which accepts everyone is found out. Fails where no "
        "host gives a definite answer, and where one takes a recipient that nobody has."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("domain", metavar="DOMAIN", nargs="?", default="", help="a domain of the policy")
        parser.add_argument(
            "--route", default="", metavar="R", help="a route, with --recipient, or DOMAIN to make one up"
        )
        parser.add_argument("--recipient", default="", metavar="A", help="the address to name")
        parser.add_argument("--json", action="store_true", help="print one JSON object a host")

    def handle(self, *_: Any, **options: Any) -> None:
        """Try it. Raises CommandError."""
        domain, recipient = options["domain"].lower(), options["recipient"]
        snapshot = building.build(0, "")
        if recipient:
            try:
                address = parse_mailbox(recipient)
            except AddressError as error:
                raise CommandError(f"--recipient {recipient}: {error}; write user@domain") from None
            domain = domain or address.domain_key
        trials = _tried(snapshot, domain, options["route"], recipient)
        for each in trials:
            self._tell(each, as_json=options["json"], anybody=not recipient)
        found = trial.summed_up(trials)
        if found is None or found.answer not in probe.DEFINITE or (not recipient and found.answer is Answer.ACCEPTS):
            raise SystemExit(1)

    def _tell(self, each: Trial, *, as_json: bool, anybody: bool) -> None:
        """Print what one host said."""
        if as_json:
            self.stdout.write(msgspec.json.encode(each).decode())
            return
        words = _WORDS[each.answer] if anybody or each.answer not in probe.DEFINITE else each.answer.value
        self.stdout.write(f"{each.host} {words}")
        for step in each.dialogue:
            self.stdout.write(f"  {step.said}: {step.answer}")


def _tried(snapshot: Snapshot, domain: str, route_name: str, recipient: str) -> list[Trial]:
    """Try the recipient. Raises CommandError."""
    if not route_name and domain not in snapshot.domains:
        which = ", ".join(snapshot.domains) or "none yet"
        trouble = f"{domain} is none of the policy's domains" if domain else "nothing is named"
        raise CommandError(f"{trouble}; name one of them ({which}), or --route")
    if not route_name and not recipient:
        return probe.probe_domains(snapshot, [domain]).get(domain, [])
    name = route_name or snapshot.domains[domain].route
    route = snapshot.routes.get(name)
    if route is None:
        raise CommandError(f"there is no route {name!r}; there are: {', '.join(snapshot.routes) or 'none'}")
    if not recipient:
        domain = domain or next((each for each, its in snapshot.domains.items() if its.route == name), "")
        if not domain:
            raise CommandError(f"no domain uses the route {name}; name a DOMAIN, or a --recipient")
    return probe.try_recipient(route, recipient or probe.nobody(domain))
