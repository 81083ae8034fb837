"""Asks whether the client's address lies in a network that is refused (``clients.blocked`` of the policy).

It asks nobody. Where every domain enforces it, the client is told at the banner; else the recipient's domain decides.
An allowed network within a blocked one is allowed.
"""

from gateway.checks.base import MISS, Check, Seen, View, hit, skipped
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage


class ClientNetworks(Check):
    """Looks at the client's address."""

    name = "client_networks"
    stages = (Stage.CONNECT,)
    symbols = {"BLOCKED_NETWORK": "the client's address lies in a network that is refused"}
    asks_nobody = True

    def look(self, view: View) -> Seen:
        """Hit where the address is blocked."""
        if view.spares_client:
            return skipped("the client is trusted")
        if not view.policy.is_blocked(view.client.ip):
            return MISS
        return hit(Finding("BLOCKED_NETWORK", 10.0, f"{view.client.ip} is in a blocked network"))
