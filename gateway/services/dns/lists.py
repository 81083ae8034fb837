"""DNS lists of addresses (RFC 5782): how one is asked about an address, and which of its answers is a listing.

Only codes that the policy names count. An answer in 127.255.255.0/24 is an error of the list ("ask us otherwise"); one
outside 127.0.0.0/8 is none of a list at all (a parked domain, a resolver that redirects). Neither is ever a listing.
"""

import ipaddress
from collections.abc import Sequence

import msgspec

from gateway.policy.snapshot import DnsList, ListKind
from gateway.services.dns.words import Answer, Resolver, Status

ERRORS = ipaddress.IPv4Network("127.255.255.0/24")
ANSWERS = ipaddress.IPv4Network("127.0.0.0/8")
REASON = 200  # characters of a list's own words that are kept

_MEANING = {
    "127.255.255.252": "the zone is misspelt",
    "127.255.255.254": "it refuses questions that come through a public resolver; ask it through one of your own",
    "127.255.255.255": "it has had too many questions from this resolver",
}


class AddressList(msgspec.Struct, frozen=True):
    """One list, compiled: ``codes`` are networks with their points, the narrowest first."""

    zone: str
    kind: ListKind
    codes: tuple[tuple[ipaddress.IPv4Network, float], ...]

    def points(self, code: str) -> float | None:
        """Give the points of a return code; None where it does not count."""
        address = ipaddress.IPv4Address(code)
        return next((points for network, points in self.codes if address in network), None)


class Said(msgspec.Struct, frozen=True):
    """What a list says of one address.

    ``code`` is the one that weighs most of those that count, with its ``points``; empty where the address is not
    listed. ``other`` are codes that do not count. ``trouble`` says in words why it is no answer, ``late`` that it is a
    timeout.
    """

    zone: str
    kind: ListKind
    code: str = ""
    points: float = 0.0
    other: tuple[str, ...] = ()
    trouble: str = ""
    late: bool = False


def compiled(zone: str, words: DnsList) -> AddressList:
    """Compile a list that the policy's checks have found well-formed."""
    codes = [(ipaddress.IPv4Network(code, strict=False), points) for code, points in words.codes.items()]
    return AddressList(zone, words.kind, tuple(sorted(codes, key=lambda each: -each[0].prefixlen)))


def name_of(ip: str, zone: str) -> str:
    """Give the name under which an address stands in a list: octets (2.1) or nibbles (2.4), the last first."""
    if ":" not in ip:
        return ".".join([*reversed(ip.split(".")), zone])
    address = ipaddress.ip_address(ip)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    reversed_ = address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    return f"{reversed_}.{zone}"


async def ask_all(resolver: Resolver, asked: Sequence[AddressList], ip: str, *, seconds: float) -> list[Said]:
    """Ask lists about an address, all at once, within ``seconds``. Never raises."""
    questions = [resolver.query(name_of(ip, each.zone), "A", seconds=seconds) for each in asked]
    return [_said(each, await question) for each, question in zip(asked, questions, strict=True)]


def _said(asked: AddressList, answer: Answer) -> Said:
    """Say what an answer means."""
    zone, kind = asked.zone, asked.kind
    if answer.status.failed:
        late = answer.status is Status.TIMEOUT
        return Said(zone, kind, trouble="no answer in time" if late else answer.detail, late=late)
    other: list[str] = []
    heaviest, most = "", 0.0
    for code in answer.records:
        if trouble := trouble_of(code):
            return Said(zone, kind, trouble=trouble)
        points = asked.points(code)
        if points is None:
            other.append(code)
        elif not heaviest or abs(points) > abs(most):  # an allow-list may have them below nothing
            heaviest, most = code, points
    return Said(zone, kind, heaviest, most, tuple(other))


async def reason(resolver: Resolver, zone: str, ip: str, *, seconds: float) -> str:
    """Give a list's own words on why it lists an address (2.1: TXT); printable, bounded, empty where none come."""
    answer = await resolver.query(name_of(ip, zone), "TXT", seconds=seconds)
    words = answer.records[0][:REASON] if answer.records else ""
    return " ".join("".join(each if " " <= each <= "~" else " " for each in words).split())


def trouble_of(code: str) -> str:
    """Say why a return code is no answer of a list; empty where it is one."""
    address = ipaddress.IPv4Address(code)
    if address in ERRORS:
        return f"it answers with the error {code}: {_MEANING.get(code, 'see what its documentation says of it')}"
    return "" if address in ANSWERS else f"it answers {code}, which no DNS list does: is the zone still a list?"
