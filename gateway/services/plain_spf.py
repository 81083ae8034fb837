"""Evaluates SPF records whose addresses decide alone, as most do, at a fraction of what the general evaluator costs.

Whatever is not plain (a macro, a modifier, a mechanism that asks DNS and is reached, anything malformed) is None, and
is left to pyspf: this reader never has the last word on it.
"""

import functools
import re
import socket
from collections.abc import Sequence

WORDS = {
    "pass": "sender SPF authorized",
    "neutral": "access neither permitted nor denied",
}  # pyspf's own; the others are the caller's
_NAME = r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_TERM = re.compile(
    r"([-+?~]?)(?:(all)|ip4:([0-9.]+)(?:/([1-9][0-9]?|0))?|ip6:([0-9a-f:]+)(?:/([1-9][0-9]{0,2}|0))?"
    rf"|(include:{_NAME}|(?:a|mx)(?::{_NAME})?))"
)
_RESULTS = {"": "pass", "+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_BITS = {4: 32, 16: 128}  # of an address, by its octets

Term = tuple[int, int, int, str]  # octets of an address, network and mask, and what an address within it gets
_ANY = 0  # octets of a term that fits every address
_ASKS: Term = (-1, 0, 0, "")  # a mechanism that asks DNS


def result_of(records: Sequence[str], ip: str) -> str | None:
    """Give what the TXT records of a domain say of a client's address (RFC 7208 2.6), None where that is not plain."""
    found = [each for each in records if each[:6].lower() == "v=spf1"]
    terms = _terms(found[0]) if len(found) == 1 else None
    packed = _packed(ip)
    if terms is None or packed is None:
        return None
    octets, number = len(packed), int.from_bytes(packed)
    for kind, network, mask, result in terms:
        if kind < 0:
            return None
        if kind == _ANY or (kind == octets and number & mask == network):
            return result
    return "neutral"


@functools.lru_cache(maxsize=2048)  # many domains have the same one
def _terms(record: str) -> tuple[Term, ...] | None:
    """Read a record; None where any of its terms is not plain."""
    version, *words = record.split(" ")
    if version != "v=spf1":
        return None
    terms: list[Term] = []
    for word in words:
        if not word:
            continue
        found = _TERM.fullmatch(word)
        if found is None:
            return None
        qualifier, everybody, ip4, bits4, ip6, bits6, _ = found.groups()
        result = _RESULTS[qualifier]
        if everybody:
            terms.append((_ANY, 0, 0, result))
        elif address := ip4 or ip6:
            packed = _packed(address)
            if packed is None or (ip4 is None) is (len(packed) == 4):  # noqa: PLR2004 - octets
                return None
            most = _BITS[len(packed)]
            bits = int(bits4 or bits6 or most)
            if bits > most:
                return None
            mask = (1 << most) - (1 << most - bits)
            terms.append((len(packed), int.from_bytes(packed) & mask, mask, result))
        else:
            terms.append(_ASKS)
    return tuple(terms)


def _packed(address: str) -> bytes | None:
    """Give the octets of an address; None where it is none, or an IPv4 address in IPv6's clothes."""
    try:
        packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    except (OSError, ValueError):
        return None
    return None if packed[:12] == b"\0" * 10 + b"\xff\xff" else packed
