"""Asks whether an account, a client or a domain sends more than it may: messages, recipients, distinct senders.

It looks at mail that leaves only. Each limit is counted in a sliding window, exactly over all processes of a node; what
is over it is not counted, and by default deferred. Recipients that the next hop refused are counted by the verb, and
looked at here. An administrator unblocks with a click (``gateway.operations.learning.sending``). Where the counters
can't be reached the check fails, and mail waits: never "below the limit".
"""

from collections.abc import Awaitable, Iterable, Iterator

import msgspec

from gateway.checks.base import MISS, Check, Seen, View, failed, hit, skipped
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage
from gateway.policy.snapshot import Outbound, SendingLimits
from gateway.services.counters import Claim, Counters, CountersUnreachable

NAME = "sending_limits"
WHATS = ("messages", "recipients", "refused", "senders")
_HOUR = 3600.0


class Who(msgspec.Struct, frozen=True):
    """One to whom limits hold: ``kind`` is ``account``, ``client`` or ``domain``."""

    kind: str
    name: str
    limits: SendingLimits

    def key(self, what: str) -> str:
        """Name what is counted of it."""
        return key(self.kind, self.name, what)

    @property
    def window(self) -> float:
        """The window, in seconds."""
        return self.limits.hours * _HOUR


def key(kind: str, name: str, what: str) -> str:
    """Name what is counted of an account, a client or a domain."""
    return f"sending:{what}:{kind}:{name}"


def everybody(outbound: Outbound, *, account: str, ip: str, domain: str) -> Iterator[Who]:
    """Give those whose limits a message counts towards: its account, else its client; and its sender's domain."""
    if account:
        yield Who("account", account, outbound.limits_of.get(account, outbound.per_account))
    else:
        yield Who("client", ip, outbound.limits_of.get(ip, outbound.per_client))
    if domain:
        yield Who("domain", domain, outbound.limits_of.get(domain, outbound.per_domain))


def of_view(view: View) -> list[Who]:
    """Give those whose limits count for what is looked at."""
    sender = view.policy.plain(view.sender) if view.sender is not None else None
    return list(
        everybody(
            view.policy.snapshot.outbound,
            account=view.client.account,
            ip=view.client.ip,
            domain=sender.domain_key if sender is not None else "",
        )
    )


class SendingLimitsCheck(Check):
    """Counts a message with its sender at MAIL, a recipient at RCPT."""

    name = NAME
    stages = (Stage.MAIL, Stage.RCPT)
    symbols = {"SENDING_LIMIT": "an account, a client or a domain sends more than it may"}

    def __init__(self, counters: Counters) -> None:
        """Take the counters of the node."""
        self._counters = counters

    @classmethod
    def reads(cls, view: View) -> object:
        """Give whose limits count."""
        return of_view(view)

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Count, where all limits allow it."""
        if view.listener != "outbound":
            return skipped("mail that comes in has limits of its own")
        return self._count(view)

    async def _count(self, view: View) -> Seen:
        """Count a message, or a recipient."""
        who = of_view(view)
        sender = str(view.policy.plain(view.sender)).lower() if view.sender is not None else "<>"
        claims = [claim for each in who for claim in _claims(each, sender, at_mail=view.recipient is None)]
        if not claims:
            return skipped("no limit is set")
        try:
            full = await self._counters.admit(claims)
        except CountersUnreachable:
            return failed("the counters can not be reached; is the SMTP parent process well?")
        return MISS if full is None else hit(_finding(full, who))


async def count_refused(counters: Counters, who: Iterable[Who]) -> None:
    """Count a recipient that the next hop refused. Raises CountersUnreachable."""
    for each in who:
        if each.limits.refused is not None:
            await counters.count(each.key("refused"), each.window)


def _claims(who: Who, sender: str, *, at_mail: bool) -> Iterator[Claim]:
    """Give what a message, or a recipient of it, counts towards."""
    limits = who.limits
    if at_mail and limits.messages is not None:
        yield Claim(who.key("messages"), who.window, limits.messages)
    if at_mail and limits.senders is not None:
        yield Claim(who.key("senders"), who.window, limits.senders, sender)
    if not at_mail and limits.recipients is not None:
        yield Claim(who.key("recipients"), who.window, limits.recipients)
    if limits.refused is not None:
        yield Claim(who.key("refused"), who.window, limits.refused, counts=False)


def _finding(full: str, who: list[Who]) -> Finding:
    """Say who is over which limit."""
    for each in who:
        for what in WHATS:
            if each.key(what) == full:
                limit = getattr(each.limits, what)
                words = {"refused": "refused recipients", "senders": "distinct senders"}.get(what, what)
                detail = f"{each.kind} {each.name} has sent {limit} {words} within {each.limits.hours:g} h"
                facts = {"kind": each.kind, "name": each.name, "what": what, "limit": str(limit)}
                return Finding("SENDING_LIMIT", 0.0, detail, facts=facts)
    raise ValueError(full)
