"""Does a machine answer a user who did not write to it? Auto-replies, challenges, confirmations and virus notices.

They go to whoever stands in the sender's place, forged or not; the ledger knows to whom our user wrote lately.
"""

from gateway.checks.base import MISS, Seen, View, hit
from gateway.checks.judging import JudgedCheck, Judgements, findings_of, is_unsolicited
from gateway.mail.findings import Finding


class Unsolicited(JudgedCheck):
    """Says which recipients have not asked for the answer."""

    name = "unsolicited"
    symbols = {
        "UNSOLICITED": "a machine answers a user who has not written to that address or domain lately",
        "EVIDENCE": "one piece of the evidence",
    }

    def say(self, view: View, judged: Judgements) -> Seen:
        """Hit where nobody asked."""
        del view
        found: list[Finding] = []
        for recipient, each in judged.items():
            if is_unsolicited(each):
                found += findings_of("UNSOLICITED", 2.0, each, recipient)
        return hit(*found) if found else MISS
