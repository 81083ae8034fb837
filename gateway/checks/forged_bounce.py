"""Is this a bounce of mail that we never sent? Backscatter itself: the answer to a forged sender, brought to our user.

The verdict is the judge's (``gateway.backscatter.judge``): no proof, no hint, and all mail of the domain leaves marked.
A proven bounce is told as well, with its evidence, and delivered.
"""

from gateway.backscatter.words import Verdict
from gateway.checks.base import Seen, View, hit
from gateway.checks.judging import JudgedCheck, Judgements, findings_of, is_always_deliverable
from gateway.mail.findings import Finding, Outcome
from gateway.policy.decide import match_of


class ForgedBounce(JudgedCheck):
    """Says which recipients a forged bounce is for."""

    name = "forged_bounce"
    symbols = {
        "FORGED_BOUNCE": "it answers mail that we never sent",
        "GENUINE_BOUNCE": "it answers mail that we sent",
        "UNPROVEN_BOUNCE": "nobody can say whether it answers mail of ours",
        "EVIDENCE": "one piece of the evidence",
        "STAGE": "how far the guided domain has come with forged bounces",
    }

    def say(self, view: View, judged: Judgements) -> Seen:
        """Hit where it is forged; the other verdicts are told as well, with their evidence."""
        forged: list[Finding] = []
        others: list[Finding] = []
        for recipient, each in judged.items():
            if each.verdict is Verdict.FORGED and not is_always_deliverable(view, recipient):
                forged += findings_of("FORGED_BOUNCE", 5.0, each, recipient)
                others += _stage(view, recipient)
            else:
                symbol = "GENUINE_BOUNCE" if each.verdict is Verdict.GENUINE else "UNPROVEN_BOUNCE"
                others += findings_of(symbol, 0.0, each, recipient, informs=True)
        return hit(*forged, *others) if forged else Seen(Outcome.MISS, tuple(others))


def _stage(view: View, recipient: str) -> list[Finding]:
    """Say at which stage a guided domain is: that decides what happens to what is forged."""
    match = match_of(view.policy, recipient)
    words = view.policy.stage_words(match.domain_key) if match is not None else ""
    return [Finding("STAGE", detail=words, recipient=recipient, informs=True)] if words else []
