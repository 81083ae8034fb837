"""Asks whether the message is signed, by whom, and whether it is still what was signed (RFC 6376).

Every signature has its result; more than eight are not looked at. One that passes proves who signed, and nothing more:
spam is signed too. A hit is a signed message none of whose signatures holds; as mailing lists break signatures, it
weighs little, and refusing for it is what RFC 6376 6.1 advises against. Unsigned mail is no hit. Where DNS gives no
key, the check fails (by default the message goes on without it).
"""

from collections.abc import Awaitable

from gateway.checks.authenticating import SECONDS, Authenticating, lower_head, why_not
from gateway.checks.base import Check, Seen, View, skipped
from gateway.mail.findings import Finding, Outcome
from gateway.mail.stages import Stage
from gateway.services.dkim import Signature

NO_ANSWER = "DNS gave no usable answer on DKIM; doctor says how the DNS servers are"


class Dkim(Check):
    """Asks whether the message is what was signed."""

    name = "dkim"
    stages = (Stage.DATA,)
    symbols = {
        "DKIM_FAIL": "the message is signed, and none of its signatures holds",
        "DKIM": "the result of one signature",
    }
    seconds = SECONDS

    def __init__(self, authenticating: Authenticating) -> None:
        """Share the verifier with the other checks."""
        self._authenticating = authenticating

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Look for signatures; wait only where there are any."""
        if why := why_not(view):
            return skipped(why)
        if b"dkim-signature" not in lower_head(view):
            return skipped("the message is not signed")
        return self._verify(view)

    async def _verify(self, view: View) -> Seen:
        """Say what each signature comes to."""
        signatures = await self._authenticating.signatures(view)
        if not signatures:
            return skipped("the message is not signed")
        findings = tuple(finding_of(each) for each in signatures)
        results = {each.result for each in signatures}
        if "pass" in results:
            return Seen(Outcome.MISS, findings)
        if "temperror" in results:
            return Seen(Outcome.ERROR, findings, NO_ANSWER)
        told = signatures[0]
        detail = f"{told.result} for {told.domain or 'an unreadable domain'}: {told.detail}"
        return Seen(Outcome.HIT, (Finding("DKIM_FAIL", 0.5, detail), *findings))


def finding_of(signature: Signature) -> Finding:
    """Say what one signature came to."""
    facts = {
        "result": signature.result,
        "domain": signature.domain,
        "selector": signature.selector,
        "hint": signature.hint,
        "reason": signature.detail,
    }
    why = f": {signature.detail}" if signature.detail else ""
    detail = f"{signature.result} for {signature.domain or 'an unreadable domain'}{why}"
    return Finding("DKIM", detail=detail, facts=facts, informs=True)
