"""Finds out next hops that accept everyone, by a recipient that nobody has; and tries any recipient on request.

A domain that leaves unknown recipients to such a next hop would send bounces to strangers: it is not published unless
it says in so many words that this may be. A next hop that can't be asked stops nobody: it is asked again until it is
known, and the administrator is told.
"""

import asyncio
import secrets as randomness
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from gateway.delivery import trial
from gateway.delivery.opening import label
from gateway.delivery.trial import Answer, Question, Step, Trial
from gateway.mail.address import Address
from gateway.models import Domain, RecipientProbe
from gateway.operations import alarms, columns
from gateway.policy.admission import takes_unknown
from gateway.policy.matching import Match, Policy
from gateway.policy.recipients import forms, methods
from gateway.policy.snapshot import DomainPolicy, Ldap, NextHop, Route, Snapshot, Validation
from gateway.policy.wellformed import domain_fault
from gateway.services import secrets
from gateway.services.ldap import Directory, DirectoryError

AGAIN = timedelta(days=1)  # after which an answer is asked for again
DEFINITE = frozenset({Answer.ACCEPTS, Answer.REFUSES})


def nobody(domain: str) -> str:
    """Give an address that nobody has."""
    return f"nobody{randomness.token_hex(10)}@{domain}"


def try_recipient(route: Route, recipient: str) -> list[Trial]:
    """Try a recipient at each host of a route. What fails is told, not raised."""
    return trial.ask([_question(route, recipient)], settings.CONFIG.name)[0]


def looked_up(snapshot: Snapshot, recipient: Address) -> list[Step]:
    """Say what our own side knows of a recipient, method by method, as RCPT would ask them."""
    match = Policy(snapshot).match(recipient)
    if match is None:
        return [Step("domain", f"{recipient.domain} is none of ours")]
    steps = [Step("its mail is for", str(match.mailbox))] if str(match.mailbox) != str(recipient) else []
    if match.known and match.entry is None:
        return [*steps, Step("always", "postmaster and abuse are deliverable, whatever any list says")]
    for method in methods(match.domain):
        if method is Validation.LIST:
            steps.append(Step("list", "has it" if match.known else "does not have it"))
        elif method is Validation.LDAP and match.domain.ldap is not None:
            steps.append(Step("directory", _directory_says(match.domain.ldap, match)))
        elif method is Validation.NEXT_HOP:
            steps.append(Step("next hop", "says who exists"))
    return steps


def _directory_says(ldap: Ldap, match: Match) -> str:
    """Ask a directory, with nothing remembered."""

    async def ask() -> bool:
        directory = Directory(lambda name: secrets.read(settings.CONFIG.secrets_folder, name))
        try:
            local = match.mailbox.key.rpartition("@")[0]
            asked = tuple(f"{form}@{match.domain_key}" for form in forms(local, match.domain.plus))
            return await directory.has(ldap, asked)
        finally:
            directory.close()

    try:
        return "has it" if asyncio.run(ask()) else "does not have it"
    except DirectoryError as error:
        return f"can't tell: {error}"


def probe_domains(snapshot: Snapshot, names: Iterable[str]) -> dict[str, list[Trial]]:
    """Try a random recipient of each domain at its next hops, all at once, and keep what is definite."""
    wanted = {name: _route(snapshot, snapshot.domains[name]) for name in names if domain_fault(name) is None}
    asked = {name: _question(route, nobody(name)) for name, route in wanted.items() if route is not None}
    found = dict(zip(asked, trial.ask(list(asked.values()), settings.CONFIG.name), strict=True)) if asked else {}
    for name, trials in found.items():
        _keep(name, asked[name].route, trials)
    return found


def unproven(snapshot: Snapshot) -> list[str]:
    """Give the domains that leave unknown recipients to a next hop which is not known to refuse them."""
    return [
        name
        for name, domain in snapshot.domains.items()
        if takes_unknown(domain) and not domain.accepts_everyone and known(snapshot, name) is not False
    ]


def tell_unknown(snapshot: Snapshot) -> None:
    """Raise an alarm for each domain of which a policy has just gone live without an answer of its next hop."""
    _tell(snapshot, [name for name in unproven(snapshot) if known(snapshot, name) is None], {})


