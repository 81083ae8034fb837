"""Recipients: is this one on the list of its domain.

An unknown recipient that is accepted becomes a bounce later: this check is where backscatter is stopped first. It needs
nothing from outside, so it can't fail.
"""

from gateway.checks.base import MISS, Check, Seen, View, hit, skipped
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage


class RecipientKnown(Check):
    """Looks the recipient up in the published list of its domain."""

    name = "recipient_known"
    stages = (Stage.RCPT,)
    symbols = {"UNKNOWN_RECIPIENT": "the domain's list does not have this recipient"}

    def look(self, view: View) -> Seen:
        """Miss where the list has it; skipped where the next hop alone knows, or the domain is not ours."""
        if view.match is None:
            return skipped("not a domain of ours")
        if view.match.known:
            return MISS
        if view.match.domain.accept_unknown:
            return skipped("the next hop says who exists")
        return hit(Finding("UNKNOWN_RECIPIENT", 5.0, str(view.recipient)))
