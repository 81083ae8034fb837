"""Asks whether this client may send for the envelope sender's domain, and for the name that it calls itself (RFC 7208).

Both identities are checked; the null sender has the HELO name only. A ``fail`` is a hit, with the domain's own words
for the reply; ``softfail`` and a broken record weigh little, and are never enforced beyond a tag. Where DNS gives no
answer the check times out, or fails (by default the message goes on without it). Trusted forwarders and allowed
networks are spared: what comes through them is not theirs.
"""

from collections.abc import Awaitable, Sequence

from gateway.checks.base import Check, Seen, View, failed, skipped, timed_out
from gateway.mail.decisions import Action
from gateway.mail.findings import Finding, Outcome
from gateway.mail.stages import Stage
from gateway.services import spf
from gateway.services.dns import Answer, Resolver, known
from gateway.services.spf import SpfResult

SECONDS = 8.0  # of the twenty that RFC 7208 4.6.4 allows: the client waits at RCPT

_FOUND: dict[tuple[str, str], tuple[str, float, Action | None]] = {
    ("mailfrom", "fail"): ("SPF_FAIL", 4.0, None),
    ("mailfrom", "softfail"): ("SPF_SOFTFAIL", 1.0, Action.TAG),
    ("mailfrom", "permerror"): ("SPF_PERMERROR", 0.5, Action.TAG),
    ("helo", "fail"): ("SPF_HELO_FAIL", 3.0, None),
    ("helo", "softfail"): ("SPF_HELO_SOFTFAIL", 0.5, Action.TAG),
    ("helo", "permerror"): ("SPF_HELO_PERMERROR", 0.2, Action.TAG),
}


class Spf(Check):
    """Asks whether the client may send for sender and HELO name."""

    name = "spf"
    stages = (Stage.MAIL,)
    symbols = {
        "SPF_FAIL": "the sender's domain says that this client may not send for it",
        "SPF_SOFTFAIL": "the sender's domain doubts that this client may send for it",
        "SPF_PERMERROR": "the SPF record of the sender's domain is broken",
        "SPF_HELO_FAIL": "the domain of the client's name says that this client is not its own",
        "SPF_HELO_SOFTFAIL": "the domain of the client's name doubts that this client is its own",
        "SPF_HELO_PERMERROR": "the SPF record of the client's name is broken",
        "SPF": "what else the records say",
    }
    seconds = SECONDS + 1.0

    def __init__(self, resolver: Resolver) -> None:
        """Take the resolver."""
        self._resolver = resolver

    @classmethod
    def reads(cls, view: View) -> object:
        """Give how many look-ups may find nothing."""
        return view.policy.snapshot.spf_void_limit

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Check both identities; their records are asked for together."""
        if view.spares_client:
            return skipped("the client is trusted")
        sender = "" if view.sender is None else str(view.sender)
        wanted = [sender, ""] if sender else [""]
        records = [spf.look_up(self._resolver, sender=each, helo=view.client.helo, seconds=SECONDS) for each in wanted]
        results = [_at_once(view, *pair) for pair in zip(wanted, records, strict=True)]
        told = [each for each in results if each is not None]
        return _seen(view, told) if len(told) == len(results) else self._wait(view, wanted, records)

    async def _wait(self, view: View, wanted: Sequence[str], records: Sequence[Awaitable[Answer]]) -> Seen:
        """Wait for the records, and for what they want to know."""
        results = [await self._ask(view, *pair) for pair in zip(wanted, records, strict=True)]
        if (trouble := next((each for each in results if each.result == "temperror"), None)) is not None:
            if "within" in trouble.explanation:
                return timed_out("DNS gave no answer on SPF in time")
            return failed("DNS gave no usable answer on SPF; doctor says how the DNS servers are")
        return _seen(view, results)

    async def _ask(self, view: View, sender: str, record: Awaitable[Answer]) -> SpfResult:
        """Check one identity: a sender, or (empty) the HELO name."""
        return await spf.check(
            self._resolver,
            record=record,
            ip=view.client.ip,
            sender=sender,
            helo=view.client.helo,
            receiver=view.node,
            seconds=SECONDS,
            void_limit=view.policy.snapshot.spf_void_limit,
        )


def _at_once(view: View, sender: str, record: Awaitable[Answer]) -> SpfResult | None:
    """Check an identity by what is known already; None where that does not tell."""
    answer = known(record)
    return None if answer is None else spf.at_once(answer, ip=view.client.ip, sender=sender, helo=view.client.helo)


def _seen(view: View, results: Sequence[SpfResult]) -> Seen:
    """Say what the results of both identities mean."""
    findings = sorted([_finding(view, each) for each in results], key=lambda each: each.informs)
    return Seen(Outcome.MISS if all(each.informs for each in findings) else Outcome.HIT, tuple(findings))


def _finding(view: View, got: SpfResult) -> Finding:
    """Say what one result means."""
    facts = {"result": got.result, "domain": got.domain, "identity": got.identity}
    what = _FOUND.get((got.identity, got.result))
    if what is None:
        return Finding("SPF", 0.0, f"{got.result} for {got.identity} {got.domain}", facts=facts, informs=True)
    symbol, weight, at_most = what
    detail = f"{got.result} for {got.identity} {got.domain} from {view.client.ip}: {got.explanation}"
    return Finding(symbol, weight, detail, facts=facts, at_most=at_most)
