"""What types can't say about a policy: that its parts fit together. Pure; it looks nothing up outside the snapshot."""

import datetime
import re
from collections.abc import Collection, Iterator

from gateway.mail.decisions import Action
from gateway.policy import actions, admission
from gateway.policy.defaults import CHECKS
from gateway.policy.learned import FORGED
from gateway.policy.location import Place
from gateway.policy.snapshot import Account, DomainPolicy, Forwarder, Marking, Mode, Route, Rules, Snapshot
from gateway.policy.wellformed import (
    Fault,
    destination_fault,
    domain_fault,
    host_fault,
    local_part_fault,
    network_faults,
    secret_fault,
    sender_fault,
    threshold_fault,
)

_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")
_PORTS = range(1, 65536)
_FORWARDER_ACTIONS: dict[str, tuple[Action, ...]] = {
    "unknown_recipient": (Action.DROP, Action.DEFER),
    "virus": (Action.DROP, Action.QUARANTINE),
    "other": (Action.QUARANTINE, Action.DROP),
}
_OBSERVE_ONLY = frozenset({"batv"})  # what it finds at RCPT is no verdict: call-outs would be refused
_ON_FAILURE = (Action.DEFER, Action.DELIVER)


def faults(snapshot: Snapshot, checks: Collection[str]) -> Iterator[Fault]:
    """Give everything that is wrong with a snapshot whose types are right. ``checks`` holds all check names."""
    if snapshot.revision < 1:
        yield Fault(("revision",), f"revision {snapshot.revision} is none", "revisions count from 1")
    if snapshot.max_size < 1:
        yield Fault(("max_size",), "max_size is below 1 octet", "give it in octets, as 26214400")
    yield from network_faults(snapshot.normalise_line_ends, ("normalise_line_ends",))
    for name, route in snapshot.routes.items():
        yield from _route(route, ("routes", name))
    for name, domain in snapshot.domains.items():
        yield from _domain(name, domain, snapshot.routes, checks)
    for name, forwarder in snapshot.forwarders.items():
        yield from _forwarder(forwarder, ("forwarders", name))
    for login, account in snapshot.accounts.items():
        yield from _account(account, ("accounts", login))
    yield from _marking(snapshot.marking)
    outbound = snapshot.outbound
    yield from network_faults(outbound.networks, ("outbound", "networks"))
    if outbound.route:
        yield from _route_exists(outbound.route, snapshot.routes, ("outbound", "route"))
    yield from _rules(outbound.rules, ("outbound", "rules"), checks)
    yield from admission.faults(snapshot)
    yield from actions.faults(snapshot)  # the last: it looks addresses up in a policy that is right otherwise


def guided_fault(mode: str, action: str) -> tuple[str, str] | None:
    """Say what is wrong with a rule for forged bounces where the domain is guided, and the remedy, or None."""
    base = CHECKS[FORGED]
    if (mode, action) == (base.mode, base.action):
        return None
    return (
        f"the domain is guided, so that mode and action of {FORGED} would say nothing",
        "leave them, or set guided off",
    )


def _is_day(text: str) -> bool:
    """Whether it is a day in ISO form."""
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _marking(marking: Marking) -> Iterator[Fault]:
    """Check how mail that leaves is marked."""
    for at, key in enumerate(marking.keys):
        if key.number not in range(10):
            yield Fault(("marking", "keys", at, "number"), f"{key.number} is no number of a key", "use 0 to 9")
        yield from _secret(key.secret, ("marking", "keys", at, "secret"))
    if marking.seal:
        yield from _secret(marking.seal, ("marking", "seal"))
    for at, text in enumerate(marking.never_tag):
        if wrong := destination_fault(text):
            yield Fault(("marking", "never_tag", at), *wrong)


def _route_exists(name: str, routes: Collection[str], place: Place) -> Iterator[Fault]:
    """Check that a route that something refers to is there."""
    if name not in routes:
        there = f"name one of {', '.join(sorted(routes))}, or add it" if routes else "add a route of that name"
        yield Fault(place, f"there is no route {name!r}", there)


