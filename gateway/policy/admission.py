"""What must hold of the policy of the door: who may speak, from whom, to whom, and how much may leave. Pure."""

import math
from collections.abc import Collection, Iterator

from gateway.mail.decisions import Action
from gateway.policy.aliases import Ways
from gateway.policy.location import Place
from gateway.policy.recipients import takes_everyone
from gateway.policy.snapshot import (
    ClientRules,
    DnsList,
    DomainPolicy,
    Greylisting,
    Ldap,
    ListKind,
    Outbound,
    SendingLimits,
    Snapshot,
    TlsLevel,
    Validation,
)
from gateway.policy.wellformed import (
    Fault,
    alias_fault,
    code_fault,
    domain_fault,
    entry_fault,
    ldap_filter_fault,
    ldap_url_fault,
    limit_fault,
    network_fault,
    network_faults,
    probe_fault,
    secret_fault,
)

_DOWN = (Action.DEFER, Action.DELIVER)
_COUNTED = (
    "connections_per_minute",
    "messages_per_hour",
    "network_connections_per_minute",
    "network_messages_per_hour",
    "unknown_per_hour",
    "null_sender_per_hour",
)
# Field: lowest and highest value that make sense.
CLIENT_BOUNDS: dict[str, tuple[float, float]] = {
    "greet_delay": (0, 60),
    "ipv4_prefix": (8, 32),
    "ipv6_prefix": (16, 64),
    **dict.fromkeys(_COUNTED, (0, 10_000)),
}
GREYLISTING_BOUNDS: dict[str, tuple[float, float]] = {
    "delay": (0, 86_400),
    "window_hours": (0.1, 720),
    "lasts_days": (0.1, 365),
}
SENDING_BOUNDS: dict[str, tuple[float, float]] = {
    "hours": (0.1, 168),
    **dict.fromkeys(("messages", "recipients", "refused", "senders"), (0, 10_000)),
}
VOID_LIMITS = (0, 10)
LDAP_SECONDS = (0.1, 60)


def faults(snapshot: Snapshot) -> Iterator[Fault]:
    """Give everything that is wrong with this side of a snapshot."""
    yield from client_faults(snapshot.clients)
    for zone, each in snapshot.dns_lists.items():
        yield from dns_list_faults(zone, each, ("dns_lists", zone))
    yield from _senders(snapshot.senders, ("senders",))
    yield from greylisting_faults(snapshot.greylisting)
    for at, sealer in enumerate(snapshot.arc_sealers):
        if wrong := domain_fault(sealer):
            yield Fault(("arc_sealers", at), *wrong)
    if wrong := limit_fault(snapshot.spf_void_limit, *VOID_LIMITS):
        yield Fault(("spf_void_limit",), f"spf_void_limit: {wrong[0]}", wrong[1])
    yield from outbound_faults(snapshot.outbound, snapshot.accounts)
    for name, domain in snapshot.domains.items():
        yield from domain_faults(domain, ("domains", name))
    yield from _aliases(snapshot)


def open_domains(snapshot: Snapshot, accepting: Collection[str]) -> Iterator[Fault]:
    """Tell of the domains whose unknown users would be accepted, which is how backscatter begins.

    ``accepting`` holds the domains whose next hop was found to accept everyone. A domain that says in so many words
    that this may be is left alone.
    """
    for name, domain in snapshot.domains.items():
        if name in accepting and takes_unknown(domain) and not domain.accepts_everyone:
            yield Fault(
                ("domains", name, "accept_unknown" if domain.accept_unknown else "validation"),
                f"nobody knows the recipients of {name}: its next hop accepts everyone, and bounces later",
                "list the recipients, let the next hop refuse unknown ones and probe it again (Test a recipient on the "
                "domain's page, or the command probe), or say in accepts_everyone why this may be",
            )


def takes_unknown(domain: DomainPolicy) -> bool:
    """Whether a recipient that no list and no directory knows is left to the next hop."""
    if domain.accept_unknown or Validation.NEXT_HOP in domain.validation:
        return True
    return takes_everyone(domain.recipients)


def _bounds(part: object, bounds: dict[str, tuple[float, float]], place: Place) -> Iterator[Fault]:
    """Check numbers against their bounds."""
    for field, (lowest, highest) in bounds.items():
        if wrong := limit_fault(getattr(part, field), lowest, highest):
            yield Fault((*place, field), f"{field}: {wrong[0]}", wrong[1])


def client_faults(clients: ClientRules) -> Iterator[Fault]:
    """Check what holds for clients."""
    place: Place = ("clients",)
    yield from network_faults(clients.allowed, (*place, "allowed"))
    yield from network_faults(clients.blocked, (*place, "blocked"))
    for text in clients.blocked:
        if text in clients.allowed:
            yield Fault((*place, "blocked"), f"{text} is both allowed and blocked", "keep one of the two")
    yield from _bounds(clients, CLIENT_BOUNDS, place)


