"""The author domain of a message (RFC 9989 5.3.1): whose name people see, and whose policy DMARC asks for. Pure.

A definite answer for whatever stands in From: one domain, or why there is none. Nothing raises, and the work is linear.
"""

import re
from collections.abc import Sequence

import msgspec

from gateway.mail.address import AddressError, domain_key, parse_mailbox

LIMIT = 20_000  # characters of a From field that are read
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[()<>,;:]|\\.|[^"()<>,;:\\]+|.', re.DOTALL)
# A name or nothing, and one address: as nearly all fields are.
_PLAIN = re.compile(r'(?:[^"()<>,;:\\]*<[^"()<>,;:\\@\s]+@([A-Za-z0-9.-]+)>|[^"()<>,;:\\@\s]+@([A-Za-z0-9.-]+))')


class Author(msgspec.Struct, frozen=True):
    """The author domain, in lower case as an A-label; empty where there is none, and ``trouble`` says why.

    ``domains`` are all that From names.
    """

    domain: str = ""
    domains: tuple[str, ...] = ()
    trouble: str = ""


def author_of(fields: Sequence[str]) -> Author:
    """Find the author domain in the values of all From fields, unfolded."""
    if not fields:
        return Author(trouble="the message has no From field")
    if len(fields) > 1:
        found = tuple(dict.fromkeys(each for field in fields[:10] for each in domains_of(field)))
        return Author(domains=found, trouble="the message has more than one From field")
    if len(fields[0]) > LIMIT:
        return Author(trouble="the From field is too long")
    found = domains_of(fields[0])
    if not found:
        return Author(trouble="the From field names no address with a domain")
    if len(found) > 1:
        return Author(domains=found, trouble=f"the From field names {len(found)} domains")
    return Author(found[0], found)


def domains_of(field: str) -> tuple[str, ...]:
    """Give the domains of the addresses in a From field (RFC 5322 3.4), each once; comments and quotes aside."""
    field = field[:LIMIT]
    if plain := _PLAIN.fullmatch(field):
        domain = _domain(plain[1] or plain[2])
        return (domain,) if domain else ()
    found = []
    for address in _addresses(field):
        local, at, domain = address.rpartition("@")
        if at and local:
            found.append(_domain(domain.strip()))
    return tuple(dict.fromkeys(each for each in found if each))


def _domain(text: str) -> str:
    """Give a domain in lower case as an A-label; empty where it is none, or an address literal."""
    try:
        name = domain_key(parse_mailbox(f"a@{text.rstrip('.')}").domain)
    except AddressError:
        return ""
    return "" if name.startswith("[") else name


def _addresses(field: str) -> list[str]:
    """Give the addresses: what stands in angle brackets, else the words between commas, colons and semicolons."""
    found: list[str] = []
    bare: list[str] = []
    angle: list[str] | None = None
    comment = 0
    for word in _TOKEN.findall(field):
        if word == "(":
            comment += 1
        elif word == ")":
            comment = max(0, comment - 1)
        elif comment:
            continue
        elif word == "<":
            angle = []
        elif word == ">" and angle is not None:
            found.append("".join(angle))
            angle, bare = None, []
        elif word in {",", ";", ":"} and angle is None:
            found.append("".join(bare))
            bare = []
        elif angle is not None:
            angle.append(word)
        else:
            bare.append(word)
    found.append("".join(bare if angle is None else angle))
    return [each for each in (one.strip() for one in found) if each]
