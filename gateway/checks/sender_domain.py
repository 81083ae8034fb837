"""Asks whether anything could be sent back to the envelope sender: whether its domain takes mail (RFC 5321 5.1).

A domain has an MX, or an address that stands for one. One that says by a null MX that it takes none (RFC 7505) sends
none either. Where DNS gives no answer the check fails (by default the message goes on without it).
"""

from collections.abc import Awaitable

from gateway.checks.base import MISS, Check, Seen, View, failed, hit, skipped, timed_out
from gateway.mail.decisions import Action
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage
from gateway.services.dns import Answer, Resolver, Status, known

SECONDS = 8.0  # the client waits at RCPT

_NULL_SENDER = skipped("the null sender has no domain")
_OURS = skipped("it is a domain of ours")


class SenderDomain(Check):
    """Looks for what takes mail for the sender's domain."""

    name = "sender_domain"
    stages = (Stage.MAIL,)
    symbols = {
        "SENDER_DOMAIN_MISSING": "the envelope sender's domain takes no mail: it has neither MX nor address",
        "SENDER_NULL_MX": "the envelope sender's domain says that it neither takes nor sends mail",
        "SENDER_UNQUALIFIED": "the envelope sender's domain is a single word",
        "SENDER_ADDRESS_LITERAL": "the envelope sender has an address where its domain should be",
    }
    seconds = SECONDS + 1.0

    def __init__(self, resolver: Resolver) -> None:
        """Take the resolver."""
        self._resolver = resolver

    @classmethod
    def reads(cls, view: View) -> object:
        """Give whether the sender's domain is ours."""
        return view.sender is not None and view.policy.is_ours(view.sender.domain_key)

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Say what can be said without DNS, else ask."""
        if view.sender is None or not view.sender.domain:
            return _NULL_SENDER
        domain = view.sender.domain_key
        if domain.startswith("["):
            return hit(Finding("SENDER_ADDRESS_LITERAL", 2.0, domain, at_most=Action.TAG))
        if "." not in domain:
            return hit(Finding("SENDER_UNQUALIFIED", 3.0, domain))
        if view.policy.is_ours(domain):
            return _OURS
        exchangers = self._resolver.query(domain, "MX", seconds=SECONDS)
        answer = known(exchangers)
        seen = _by_exchangers(domain, answer) if answer is not None else None
        return seen if seen is not None else self._ask(domain, exchangers)

    async def _ask(self, domain: str, exchangers: Awaitable[Answer]) -> Seen:
        """Wait for the MX, and where there is none ask for both kinds of addresses at once."""
        if (seen := _by_exchangers(domain, await exchangers)) is not None:
            return seen
        asked = [self._resolver.query(domain, kind, seconds=SECONDS) for kind in ("A", "AAAA")]  # both at once
        answers = [await each for each in asked]
        if any(each.status is Status.FOUND for each in answers):
            return MISS
        if (trouble := next((each for each in answers if each.status.failed), None)) is not None:
            return _unknown(trouble)
        return hit(Finding("SENDER_DOMAIN_MISSING", 4.0, f"{domain} has neither MX nor address"))


def _by_exchangers(domain: str, answer: Answer) -> Seen | None:
    """Say what a look-up of the MX tells; None where there is none, so that an address may stand for it."""
    if answer.status is Status.FOUND:
        return hit(Finding("SENDER_NULL_MX", 5.0, f"{domain} has a null MX")) if _is_null(answer) else MISS
    if answer.status is Status.NO_NAME:
        return hit(Finding("SENDER_DOMAIN_MISSING", 4.0, f"there is no {domain} in DNS"))
    return _unknown(answer) if answer.status.failed else None


def _is_null(answer: Answer) -> bool:
    """Whether it is the null MX: a single record whose exchanger is the root."""
    return len(answer.records) == 1 and answer.records[0].split()[-1] == "."


def _unknown(answer: Answer) -> Seen:
    """Say that DNS did not tell, in words that are the same for all senders."""
    if answer.status is Status.TIMEOUT:
        return timed_out("DNS gave no answer on the sender's domain in time")
    return failed("DNS gave no usable answer on the sender's domain; doctor says how the DNS servers are")
