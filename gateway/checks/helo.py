"""Asks whether the name that the client calls itself can be its own.

A client that calls itself by our name, our address or one of our domains lies, unless it is on this machine. RFC 5321
4.1.4 asks for a name that DNS knows, or the client's address as a literal, and forbids to refuse mail because name and
address do not fit: that they fit is left to SPF. Where DNS gives no answer the check fails, and by default the message
goes on without it.
Trusted clients are spared.
"""

import ipaddress
import re
from collections.abc import Awaitable

from gateway.checks.base import MISS, Check, Seen, View, failed, hit, skipped
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage
from gateway.services.dns import Resolver, Status, known

SECONDS = 6.0
FAILED = "DNS gave no usable answer on the client's name; doctor says how the DNS servers are"
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_MAX_NAME = 253  # octets of a host name (RFC 1035 2.3.4)


class Helo(Check):
    """Looks at the name, and in DNS for it."""

    name = "helo"
    stages = (Stage.HELO,)
    symbols = {
        "HELO_SYNTAX": "what the client calls itself is no host name and no address literal",
        "HELO_OURS": "the client calls itself by a name or an address of ours",
        "HELO_LITERAL": "the client calls itself by an address that it does not have",
        "HELO_BARE": "the client's name has no dot",
        "HELO_UNRESOLVABLE": "DNS does not know the client's name",
    }
    seconds = SECONDS + 1.0

    def __init__(self, resolver: Resolver) -> None:
        """Take the resolver."""
        self._resolver = resolver

    @classmethod
    def reads(cls, view: View) -> object:
        """Give whether the client's name is ours."""
        return view.policy.is_ours(view.client.helo.rstrip(".").lower())

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Look at form and owner first; DNS is asked about what is left."""
        if view.spares_client:
            return skipped("the client is trusted")
        name = view.client.helo.rstrip(".").lower()
        address = _address(name)
        if address is not None:
            return _judge_address(view, name, address)
        if name == view.node.lower() and ipaddress.ip_address(view.client.ip).is_loopback:
            return MISS  # the queue on this very machine, which brings its bounces
        if view.policy.is_ours(name) or name == view.node.lower():
            return hit(Finding("HELO_OURS", 5.0, f"it calls itself {name}, which is ours"))
        if len(name) > _MAX_NAME or not all(_LABEL.fullmatch(each) for each in name.split(".")):
            return hit(Finding("HELO_SYNTAX", 1.0, f"{view.client.helo[:100]} is no host name"))
        if "." not in name:
            return hit(Finding("HELO_BARE", 1.5, f"{name} has no dot"))
        address_of = self._resolver.query(name, "A", seconds=SECONDS)
        answer = known(address_of)
        return MISS if answer is not None and answer.status is Status.FOUND else self._judge_name(name)

    async def _judge_name(self, name: str) -> Seen:
        """Ask for an address of a name, or a mail exchanger."""
        unknown = 0
        for kind in ("A", "AAAA", "MX"):
            answer = await self._resolver.query(name, kind, seconds=SECONDS)
            if answer.status is Status.FOUND:
                return MISS
            if answer.status is Status.NO_NAME:
                break
            if answer.status is Status.TIMEOUT:  # what is silent now stays so for the other kinds
                return failed(FAILED)
            unknown += answer.status.failed
        if unknown:
            return failed(FAILED)
        return hit(Finding("HELO_UNRESOLVABLE", 1.5, f"DNS knows no address of {name}"))


def _address(name: str) -> str | None:
    """Give the address in a literal (RFC 5321 4.1.3), or in digits alone; empty where the literal is broken."""
    if not name.startswith("["):
        if not (name[:1].isdigit() or ":" in name):
            return None
        try:
            return str(ipaddress.ip_address(name))
        except ValueError:
            return None
    if not name.endswith("]"):
        return ""
    try:
        return str(ipaddress.ip_address(name[1:-1].removeprefix("ipv6:")))
    except ValueError:
        return ""


def _judge_address(view: View, name: str, address: str) -> Seen:
    """Compare an address with the client's and ours."""
    if not address:
        return hit(Finding("HELO_SYNTAX", 1.0, f"{view.client.helo[:100]} is no address literal"))
    if address == view.client.ip:
        bare = not name.startswith("[")
        return hit(Finding("HELO_SYNTAX", 1.0, f"{name} stands without brackets")) if bare else MISS
    if address == view.local:
        return hit(Finding("HELO_OURS", 5.0, f"it calls itself {name}, which is our address"))
    return hit(Finding("HELO_LITERAL", 2.0, f"it calls itself {name}, and has {view.client.ip}"))
