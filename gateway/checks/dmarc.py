"""Asks whether the domain that people see in From is proven, and what it wants done where it is not (RFC 9989).

Proven is it by SPF or by a DKIM signature of the same organization. A failure weighs what the domain's policy says;
enforced, it leads to that policy at most. RFC 9989 5.4 wants nobody to refuse for ``p=reject`` alone, as lists and
forwarders break proofs: with the default weights such mail is quarantined, and refused only where more speaks against
it. Trusted forwarders, allowed networks and trusted ARC sealers override a failure, visibly. A From that names no
author domain, or several, has a symbol of its own. Where DNS gives no answer that is needed, the check fails (by
default the message goes on without it).
"""

import msgspec

from gateway.checks.arc import voucher
from gateway.checks.authenticating import SECONDS, Authenticating, why_not
from gateway.checks.base import Check, Seen, View, failed, hit, skipped
from gateway.mail.author import Author, author_of
from gateway.mail.decisions import Action
from gateway.mail.dmarc import Record, Wish, wish_for
from gateway.mail.findings import Finding, Outcome
from gateway.mail.stages import Stage
from gateway.services.dkim import Signature
from gateway.services.dkim.message import SignedMessage
from gateway.services.dmarc import Tree, UnansweredError
from gateway.services.dns import Resolver

NO_ANSWER = "DNS gave no usable answer on DMARC; doctor says how the DNS servers are"
_HITS: dict[Wish, tuple[str, float, Action | None]] = {
    Wish.REJECT: ("DMARC_REJECT", 8.0, None),
    Wish.QUARANTINE: ("DMARC_QUARANTINE", 5.0, Action.QUARANTINE),
}


class Proof(msgspec.Struct, frozen=True):
    """Which proofs are aligned with the author domain."""

    dkim: bool = False
    spf: bool = False

    @property
    def aligned(self) -> str:
        """The proof that is named first; empty where there is none."""
        return "dkim" if self.dkim else "spf" if self.spf else ""


class Dmarc(Check):
    """Asks whether the author domain is proven."""

    name = "dmarc"
    stages = (Stage.DATA,)
    symbols = {
        "DMARC_REJECT": "the author's domain is not proven, and asks to refuse such mail",
        "DMARC_QUARANTINE": "the author's domain is not proven, and asks to quarantine such mail",
        "DMARC_FROM_MANY": "From names several domains, so that nobody can tell whose policy holds",
        "DMARC_FROM_NONE": "From names no domain",
        "DMARC": "what else DMARC says",
    }
    seconds = SECONDS + 4.0

    def __init__(self, authenticating: Authenticating, resolver: Resolver) -> None:
        """Share the verifier with the other checks."""
        self._authenticating = authenticating
        self._resolver = resolver

    def prepare(self, view: View) -> None:
        """Ask for the record of the envelope sender's domain: the author's is mostly the same."""
        if view.sender is not None and "." in view.sender.domain_key:
            Tree(self._resolver).begin(view.sender.domain_key)

    @classmethod
    def reads(cls, view: View) -> object:
        """Give whose seals are believed."""
        return view.policy.snapshot.arc_sealers

    async def look(self, view: View) -> Seen:
        """Ask for the policy while signatures are verified, then put both together."""
        if why := why_not(view):
            return skipped(why)
        author = author_of(_from_fields(view))
        if author.trouble:
            return _no_author(author)
        try:
            facts = await self._evaluate(view, author.domain)
        except UnansweredError:
            return msgspec.structs.replace(failed(NO_ANSWER), findings=(_says("temperror", author.domain),))
        if facts is None:
            return Seen(Outcome.MISS, (_says("none", author.domain),))
        if facts["aligned"]:
            detail = f"pass for {author.domain}, by {facts['aligned']}"
            return Seen(Outcome.MISS, (Finding("DMARC", detail=detail, facts=facts, informs=True),))
        override, why = await self._override(view, author.domain)
        return _failure({**facts, "override": override}, why)

    async def _evaluate(self, view: View, author: str) -> dict[str, str] | None:
        """Give what DMARC finds, as facts; None where no policy applies. Raises UnansweredError, OSError."""
        tree = Tree(self._resolver)
        tree.begin(author)  # while signatures are verified
        signatures = await self._authenticating.signatures(view)
        applied = await tree.applied(author)
        if applied is None or applied[1].wish is None:
            return None
        whose, record = applied
        proof = await _prove(view, tree, author, record, signatures)
        exists = whose == author or record.absent is None or proof.aligned != "" or await tree.exists(author)
        wish = wish_for(record, own=whose == author, exists=exists)
        return {
            "result": "pass" if proof.aligned else "fail",
            "domain": author,
            "policy": wish.value,  # what is asked for; published is the p= of policy_domain
            "aligned": proof.aligned,
            "policy_domain": whose,
            "published": applied[1].wish.value,
            "dkim": "pass" if proof.dkim else "fail",
            "spf": "pass" if proof.spf else "fail",
        }

    async def _override(self, view: View, author: str) -> tuple[str, str]:
        """Give what speaks for a message that failed, as RFC 9990 names it, and in words; empty where nothing does."""
        if view.client.forwarder:
            return "trusted_forwarder", f"the trusted forwarder {view.client.forwarder} brings it"
        if view.spares_client:
            return "local_policy", "it comes from an allowed network"
        trusted = frozenset(each.lower() for each in view.policy.snapshot.arc_sealers)
        sealer = voucher(await self._authenticating.chain(view), trusted, author)
        return ("trusted_forwarder", f"the trusted ARC sealer {sealer} saw it pass") if sealer else ("", "")


