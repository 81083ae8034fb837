"""Which part of the policy holds for an address, a client or an account.

A snapshot is data; this compiles it once into look-ups, so that a transaction pays for dictionaries only.
"""

import datetime
import ipaddress
from collections.abc import Iterable, Mapping

import msgspec

from gateway.backscatter import batv
from gateway.mail.address import Address, AddressError, parse_mailbox
from gateway.mail.client import Client
from gateway.policy.aliases import MAX_ALIASES, with_detail
from gateway.policy.effect import enforced, has_copies, in_effect, wanted
from gateway.policy.learned import NOTHING, Learned, NeverTag, Stage
from gateway.policy.recipients import ALWAYS_DELIVERABLE, RecipientList
from gateway.policy.snapshot import (
    DomainPolicy,
    Forwarder,
    ListVerdict,
    Mode,
    RecipientPolicy,
    Route,
    Rules,
    Snapshot,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Match(msgspec.Struct, frozen=True):
    """What the policy says of one address of ours. ``known`` is whether the recipient list has it.

    ``mailbox`` is the address that the next hop is told: without a BATV tag of ours, and where it is an alias, the
    address that its mail is for, whose domain and rules these are. ``entry`` is what the list says of it.
    """

    domain_key: str
    domain: DomainPolicy
    rules: Rules
    known: bool
    mailbox: Address
    entry: RecipientPolicy | None = None


class Policy:
    """A snapshot with its look-ups, and what was learned. Immutable: a transaction keeps what it started with.

    ``wanted`` has on what any domain or recipient has on; ``enforced`` names the checks that all of them enforce, so
    that the answer need not wait for a recipient. ``copies`` says whether anybody gets copies of what is delivered.
    """

    def __init__(self, snapshot: Snapshot, learned: Learned = NOTHING) -> None:
        """Compile a snapshot that the codec has found valid; ``learned`` sets the stages of its guided domains."""
        self.snapshot = snapshot
        self.learned = learned
        self.revision = snapshot.revision
        self._domains = {name: in_effect(domain, learned, name) for name, domain in snapshot.domains.items()}
        self._lists = {name: RecipientList(domain) for name, domain in self._domains.items()}
        self._outbound = _networks(snapshot.outbound.networks)
        self._mended = _networks(snapshot.normalise_line_ends)
        self._listed: dict[int, tuple[tuple[str, Network], ...]] = {}
        self._on: dict[int, tuple[Rules, frozenset[str]]] = {}
        self._never_tag = frozenset(each.lower() for each in snapshot.marking.never_tag)
        self._marks = bool(snapshot.marking.keys)
        self._allowed = _networks(snapshot.clients.allowed)
        self._blocked = _networks(snapshot.clients.blocked)
        self.wanted = Rules(checks=wanted(self._domains.values()))
        self.copies = has_copies(snapshot)
        self.enforced = frozenset[str]() if snapshot.observe else enforced(self._domains.values())
        self._forwarders = [(name, _networks(each.networks)) for name, each in snapshot.forwarders.items()]

    def match(self, address: Address) -> Match | None:
        """Give what holds for an address of ours, or None where the domain is not ours.

        The bare ``postmaster`` belongs to the first domain. A tag of ours is left out first, an alias is followed.
        """
        address = self.plain(address)
        if not address.domain:
            key = next(iter(self.snapshot.domains), "")
            address = Address(address.local, key, f"{address.key}@{key}")
        found = self._match(address)
        if found is None or found.entry is None or not found.entry.alias:
            return found
        return self._follow(found)

    def _match(self, address: Address) -> Match | None:
        """Give what holds for an address, without following an alias."""
        local, _, key = address.key.rpartition("@")
        domain = self._domains.get(key)
        if domain is None:
            return None
        entry = domain.recipients.get(local)
        if entry is None and local not in ALWAYS_DELIVERABLE and (listed := self._lists[key].find(local)):
            entry = listed.entry
            if entry.alias and listed.detail:
                entry = msgspec.structs.replace(entry, alias=with_detail(entry.alias, listed.detail, self._domains))
        rules = entry.rules if entry is not None and entry.rules is not None else domain.rules
        return Match(key, domain, rules, entry is not None or local in ALWAYS_DELIVERABLE, address, entry)

    def _follow(self, found: Match) -> Match:
        """Give what holds for the address that an alias's mail is for; the alias itself, unknown, if there is none."""
        start = found
        for _ in range(MAX_ALIASES + 1):
            if found.entry is None or not found.entry.alias:
                return found
            try:
                target = self._match(parse_mailbox(found.entry.alias))
            except AddressError:
                break
            if target is None:
                break
            if target.mailbox.key == found.mailbox.key:  # a pattern that takes in its own target
                return found
            found = target
        return msgspec.structs.replace(start, known=False)

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

    def is_spared(self, client: Client) -> bool:
        """Whether no check of the client's address, name or SPF counts: a trusted forwarder, or an allowed network."""
        return bool(client.forwarder) or (
            bool(self._allowed) and _holds(self._allowed, ipaddress.ip_address(client.ip))
        )

    def is_blocked(self, ip: str) -> bool:
        """Whether the address lies in a network that is refused."""
        return bool(self._blocked) and _holds(self._blocked, ipaddress.ip_address(ip))

    def networks_of(self, senders: Mapping[str, ListVerdict]) -> tuple[tuple[str, Network], ...]:
        """Give the entries of a list of senders of this policy that are networks; they are looked for once."""
        known = self._listed.get(id(senders))  # the snapshot holds the list as long as this lives
        if known is None:
            known = self._listed[id(senders)] = tuple(
                (text, network) for text in senders if (network := _network(text)) is not None
            )
        return known

    def names_on(self, rules: Rules) -> frozenset[str]:
        """Give the names of the checks that rules have on; those of this policy are looked through once."""
        known = self._on.get(id(rules))
        if known is None or known[0] is not rules:
            on = frozenset(name for name, rule in rules.checks.items() if rule.mode is not Mode.OFF)
            self._on[id(rules)] = known = (rules, on)
        return known[1]

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


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Parse networks in CIDR form."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _network(text: str) -> Network | None:
    """Parse what may be a network; None where it is none."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _holds(networks: Iterable[Network], address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether one of the networks holds the address."""
    return any(address.version == network.version and address in network for network in networks)
