"""The list of backscatterers as a zone file for rbldnsd, which other mail servers can ask by DNS.

One file of the type ``combined``: addresses are asked for in reverse below the zone, HELO names below ``helo`` in it.
The test entries are those of RFC 5782, section 5.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from gateway.models import Backscatterer

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_TTL = re.compile(r"[0-9]{1,9}[smhdw]?")
_VALUE = "127.0.0.2"


class Zone(msgspec.Struct, frozen=True):
    """What the zone says of itself: its name servers, whom to write to, and how long answers are good for.

    ``contact`` is a domain name, as SOA has it (hostmaster.example.org); ``ttl`` is in seconds, or with rbldnsd's unit.
    """

    nameservers: tuple[str, ...] = ("localhost",)
    contact: str = "hostmaster.localhost"
    ttl: str = "15m"

    def fault(self) -> str:
        """Say what is wrong with it, and the remedy; empty where nothing is."""
        for name in (*self.nameservers, self.contact):
            if not _NAME.fullmatch(name.removesuffix(".")):
                return f"{name!r} is no domain name; give one as ns1.example.org"
        if not _TTL.fullmatch(self.ttl):
            return f"{self.ttl!r} is no time to live; give seconds, or 15m, 1h, 1d"
        return ""


def lines(rows: Sequence[Backscatterer], zone: Zone, now: datetime) -> Iterator[str]:
    """Give the lines of the file for hosts that are on the list."""
    at = now.astimezone(UTC)
    kinds: dict[int, list[Backscatterer]] = {4: [], 6: [], 0: []}
    for row in rows:
        kinds[_version(row.name)].append(row)
    first = zone.nameservers[0]
    yield f"# Hosts that brought bounces proven false, by {at:%Y-%m-%d %H:%M:%S} UTC. Weigh only mail from <> by it."
    yield "# Served by: rbldnsd -b ADDRESS/53 ZONE:combined:THIS-FILE; HELO names are asked for below helo.ZONE"
    yield f"$SOA {zone.ttl} {first} {zone.contact} {int(at.timestamp())} 1h 15m 7d {zone.ttl}"
    yield f"$NS {zone.ttl} {' '.join(zone.nameservers)}"
    yield f"$TTL {zone.ttl}"
    default = f":{_VALUE}:$ brought bounces that are proven false"
    yield from ("$DATASET ip4set:addresses @", default, "127.0.0.2 Test entry")
    yield from map(_line, kinds[4])
    yield from ("$DATASET ip6trie:addresses @", default, "::ffff:7f00:2 Test entry")
    yield from map(_line, kinds[6])
    yield from ("$DATASET dnset:names helo", default, "test Test entry")
    yield from map(_line, kinds[0])


def _version(name: str) -> int:
    """Give the version of an IP address; 0 for a HELO name."""
    try:
        return ipaddress.ip_address(name).version
    except ValueError:
        return 0


def _line(row: Backscatterer) -> str:
    """Give one entry. Nothing in it is free text: a name has letters, digits, dots, hyphens and underscores only."""
    times = "once" if row.count == 1 else f"{row.count} times"
    return f"{row.name} :{_VALUE}:$ brought bounces that are proven false, {times}, last on {row.last:%Y-%m-%d}"
