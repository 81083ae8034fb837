"""Is this a bounce of which nobody can say whether it answers mail of ours? It is delivered, and says so.

Where a domain's mail does not all leave marked yet, every bounce is one, and none is worth a word. A message from the
null sender answers one message, so more than one recipient is odd whatever it is.
"""

from gateway.backscatter.words import Force, Judged, Kind, Verdict
from gateway.checks.base import MISS, Seen, View, hit
from gateway.checks.judging import JudgedCheck, Judgements, absence_counts, findings_of
from gateway.mail.findings import Finding


class UnverifiableBounce(JudgedCheck):
    """Says for which recipients a bounce can't be verified."""

    name = "unverifiable_bounce"
    symbols = {
        "UNVERIFIABLE_BOUNCE": "a bounce that nothing proves and that may still be genuine",
        "NULL_SENDER_RECIPIENTS": "mail from the null sender has more than one recipient",
        "EVIDENCE": "one piece of the evidence",
    }

    def say(self, view: View, judged: Judgements) -> Seen:
        """Hit on bounces that can't be verified, and on the null sender with several recipients."""
        found: list[Finding] = []
        if view.sender is None and len(view.recipients) > 1:
            found.append(Finding("NULL_SENDER_RECIPIENTS", 2.0, f"{len(view.recipients)} recipients"))
        for recipient, each in judged.items():
            if _is_told(each):
                found += findings_of("UNVERIFIABLE_BOUNCE", 1.0, each, recipient)
        return hit(*found) if found else MISS


def _is_told(judged: Judged) -> bool:
    """Whether it is a bounce, can't be verified, and that means something."""
    if judged.verdict is not Verdict.UNVERIFIABLE or not (judged.kind.answers_delivery or judged.kind is Kind.NONE):
        return False
    return absence_counts(judged) or any(each.force is Force.AGAINST for each in judged.evidence)
