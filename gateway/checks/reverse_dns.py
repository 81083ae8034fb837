"""Asks whether the client's address has a name, and whether that name has the address (forward-confirmed reverse DNS).

Hosts that are meant to send mail have both; machines that were taken over mostly have neither, or a name that somebody
else's DNS made up. The confirmed name is a fact for others: the Received field, the greet delay. Where DNS gives no
answer the check fails, and by default the message goes on without it. Trusted clients are spared the weight, and the
check.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable

from gateway.checks.base import Check, Seen, View, failed, hit, skipped
from gateway.mail.findings import Finding, Outcome
from gateway.mail.stages import Stage
from gateway.services.dns import Answer, Resolver, Status, known

NAMES = 10  # of one address that are looked at, as RFC 7208 4.6.4 bounds them too
SECONDS = 6.0
FAILED = "DNS gave no usable answer on the client's address; doctor says how the DNS servers are"


class ReverseDns(Check):
    """Looks up the address's names, and their addresses."""

    name = "reverse_dns"
    stages = (Stage.CONNECT,)
    symbols = {
        "NO_REVERSE_DNS": "the client's address has no name",
        "REVERSE_DNS_MISMATCH": "no name of the client's address has that address",
        "REVERSE_DNS": "the name that the client's address has, forward and backward",
    }
    seconds = SECONDS + 1.0

    def __init__(self, resolver: Resolver) -> None:
        """Take the resolver."""
        self._resolver = resolver

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Look up; gives the confirmed name as a fact."""
        if view.spares_client:
            return skipped("the client is trusted")
        address = view.client.ip
        kind = "AAAA" if ":" in address else "A"
        backward = self._resolver.query(_reverse_of(address), "PTR", seconds=SECONDS)
        answer = known(backward)
        if answer is not None and len(answer.records) == 1:  # who comes again is known whole
            forward = known(self._resolver.query(answer.records[0], kind, seconds=SECONDS))
            if forward is not None and address in forward.records:
                return _confirmed(answer.records[0])
        return self._ask(address, kind, backward)

    async def _ask(self, address: str, kind: str, names_of: Awaitable[Answer]) -> Seen:
        """Wait for the names, and ask for their addresses of a kind."""
        backward = await names_of
        if backward.status.failed:
            return failed(FAILED)
        names = backward.records[:NAMES]
        if not names:
            return hit(Finding("NO_REVERSE_DNS", 1.0, f"{address} has no name", facts={"name": ""}))
        if len(names) == 1:
            answers = [await self._resolver.query(names[0], kind, seconds=SECONDS)]
        else:
            answers = await asyncio.gather(*(self._resolver.query(each, kind, seconds=SECONDS) for each in names))
        confirmed = next((name for name, each in zip(names, answers, strict=True) if address in each.records), "")
        if confirmed:
            return _confirmed(confirmed)
        if any(each.status is Status.TIMEOUT or each.status is Status.FAILED for each in answers):
            return failed(FAILED)
        detail = f"{address} is called {names[0]}, which has other addresses or none"
        return hit(Finding("REVERSE_DNS_MISMATCH", 1.0, detail, facts={"name": ""}))


def _confirmed(name: str) -> Seen:
    """Tell the name that the address has, forward and backward."""
    return Seen(Outcome.MISS, (Finding("REVERSE_DNS", 0.0, name, facts={"name": name}, informs=True),))


def _reverse_of(ip: str) -> str:
    """Give the name under which an address's names stand (RFC 1035 3.5, RFC 3596 2.5)."""
    if ":" in ip:
        return ipaddress.ip_address(ip).reverse_pointer
    return ".".join([*reversed(ip.split(".")), "in-addr.arpa"])