def dns_list_faults(zone: str, each: DnsList, place: Place) -> Iterator[Fault]:
    """Check one DNS list."""
    if wrong := domain_fault(zone):
        yield Fault(place, *wrong)
    if not each.codes:
        yield Fault((*place, "codes"), "the list has no return codes", "give at least one, as 127.0.0.2: 4")
    for code, points in each.codes.items():
        if wrong := code_fault(code):
            yield Fault((*place, "codes", code), *wrong)
        if not math.isfinite(points):
            yield Fault((*place, "codes", code), f"{points} points can't be added up", "give a number")
        elif points < 0 and each.kind is not ListKind.ALLOW:
            reason = f"{points:g} points would speak for a client that the list blocks"
            yield Fault((*place, "codes", code), reason, "give a number from 0 on, or kind allow")
    for field in ("listed", "unlisted"):
        if wrong := probe_fault(getattr(each, field)):
            yield Fault((*place, field), *wrong)


def _senders(senders: Collection[str], place: Place) -> Iterator[Fault]:
    """Check one list of senders."""
    for who in senders:
        if wrong := entry_fault(who):
            yield Fault((*place, who), *wrong)


def greylisting_faults(times: Greylisting) -> Iterator[Fault]:
    """Check the times of greylisting."""
    place: Place = ("greylisting",)
    wrong = list(_bounds(times, GREYLISTING_BOUNDS, place))
    yield from wrong
    if not wrong and times.delay >= times.window_hours * 3600:
        reason = f"nobody can come back: after {times.delay:g} s the window of {times.window_hours:g} h is over"
        yield Fault((*place, "window_hours"), reason, "shorten delay, or lengthen window_hours")


def outbound_faults(outbound: Outbound, accounts: Collection[str]) -> Iterator[Fault]:
    """Check the limits of what may leave."""
    place: Place = ("outbound",)
    for field in ("per_account", "per_client", "per_domain"):
        yield from sending_faults(getattr(outbound, field), (*place, field))
    for name, limits in outbound.limits_of.items():
        yield from limit_faults(name, limits, accounts, (*place, "limits_of", name))


def limit_faults(name: str, limits: SendingLimits, accounts: Collection[str], place: Place = ()) -> Iterator[Fault]:
    """Check the limits of one account, client or domain."""
    if name not in accounts and network_fault(name) and domain_fault(name):
        yield Fault(place, f"{name!r} is no account, client or domain", "give a login, an address or a domain")
    yield from sending_faults(limits, place)


def sending_faults(limits: SendingLimits, place: Place = ()) -> Iterator[Fault]:
    """Check one set of limits."""
    yield from _bounds(limits, SENDING_BOUNDS, place)


def domain_faults(domain: DomainPolicy, place: Place) -> Iterator[Fault]:
    """Check how a domain knows its recipients, and its lists of senders."""
    for at, method in enumerate(domain.validation):
        if method in domain.validation[:at]:
            yield Fault((*place, "validation", at), f"{method} stands here twice", "name each method once")
    if Validation.LDAP in domain.validation and domain.ldap is None:
        yield Fault((*place, "validation"), "ldap has no settings", "give ldap with url and base, or leave it out")
    if domain.validation_down not in _DOWN:
        reason = f"validation_down can't be {domain.validation_down}"
        yield Fault((*place, "validation_down"), reason, f"use {' or '.join(_DOWN)}")
    if domain.plus and (len(domain.plus) > 1 or domain.plus not in "+-=_#!~%&*/|$?^{}`'"):
        yield Fault((*place, "plus"), f"{domain.plus!r} can't part a detail", "use one sign, as + or -, or nothing")
    if domain.ldap is not None:
        yield from _ldap(domain.ldap, (*place, "ldap"))
    yield from _senders(domain.senders, (*place, "senders"))
    for local, recipient in domain.recipients.items():
        if recipient.senders:
            yield from _senders(recipient.senders, (*place, "recipients", local, "senders"))


def _ldap(ldap: Ldap, place: Place) -> Iterator[Fault]:
    """Check a directory's settings."""
    if wrong := ldap_url_fault(ldap.url):
        yield Fault((*place, "url"), *wrong)
    if wrong := ldap_filter_fault(ldap.filter):
        yield Fault((*place, "filter"), *wrong)
    if ldap.tls is TlsLevel.MAY or (ldap.tls is TlsLevel.NEVER and ldap.url.startswith("ldaps:")):
        yield Fault((*place, "tls"), f"tls can't be {ldap.tls} here", "use verified, must, or never with ldap://")
    if wrong := limit_fault(ldap.seconds, *LDAP_SECONDS):
        yield Fault((*place, "seconds"), f"seconds: {wrong[0]}", wrong[1])
    if ldap.bind and not ldap.secret:
        yield Fault((*place, "bind"), "a bind name without a secret", "name the secret that holds the password")
    if ldap.secret and (wrong := secret_fault(ldap.secret)):
        yield Fault((*place, "secret"), *wrong)


def _aliases(snapshot: Snapshot) -> Iterator[Fault]:
    """Check that each alias leads to an address of ours, and to an end."""
    ways = Ways(snapshot.domains)
    for name, domain in snapshot.domains.items():
        for local, recipient in domain.recipients.items():
            alias = recipient.alias
            if not alias:
                continue
            place: Place = ("domains", name, "recipients", local, "alias")
            if wrong := alias_fault(alias):
                yield Fault(place, *wrong)
            elif alias.rpartition("@")[2] not in snapshot.domains:
                reason = f"{alias} is no address of ours: mail is never forwarded to others"
                yield Fault(place, reason, "name an address of a domain that stands here")
            elif wrong := ways.fault(name, local):
                yield Fault(place, *wrong)