async def _prove(view: View, tree: Tree, author: str, record: Record, signatures: tuple[Signature, ...]) -> Proof:
    """Find out which proofs are aligned. Raises UnansweredError where an answer is missing, and no proof is aligned."""
    signers = list(dict.fromkeys(each.domain for each in signatures if each.result == "pass"))
    sender, unsure = _spf_domain(view)
    unsure = unsure or any(each.result == "temperror" for each in signatures)
    wanted = [(each, record.strict_dkim) for each in signers] + ([(sender, record.strict_spf)] if sender else [])
    for each, strict in wanted:
        if not strict and each != author:
            tree.begin(each)  # the walks begin together
    answers: list[bool] = []
    for each, strict in wanted:
        try:
            answers.append(await tree.are_aligned(author, each, strict=strict))
        except UnansweredError:
            answers.append(False)
            unsure = True
    dkim = any(answers[: len(signers)])
    spf = any(answers[len(signers) :])
    if unsure and not (dkim or spf):
        raise UnansweredError
    return Proof(dkim, spf)


def _from_fields(view: View) -> list[str]:
    """Give the values of all From fields; with a blank before the colon too, for mail programs show that as well."""
    if not view.headers.malformed or view.content is None:
        return view.headers.all("from")
    fields = SignedMessage(view.content.head).all(b"from")
    return [value.replace(b"\r\n", b"").decode("utf-8", "replace").strip() for _, value in fields]


def _spf_domain(view: View) -> tuple[str, bool]:
    """Give the domain that SPF has proven for the envelope sender, and whether SPF could not tell.

    The null sender is proven by the HELO name (RFC 7208 2.4).
    """
    seen = view.seen("spf")
    if seen is None:
        return "", False
    identity = "mailfrom" if view.sender is not None else "helo"
    for each in seen.findings:
        if each.facts.get("identity") == identity and each.facts.get("result") == "pass":
            return each.facts.get("domain", "").rstrip(".").lower(), False
    return "", seen.outcome.failed


def _no_author(author: Author) -> Seen:
    """Say that there is not one author domain."""
    many = len(author.domains) > 1 or "more than one" in author.trouble
    symbol, weight = ("DMARC_FROM_MANY", 3.0) if many else ("DMARC_FROM_NONE", 1.0)
    at_most = Action.QUARANTINE if many else Action.TAG
    facts = {"result": "permerror", "domain": "", "policy": "", "aligned": ""}
    return hit(Finding(symbol, weight, author.trouble, facts=facts, at_most=at_most))


def _says(result: str, author: str) -> Finding:
    """Say that there is no policy, or none that could be found out."""
    facts = {"result": result, "domain": author, "policy": "", "aligned": ""}
    return Finding("DMARC", detail=f"{result} for {author}", facts=facts, informs=True)


def _failure(facts: dict[str, str], override: str) -> Seen:
    """Say that the author domain is not proven."""
    wish = Wish(facts["policy"])
    detail = f"{facts['domain']}, p={wish}"
    if override or wish is Wish.NONE:
        words = f"fail for {detail}" + (f", but {override}" if override else "")
        return Seen(Outcome.MISS, (Finding("DMARC", detail=words, facts=facts, informs=True),))
    symbol, weight, at_most = _HITS[wish]
    return hit(Finding(symbol, weight, detail, facts=facts, at_most=at_most))
