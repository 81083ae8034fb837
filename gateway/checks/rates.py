"""Asks whether a client, or its network, comes more often than it may: connections a minute, messages an hour.

An IPv6 address counts as its /64. The counters are exact over all processes of a node: what is over the limit is
refused for now and not counted. Allowed networks and trusted forwarders have no limit. Where the counters can't be
reached the check fails, and by default the client is asked to come again: never "below the limit".
"""

from collections.abc import Awaitable

from gateway.checks.base import MISS, Check, Seen, View, failed, hit, skipped
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.prefix import prefix
from gateway.mail.stages import Stage
from gateway.policy.snapshot import ClientRules
from gateway.services.counters import Claim, Counters, CountersUnreachable

NAME = "rates"
MINUTE, HOUR = 60.0, 3600.0
_CONNECTIONS, _MESSAGES = "rate-connections:", "rate-messages:"


def connections(rules: ClientRules, ip: str) -> list[Claim]:
    """Give what a connection of this address counts towards."""
    return _claims(_CONNECTIONS, MINUTE, rules, ip, rules.connections_per_minute, rules.network_connections_per_minute)


def messages(rules: ClientRules, ip: str) -> list[Claim]:
    """Give what a message from this address counts towards."""
    return _claims(_MESSAGES, HOUR, rules, ip, rules.messages_per_hour, rules.network_messages_per_hour)


def is_rate(key: str) -> bool:
    """Whether a key that is full is one of connections a minute."""
    return key.startswith(_CONNECTIONS)


def too_many_connections(key: str) -> Observation:
    """Say what was seen of a client whose connection is one too many."""
    who = key.removeprefix(_CONNECTIONS)
    finding = Finding("CONNECTION_RATE", 3.0, f"too many connections within a minute from {who}")
    return Observation(NAME, Stage.CONNECT, Outcome.HIT, (finding,))


def _claims(  # noqa: PLR0913, PLR0917 - both limits of one kind
    kind: str, window: float, rules: ClientRules, ip: str, limit: int | None, network_limit: int | None
) -> list[Claim]:
    """Give the claims of an address and of its network."""
    found = [] if limit is None else [Claim(kind + prefix(ip), window, limit)]
    if network_limit is not None:
        network = prefix(ip, rules.ipv4_prefix, rules.ipv6_prefix)
        found.append(Claim(f"{kind}{network} (network)", window, network_limit))
    return found


class Rates(Check):
    """Counts messages. Connections are counted where they begin, with their slots; see ``too_many_connections``."""

    name = NAME
    stages = (Stage.CONNECT, Stage.MAIL)
    symbols = {
        "CONNECTION_RATE": "the client or its network connects more often than it may",
        "MESSAGE_RATE": "the client or its network begins more messages than it may",
    }

    def __init__(self, counters: Counters) -> None:
        """Take the counters of the node."""
        self._counters = counters

    @classmethod
    def reads(cls, view: View) -> object:
        """Give what the client's messages count towards."""
        return messages(view.policy.snapshot.clients, view.client.ip)

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Count one message, where a limit is set."""
        if view.listener != "inbound":
            return skipped("mail that leaves has limits of its own")
        if view.spares_client:
            return skipped("the client is trusted")
        claims = messages(view.policy.snapshot.clients, view.client.ip)
        return self._count(claims) if claims else skipped("no limit is set")

    async def _count(self, claims: list[Claim]) -> Seen:
        """Count a message towards all claims, or none."""
        try:
            full = await self._counters.admit(claims)
        except CountersUnreachable:
            return failed("the counters can not be reached; is the SMTP parent process well?")
        if full is None:
            return MISS
        who = full.removeprefix(_MESSAGES)
        return hit(Finding("MESSAGE_RATE", 3.0, f"too many messages within an hour from {who}"))
