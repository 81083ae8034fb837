"""Which part of the policy holds for an address, a client or an account.

A snapshot is data; this compiles it once into look-ups, so that a transaction pays for dictionaries only.
"""

import datetime
import ipaddress
from collections.abc import Iterable

import msgspec

from gateway.backscatter import batv
from gateway.mail.address import Address, AddressError, parse_mailbox
from gateway.policy.learned import FORGED, NOTHING, Learned, NeverTag, Stage
from gateway.policy.snapshot import DomainPolicy, Forwarder, RecipientPolicy, Route, Rules, Snapshot

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# RFC 5321 4.5.1 and RFC 2142: these two reach a person whatever the recipient list says.
ALWAYS_DELIVERABLE = frozenset({"postmaster", "abuse"})


class Match(msgspec.Struct, frozen=True):
    """What the policy says of one address of ours. ``known`` is whether the recipient list has it."""

    domain_key: str
    domain: DomainPolicy
    rules: Rules
    known: bool


class Policy:
    """A snapshot with its look-ups, and what was learned. Immutable: a transaction keeps what it started with."""

    def __init__(self, snapshot: Snapshot, learned: Learned = NOTHING) -> None:
        """Compile a snapshot that the codec has found valid; ``learned`` sets the stages of its guided domains."""
        self.snapshot = snapshot
        self.learned = learned
        self.revision = snapshot.revision
        self._domains = {name: _staged(domain, learned, name) for name, domain in snapshot.domains.items()}
        self._outbound = _networks(snapshot.outbound.networks)
        self._mended = _networks(snapshot.normalise_line_ends)
        self._never_tag = frozenset(each.lower() for each in snapshot.marking.never_tag)
        self._marks = bool(snapshot.marking.keys)
        self._forwarders = [(name, _networks(each.networks)) for name, each in snapshot.forwarders.items()]

    def match(self, address: Address) -> Match | None:
        """Give what holds for an address of ours, or None where the domain is not ours.

        The bare ``postmaster`` belongs to the first domain. A tag of ours is left out first.
        """
        address = self.plain(address)
        key = address.domain_key if address.domain else next(iter(self.snapshot.domains), "")
        domain = self._domains.get(key)
        if domain is None:
            return None
        local = address.key.rpartition("@")[0] if address.domain else address.key
        recipient = domain.recipients.get(local)
        rules = recipient.rules if recipient is not None and recipient.rules is not None else domain.rules
        return Match(key, domain, rules, recipient is not None or local in ALWAYS_DELIVERABLE)

    def plain(self, address: Address) -> Address:
        """Give an address of ours without its BATV tag, whatever that is worth; every other address as it is.

        Where we have no keys, tags are somebody else's, such as our own mail server's: they stay.
        """
        if not (self._marks and address.local[:5].lower() == "prvs=" and address.domain_key in self.snapshot.domains):
            return address
        stripped = batv.without_tag(str(address))
        try:
            return address if stripped == str(address) else parse_mailbox(stripped)
        except AddressError:
            return address  # what was tagged is no address, so that it is nobody's

    def is_never_tagged(self, address: Address, now: float) -> bool:
        """Whether mail to this destination keeps its sender as it is: by policy, or as was learned."""
        if self._never_tag and (address.key in self._never_tag or address.domain_key in self._never_tag):
            return True
        return self.learned_never_tag(address, now) is not None

    def learned_never_tag(self, address: Address, now: float) -> NeverTag | None:
        """Give what was learned of a destination that refuses tags, where it has not expired."""
        known = self.learned.never_tag
        entry = (known.get(address.key) or known.get(address.domain_key)) if known else None
        return entry if entry is not None and now < entry.expires else None

    def is_ours(self, domain_key: str) -> bool:
        """Whether a domain, in its look-up form, is one of ours."""
        return domain_key in self.snapshot.domains

    def stage_words(self, domain_key: str) -> str:
        """Say at which stage a guided domain is, citing the entry; empty where the domain is not guided."""
        domain = self.snapshot.domains.get(domain_key)
        if domain is None or not domain.guided:
            return ""
        entry = self.learned.stages.get(domain_key)
        if entry is None:
            return f"{domain_key} is guided, and at stage {Stage.OBSERVE}"
        since = datetime.datetime.fromtimestamp(entry.since, datetime.UTC).date()
        return f"{domain_key} is at stage {entry.stage} since {since}, entry {entry.number} of what was learned"

    def route(self, name: str) -> Route | None:
        """Give a route by its name."""
        return self.snapshot.routes.get(name)

    def forwarder_of(self, ip: str) -> str:
        """Give the name of the trusted forwarder that the address belongs to, or an empty string."""
        if not self._forwarders:
            return ""
        address = ipaddress.ip_address(ip)
        return next((name for name, networks in self._forwarders if _holds(networks, address)), "")

    def forwarder(self, name: str) -> Forwarder | None:
        """Give a trusted forwarder by its name."""
        return self.snapshot.forwarders.get(name) if name else None

    def may_send_without_auth(self, ip: str) -> bool:
        """Whether the address lies in the networks that may send outbound mail without AUTH."""
        return bool(self._outbound) and _holds(self._outbound, ipaddress.ip_address(ip))

    def mends_line_ends(self, ip: str) -> bool:
        """Whether bare CR and LF from this address are mended instead of refused."""
        return bool(self._mended) and _holds(self._mended, ipaddress.ip_address(ip))

    def may_send_as(self, login: str, sender: Address) -> bool:
        """Whether an account may use a sender address: listed itself, or by ``*@domain``."""
        account = self.snapshot.accounts.get(login)
        if account is None:
            return False
        listed = {address.lower() for address in account.addresses}
        return sender.key in listed or f"*@{sender.domain_key}" in listed


def _staged(domain: DomainPolicy, learned: Learned, name: str) -> DomainPolicy:
    """Give a domain's policy with the stage that it has come to, where it is guided."""
    if not domain.guided:
        return domain
    entry = learned.stages.get(name)
    stage = entry.stage if entry is not None else Stage.OBSERVE
    recipients = {
        local: each if each.rules is None else RecipientPolicy(_at_stage(each.rules, stage))
        for local, each in domain.recipients.items()
    }
    return msgspec.structs.replace(domain, rules=_at_stage(domain.rules, stage), recipients=recipients)


def _at_stage(rules: Rules, stage: Stage) -> Rules:
    """Give rules with what a stage makes of forged bounces."""
    rule = rules.checks.get(FORGED)
    if rule is None:
        return rules
    return msgspec.structs.replace(rules, checks={**rules.checks, FORGED: stage.rule(rule)})


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Parse networks in CIDR form."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _holds(networks: Iterable[Network], address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether one of the networks holds the address."""
    return any(address.version == network.version and address in network for network in networks)
