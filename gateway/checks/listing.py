"""What the checks of DNS lists share: which lists of the policy are asked, and what they say of one client.

All lists are asked at once, within one budget: what has not answered by its end is a timeout of that list alone. A list
that was switched off, because its test points failed, is not asked, and the trace says so.
"""

import asyncio
import datetime
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from gateway.checks.base import View
from gateway.mail.findings import Finding
from gateway.policy.learned import ListOff
from gateway.policy.matching import Policy
from gateway.policy.snapshot import DnsList, ListKind, Mode, Rules
from gateway.services.dns import Resolver, lists
from gateway.services.dns.lists import AddressList, Said

SECONDS = 5.0  # the budget of all lists together: the client waits at RCPT
REASON_SECONDS = 2.0  # more, for a list's own words

SYMBOLS = {
    "DNS_LIST_NO_ANSWER": "a DNS list gave no answer, or one that is none",
    "DNS_LIST_OTHER_CODE": "a DNS list answered with a code that does not count",
    "DNS_LIST_OFF": "a DNS list is switched off, because its test points failed",
}


class Plan(msgspec.Struct, frozen=True):
    """What a policy makes of the lists of some kinds. ``explains`` is whether a refusal would tell a list's reason."""

    policy: Policy
    asked: tuple[AddressList, ...]
    off: tuple[tuple[str, ListOff], ...]
    explains: bool

    @property
    def is_empty(self) -> bool:
        """Whether the policy names no such list."""
        return not (self.asked or self.off)


class Lists:
    """Asks the lists of some kinds for a check."""

    def __init__(self, resolver: Resolver, check: str, kinds: Iterable[ListKind]) -> None:
        """Take the resolver, the check's name, and the kinds of list that it asks."""
        self._resolver = resolver
        self._check = check
        self._kinds = frozenset(kinds)
        self._plan: Plan | None = None

    def plan(self, policy: Policy) -> Plan:
        """Give what a policy makes of the lists; worked out once for each policy."""
        known = self._plan
        if known is None or known.policy is not policy:
            self._plan = known = self._made(policy)
        return known

    async def ask(self, view: View, plan: Plan) -> Sequence[Said]:
        """Ask all lists about the client at once."""
        return await lists.ask_all(self._resolver, plan.asked, view.client.ip, seconds=SECONDS)

    async def reasons(self, view: View, zones: Sequence[str]) -> list[str]:
        """Give the words of lists on why they list the client, in order; empty where they have none."""
        ip = view.client.ip
        asked = (lists.reason(self._resolver, zone, ip, seconds=REASON_SECONDS) for zone in zones)
        return await asyncio.gather(*asked)

    def _made(self, policy: Policy) -> Plan:
        """Compile the lists of a policy."""
        wanted = lists_of(policy, self._kinds)
        off = policy.learned.lists_off
        asked = tuple(lists.compiled(zone, each) for zone, each in wanted.items() if zone not in off)
        explains = bool(asked) and any(self._enforces(rules) for rules in _all_rules(policy))
        return Plan(policy, asked, tuple((zone, off[zone]) for zone in wanted if zone in off), explains)

    def _enforces(self, rules: Rules) -> bool:
        """Whether rules would refuse for what the check finds."""
        rule = rules.checks.get(self._check)
        return rule is not None and rule.mode is Mode.ENFORCE


def remarks(plan: Plan, said: Iterable[Said]) -> Iterator[Finding]:
    """Give what is worth a word beside the listings: lists that are off, that gave no answer, or an odd one."""
    for zone, entry in plan.off:
        since = datetime.datetime.fromtimestamp(entry.since, datetime.UTC)
        detail = f"{zone} is off since {since:%Y-%m-%d %H:%M} UTC, entry {entry.number}: {entry.because}"
        facts = {"list": zone, "entry": str(entry.number)}
        yield Finding("DNS_LIST_OFF", detail=detail, facts=facts, informs=True)
    for each in said:
        if each.trouble:
            detail = f"{each.zone}: {each.trouble}"
            yield Finding("DNS_LIST_NO_ANSWER", detail=detail, facts={"list": each.zone}, informs=True)
        for code in each.other[:3]:
            detail = f"{each.zone} answers {code}, which is none of the codes that count"
            yield Finding("DNS_LIST_OTHER_CODE", detail=detail, facts={"list": each.zone, "code": code}, informs=True)


def lists_of(policy: Policy, kinds: Collection[ListKind]) -> dict[str, DnsList]:
    """Give the lists of some kinds that a policy names, by their zones."""
    return {zone: each for zone, each in policy.snapshot.dns_lists.items() if each.kind in kinds}


def _all_rules(policy: Policy) -> Iterator[Rules]:
    """Give the rules of all domains and recipients."""
    for domain in policy.snapshot.domains.values():
        yield domain.rules
        yield from (each.rules for each in domain.recipients.values() if each.rules is not None)
