"""Is the message larger than the policy allows? Declared with MAIL (RFC 1870), or found at the end of DATA."""

from gateway.checks.base import MISS, Check, Seen, View, hit
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage


class MessageSize(Check):
    """Compares the declared and the real size with the node's limit."""

    name = "message_size"
    stages = (Stage.MAIL, Stage.DATA)
    symbols = {"OVERSIZE": "the message is larger than the policy allows"}
    asks_nobody = True

    def look(self, view: View) -> Seen:
        """Hit where the size, in octets, is above the limit."""
        limit = view.policy.snapshot.max_size
        size = view.parameters.size if view.content is None else view.content.size
        if size <= limit:
            return MISS
        return hit(Finding("OVERSIZE", 5.0, f"{size} octets, the limit is {limit}"))
