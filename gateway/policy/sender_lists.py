"""The lists of senders: which entries of a recipient's, its domain's and the node's list hold for a message. Pure.

An entry names an address, a domain, a domain with all below it (``.example.org``), or a network. What an entry is worth
is another question: ``precedence`` answers it.
"""

import enum
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from gateway.backscatter import batv
from gateway.mail.address import Address, AddressError, parse_mailbox
from gateway.policy.matching import Match, Policy
from gateway.policy.snapshot import ListVerdict

# Sender rewriting: the address that a forwarder's stands for, once or twice removed.
_SRS = (
    re.compile(r"srs0[=+-][^=]+=[^=]+=(?P<domain>[^=]+)=(?P<local>.+)", re.IGNORECASE),
    re.compile(r"srs1[=+-][^=]+=[^=]+==[^=]+=[^=]+=(?P<domain>[^=]+)=(?P<local>.+)", re.IGNORECASE),
)
# One mailbox and nothing else: what is odder than this is no address that a list could mean.
_FROM = re.compile(r"(?:[^<>@,:;]*<(?P<bracketed>[^<>\s,]+)>|(?P<bare>[^<>\s,:;]+))\s*")
_LONGEST = 998  # characters: a line (RFC 5322 2.1.1), and less than a trace keeps
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


class Scope(enum.StrEnum):
    """Whose list it is. The first beats the second, the second the third."""

    RECIPIENT = "recipient"
    DOMAIN = "domain"
    NODE = "node"

    @property
    def words(self) -> str:
        """Name the list in a sentence."""
        return _WORDS[self]


_WORDS = {
    Scope.RECIPIENT: "the recipient's own list",
    Scope.DOMAIN: "the domain's list",
    Scope.NODE: "the node's list",
}


class Identity(enum.StrEnum):
    """What of the message an entry is about."""

    SENDER = "sender"  # of the envelope
    FROM = "from"  # of the header
    CLIENT = "client"


class Name(msgspec.Struct, frozen=True):
    """One address of the message that entries may be about, in look-up form."""

    identity: Identity
    key: str


class Entry(msgspec.Struct, frozen=True):
    """An entry that holds for a message: whose list, what it says, and the address of the message that it is about."""

    scope: Scope
    text: str
    verdict: ListVerdict
    identity: Identity
    about: str


def names_of(sender: Address | None, header_from: str, recipient: str) -> tuple[Name, ...]:
    """Give the addresses of a message: the envelope sender's forms, and the header's, if that is one plain mailbox."""
    forms = [] if sender is None else [Name(Identity.SENDER, key) for key in _forms(sender, recipient)]
    if header_from and (key := from_key(header_from)):
        forms.append(Name(Identity.FROM, key))
    return tuple(forms)


def from_key(header_from: str) -> str:
    """Give the address of a From field in look-up form; empty where it is not exactly one plain mailbox."""
    if len(header_from) > _LONGEST:
        return ""
    found = _FROM.fullmatch(_QUOTED.sub("", header_from).strip())
    if found is None:
        return ""
    try:
        return parse_mailbox(found["bracketed"] or found["bare"]).key
    except AddressError:
        return ""


def entries_for(policy: Policy, match: Match, names: Iterable[Name], ip: str) -> list[Entry]:
    """Give every entry that holds, the one that goes first in front.

    The recipient's before its domain's before the node's; within a list an address before a domain before what it lies
    below (the nearest first) before a network (the smallest first); among equals what blocks goes first. ``ip`` is
    empty where the client's address says nothing of the sender.
    """
    names = tuple(names)
    found: list[Entry] = []
    for scope, entries in lists_of(policy, match):
        ranked = sorted(_within(policy, scope, entries, names, ip), key=lambda pair: pair[0])
        found += [entry for _, entry in ranked]
    return found


def lists_of(policy: Policy, match: Match) -> Iterator[tuple[Scope, Mapping[str, ListVerdict]]]:
    """Give the lists that hold for a recipient and are not empty, the nearest first."""
    if match.entry is not None and match.entry.senders:
        yield Scope.RECIPIENT, match.entry.senders
    if match.domain.senders:
        yield Scope.DOMAIN, match.domain.senders
    if policy.snapshot.senders:
        yield Scope.NODE, policy.snapshot.senders


def _within(
    policy: Policy, scope: Scope, entries: Mapping[str, ListVerdict], names: Iterable[Name], ip: str
) -> Iterator[tuple[tuple[int, int, bool], Entry]]:
    """Give the entries of one list that hold, each with its rank."""
    for name in names:
        for rank, text in _texts(name.key):
            if (verdict := entries.get(text)) is not None:
                yield (*rank, verdict is not ListVerdict.BLOCK), Entry(scope, text, verdict, name.identity, name.key)
    if ip and (networks := policy.networks_of(entries)):
        address = ipaddress.ip_address(ip)
        for text, network in networks:
            if address.version == network.version and address in network:
                entry = Entry(scope, text, entries[text], Identity.CLIENT, ip)
                yield (3, -network.prefixlen, entry.verdict is not ListVerdict.BLOCK), entry


def _texts(key: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Give the entries that an address may stand under, with their rank."""
    domain = key.rpartition("@")[2]
    yield (0, 0), key
    yield (1, 0), domain
    above = domain
    while above:
        yield (2, -len(above)), f".{above}"
        above = above.partition(".")[2]


def _forms(sender: Address, recipient: str) -> Iterator[str]:
    """Give the look-up forms of an envelope sender: as it is; without tag; that of the list; that before forwarding."""
    text = str(sender)
    plain = batv.original_of(text)
    local, _, domain = plain.rpartition("@")
    wanted = [text, plain]
    if "=" in local:
        wanted += _without_recipient(local, domain, recipient)
        wanted += [f"{found['local']}@{found['domain']}" for each in _SRS if (found := each.fullmatch(local))]
    keys: list[str] = []
    for each in wanted:
        try:
            keys.append(parse_mailbox(each).key)
        except AddressError:
            continue  # what a tag held is no address
    yield from dict.fromkeys(keys)


def _without_recipient(local: str, domain: str, recipient: str) -> list[str]:
    """Give a sender without the recipient that it was made for (VERP): ``news+alice=example.test`` is ``news``."""
    lowered, tail = local.lower(), recipient.lower().replace("@", "=")
    if not lowered.endswith(tail) or len(local) <= len(tail) + 1 or local[-len(tail) - 1] not in "+-":
        return []
    return [f"{local[: -len(tail) - 1]}@{domain}"]