def look_again(snapshot: Snapshot, now: datetime | None = None) -> None:
    """Probe what the policy in force leaves to next hops: what is unknown each time, the rest once a day."""
    fresh = set(RecipientProbe.objects.filter(at__gt=(now or timezone.now()) - AGAIN).values_list("domain", flat=True))
    wanted = [
        name
        for name, domain in snapshot.domains.items()
        if takes_unknown(domain) and (name not in fresh or known(snapshot, name) is None)
    ]
    _tell(snapshot, wanted, probe_domains(snapshot, wanted))


def known(snapshot: Snapshot, name: str) -> bool | None:
    """Whether a domain's next hop accepts everyone; None where that is not known of the hosts that it has now."""
    row = RecipientProbe.objects.filter(domain=name).first()
    return row.accepts if row is not None and _is_of(row, snapshot) else None


def told_of(domain: Domain) -> str:
    """Say what is known of a domain's next hop and unknown recipients, in one line."""
    hosts = ", ".join(label(NextHop(hop.host, hop.port)) for hop in domain.route.hosts.all())
    row = RecipientProbe.objects.filter(domain=domain.name).first()
    if row is None or (row.hosts and row.hosts != hosts):
        return "not known yet: no next hop of its route has answered a probe"
    what = "accepts everyone" if row.accepts else "refuses unknown recipients"
    return f"{what}, as of {row.at:%Y-%m-%d %H:%M} UTC ({row.reply})"


def accepting(snapshot: Snapshot) -> set[str]:
    """Give the domains whose next hop, when it was last probed, took a recipient that nobody has."""
    return {row.domain for row in RecipientProbe.objects.filter(accepts=True) if _is_of(row, snapshot)}


def _is_of(row: RecipientProbe, snapshot: Snapshot) -> bool:
    """Whether a probe was of the hosts that the domain's mail goes to now."""
    domain = snapshot.domains.get(row.domain)
    route = _route(snapshot, domain) if domain is not None else None
    return route is not None and (not row.hosts or row.hosts == _hosts(route))


def _tell(snapshot: Snapshot, wanted: Iterable[str], found: dict[str, list[Trial]]) -> None:
    """Raise an alarm for each domain that accepts everyone without saying so, or of which it is not known."""
    for name in wanted:
        if snapshot.domains[name].accepts_everyone:
            continue
        answer = trial.summed_up(found.get(name, ()))
        if answer is not None and answer.answer is Answer.ACCEPTS:
            text = (
                f"the next hop of {name} accepts everyone: unknown recipients would be accepted, and bounced to "
                "strangers; list the recipients, let it refuse unknown ones, or say in accepts_everyone why this may be"
            )
            alarms.raise_alarm(settings.CONFIG.name, text)
        elif (answer is None or answer.answer not in DEFINITE) and known(snapshot, name) is None:
            text = (
                f"whether the next hop of {name} refuses unknown recipients is not known, for it could not be asked; "
                f"it is tried again every hour, and by: backstop probe {name}"
            )
            alarms.raise_alarm(settings.CONFIG.name, text)


def _keep(name: str, route: Route, trials: list[Trial]) -> None:
    """Keep a definite answer; any other says nothing about the one before."""
    answer = trial.summed_up(trials)
    if answer is None or answer.answer not in DEFINITE:
        return
    RecipientProbe.objects.update_or_create(
        domain=name,
        defaults={
            "at": timezone.now(),
            "accepts": answer.answer is Answer.ACCEPTS,
            "reply": columns.text(f"{answer.host}: {answer.reply}", 400),
            "hosts": _hosts(route),
        },
    )


def _question(route: Route, recipient: str) -> Question:
    """Make the question, with the password that the route needs."""
    secret = secrets.read(settings.CONFIG.secrets_folder, route.secret) if route.secret else None
    return Question(route, secret, recipient)


def _route(snapshot: Snapshot, domain: DomainPolicy) -> Route | None:
    """Give a domain's route."""
    return snapshot.routes.get(domain.route)


def _hosts(route: Route) -> str:
    """Name the hosts of a route."""
    return ", ".join(label(hop) for hop in route.hosts)
