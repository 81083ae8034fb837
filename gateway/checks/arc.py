"""Asks whether a trusted sealer vouches for what the message was when it came to it (RFC 8617).

Forwarders and mailing lists change messages, which breaks DKIM, SPF and DMARC. A chain of seals tells what was true
before; but anybody can seal, so that only sealers named in the policy (``arc_sealers``) are believed, and only while
every later sealer is trusted too. It is never a hit: DMARC asks for it where a message fails.
"""

import re
from collections.abc import Awaitable

from gateway.checks.authenticating import SECONDS, Authenticating, lower_head, why_not
from gateway.checks.base import Check, Seen, View, skipped
from gateway.mail.findings import Finding, Outcome
from gateway.mail.stages import Stage
from gateway.services.dkim import ArcChain, ArcSet

_COMMENT = re.compile(r"\([^()]*\)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_FACT = re.compile(r"\b([a-z]+(?:\.[a-z-]+)?)\s*=\s*([^\s;]+)")
_READ = 8000  # characters of a sealer's results


class Arc(Check):
    """Asks for the chain of seals."""

    name = "arc"
    stages = (Stage.DATA,)
    symbols = {"ARC": "the result of the chain"}
    seconds = SECONDS

    def __init__(self, authenticating: Authenticating) -> None:
        """Share the verifier with the other checks."""
        self._authenticating = authenticating

    @classmethod
    def reads(cls, view: View) -> object:
        """Give whose seals are believed."""
        return view.policy.snapshot.arc_sealers

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Look for a chain; wait only where there is one that could count."""
        if why := why_not(view):
            return skipped(why)
        if b"arc-seal" not in lower_head(view):
            return skipped("the message has no ARC chain")
        if not view.policy.snapshot.arc_sealers:
            return skipped("no ARC sealer is trusted")
        return self._verify(view)

    async def _verify(self, view: View) -> Seen:
        """Say what the chain comes to."""
        chain = await self._authenticating.chain(view)
        if chain is None:
            return skipped("none of its ARC sealers is trusted")
        sealers = " ".join(each.sealer for each in chain.sets)
        facts = {"result": chain.result, "sealers": sealers, "reason": chain.detail}
        why = f": {chain.detail}" if chain.detail else ""
        detail = f"{chain.result}{f', sealed by {sealers}' if sealers else ''}{why}"
        return Seen(Outcome.MISS, (Finding("ARC", detail=detail, facts=facts, informs=True),))


def voucher(chain: ArcChain | None, trusted: frozenset[str], author: str) -> str:
    """Give the trusted sealer that saw DMARC, or DKIM of the author domain, pass; empty where none did."""
    if chain is None or chain.result != "pass":
        return ""
    for each in reversed(chain.sets):
        if each.sealer not in trusted:
            return ""  # what it may have changed, nobody vouches for
        if saw_pass(each, author):
            return each.sealer
    return ""


def saw_pass(sealed: ArcSet, author: str) -> bool:
    """Whether the results of a set speak for the author domain."""
    text = _QUOTED.sub("", sealed.results[:_READ].lower())
    while (bare := _COMMENT.sub(" ", text)) != text:
        text = bare
    for part in text.split(";"):
        facts = dict(reversed(_FACT.findall(part)))
        if facts.get("dmarc") == "pass" and facts.get("header.from", author) == author:
            return True
        signer = facts.get("header.d") or facts.get("header.i", "").rpartition("@")[2]
        if facts.get("dkim") == "pass" and "." in signer and f".{author}".endswith(f".{signer}"):
            return True
    return False