def _secret(id: str, place: Place) -> Iterator[Fault]:  # noqa: A002 - the field's word
    """Check that a secret's id can be the name of a file."""
    if wrong := secret_fault(id):
        yield Fault(place, *wrong)


def _route(route: Route, place: Place) -> Iterator[Fault]:
    """Check one route."""
    if not route.hosts:
        yield Fault((*place, "hosts"), "the route has no next hop", "give at least one host")
    for at, hop in enumerate(route.hosts):
        if wrong := host_fault(hop.host):
            yield Fault((*place, "hosts", at, "host"), *wrong)
        if hop.port not in _PORTS:
            yield Fault((*place, "hosts", at, "port"), f"{hop.port} is no port", "give one from 1 to 65535")
    if route.username and not route.secret:
        yield Fault((*place, "username"), "a username without a secret", "name the secret that holds the password")
    if route.secret:
        yield from _secret(route.secret, (*place, "secret"))


def _domain(name: str, domain: DomainPolicy, routes: Collection[str], checks: Collection[str]) -> Iterator[Fault]:
    """Check one domain with its recipients."""
    place: Place = ("domains", name)
    if wrong := domain_fault(name):
        yield Fault(place, *wrong)
    yield from _route_exists(domain.route, routes, (*place, "route"))
    yield from _rules(domain.rules, (*place, "rules"), checks)
    if domain.marks_since and not _is_day(domain.marks_since):
        yield Fault((*place, "marks_since"), f"{domain.marks_since!r} is no day", "write it as 2026-11-21")
    if domain.switch_on and not _is_day(domain.switch_on):
        yield Fault((*place, "switch_on"), f"{domain.switch_on!r} is no day", "write it as 2026-11-21")
    if domain.dkim is not None:
        if not _SELECTOR.fullmatch(domain.dkim.selector):
            wrong_one = f"{domain.dkim.selector!r} is no selector"
            yield Fault((*place, "dkim", "selector"), wrong_one, "use letters, digits, dashes and dots")
        yield from _secret(domain.dkim.secret, (*place, "dkim", "secret"))
    for local, recipient in domain.recipients.items():
        if wrong := local_part_fault(local):
            yield Fault((*place, "recipients", local), *wrong)
        if recipient.rules is not None:
            yield from _rules(recipient.rules, (*place, "recipients", local, "rules"), checks)


def _forwarder(forwarder: Forwarder, place: Place) -> Iterator[Fault]:
    """Check one trusted forwarder."""
    if not forwarder.networks:
        yield Fault((*place, "networks"), "the forwarder has no networks", "give at least one, or remove it")
    yield from network_faults(forwarder.networks, (*place, "networks"))
    for field, allowed in _FORWARDER_ACTIONS.items():
        action = getattr(forwarder, field)
        if action not in allowed:
            yield Fault((*place, field), f"{field} can't be {action}", f"use {' or '.join(allowed)}")


def _account(account: Account, place: Place) -> Iterator[Fault]:
    """Check one account."""
    yield from _secret(account.secret, (*place, "secret"))
    for at, address in enumerate(account.addresses):
        if wrong := sender_fault(address):
            yield Fault((*place, "addresses", at), *wrong)


def _rules(rules: Rules, place: Place, checks: Collection[str]) -> Iterator[Fault]:
    """Check one set of rules."""
    if wrong := threshold_fault(rules.thresholds):
        name, reason, remedy = wrong
        yield Fault((*place, "thresholds", name), reason, remedy)
    for name, rule in rules.checks.items():
        if name not in checks:
            yield Fault(
                (*place, "checks", name), f"there is no check {name!r}", f"known are {', '.join(sorted(checks))}"
            )
        if name in _OBSERVE_ONLY and rule.mode not in {Mode.OFF, Mode.OBSERVE}:
            yield Fault((*place, "checks", name, "mode"), f"the check {name} only observes", "use off or observe")
        if rule.on_failure not in _ON_FAILURE:
            yield Fault(
                (*place, "checks", name, "on_failure"),
                f"on_failure can't be {rule.on_failure}",
                f"use {' or '.join(_ON_FAILURE)}",
            )
