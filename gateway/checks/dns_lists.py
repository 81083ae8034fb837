"""Asks whether DNS lists know the client's address, for the worse or for the better (RFC 5782).

All lists that the policy names are asked at once. Each listing weighs what the list's codes say. What allow-lists say
is taken from what block lists say, and from nothing else: where nothing is left of it, there is no hit. Where no list
gives an answer the check fails (by default the message goes on without it); a single one is noted. No list is asked
that an administrator has not named, and with none there is nothing to wait for.
"""

from collections.abc import Awaitable, Sequence

from gateway.checks.base import Check, Seen, View, skipped
from gateway.checks.listing import REASON_SECONDS, SECONDS, SYMBOLS, Lists, Plan, lists_of, remarks
from gateway.mail.findings import Finding, Outcome
from gateway.mail.stages import Stage
from gateway.policy.snapshot import ListKind
from gateway.services.dns import Resolver
from gateway.services.dns.lists import Said

NO_ANSWER = "none of the DNS lists gave an answer; doctor says how DNS servers and lists are"
_KINDS = (ListKind.BLOCK, ListKind.ALLOW)


class DnsLists(Check):
    """Asks block lists and allow-lists about the client's address."""

    name = "dns_lists"
    stages = (Stage.CONNECT,)
    symbols = {
        "DNS_LISTED": "a DNS list has the client's address",
        "DNS_ALLOWED": "a DNS allow-list has the client's address, which makes listings weigh less",
        **SYMBOLS,
    }
    seconds = SECONDS + REASON_SECONDS + 0.5

    def __init__(self, resolver: Resolver) -> None:
        """Take the resolver."""
        self._lists = Lists(resolver, self.name, _KINDS)

    @classmethod
    def reads(cls, view: View) -> object:
        """Give the lists that are asked."""
        return lists_of(view.policy, _KINDS)

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Ask, where there is somebody to be asked."""
        plan = self._lists.plan(view.policy)
        if plan.is_empty:
            return skipped("no DNS list is set")
        if view.spares_client:
            return skipped("the client is trusted")
        return self._ask(view, plan)

    async def _ask(self, view: View, plan: Plan) -> Seen:
        """Ask all lists, and the reason of those that would refuse."""
        said = await self._lists.ask(view, plan)
        others = tuple(remarks(plan, said))
        if said and all(each.trouble for each in said):
            return Seen(Outcome.TIMEOUT if all(each.late for each in said) else Outcome.ERROR, others, NO_ANSWER)
        block = sorted((each for each in said if _lists(each, ListKind.BLOCK)), key=lambda each: -each.points)
        left = sum(each.points for each in block)
        allowed, left = _allowed([each for each in said if _lists(each, ListKind.ALLOW)], left)
        is_hit = bool(block) and left > 0
        words = [""] * len(block)
        if is_hit and plan.explains:
            words = await self._lists.reasons(view, [each.zone for each in block])
        listed = tuple(_listed(each, why, informs=not is_hit) for each, why in zip(block, words, strict=True))
        return Seen(Outcome.HIT if is_hit else Outcome.MISS, (*listed, *allowed, *others))


def _lists(said: Said, kind: ListKind) -> bool:
    """Whether a list of a kind has the address."""
    return said.kind is kind and bool(said.code)


def _listed(said: Said, why: str, *, informs: bool) -> Finding:
    """Say that a block list has the address; ``why`` are its own words."""
    detail = f"listed by {said.zone}: {why}" if why else f"listed by {said.zone}"
    return Finding("DNS_LISTED", said.points, detail, facts={"list": said.zone, "code": said.code}, informs=informs)


def _allowed(said: Sequence[Said], left: float) -> tuple[list[Finding], float]:
    """Say which allow-lists have the address, each with what it takes from the points; give those that are left too."""
    found = []
    for each in said:
        taken = min(left, abs(each.points))
        left -= taken
        detail = f"allowed by {each.zone}"
        facts = {"list": each.zone, "code": each.code}
        found.append(Finding("DNS_ALLOWED", -taken if taken else 0.0, detail, facts=facts, informs=True))
    return found, left
