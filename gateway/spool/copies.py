"""Which copies of a message are kept, once it is decided what is done for each recipient. Pure.

A copy of what is copied is never made, and what is redirected is not redirected again: both go to the next hop of the
mailbox that they are for. So there are no circles, and everything stays within our own domains.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gateway.mail.copies import Copy, Purpose
from gateway.mail.decisions import Action, Decision
from gateway.mail.trace import RecipientTrace
from gateway.policy.decide import match_of, rules_for
from gateway.policy.matching import Policy

_ALONE = frozenset({Action.DELIVER, Action.TAG, Action.REJECT, Action.DROP, Action.DEFER})  # they keep no copy


def copies_of(policy: Policy, recipients: Sequence[RecipientTrace]) -> tuple[Copy, ...]:
    """Give the copies that the decisions for these recipients ask for; at most one of a kind for each mailbox."""
    found: dict[tuple[str, Purpose], Copy] = {}
    if not policy.copies and all(each.decision is None or each.decision.action in _ALONE for each in recipients):
        return ()  # nearly always
    delivered = {_key(each.delivered_to) for each in recipients if each.decision and each.decision.action.relays}
    for each in recipients:
        if each.decision is None:
            continue
        for copy in _of(policy, each, each.decision, delivered):
            key = (_key(copy.recipient), copy.purpose)
            known = found.get(key)
            if known is not None and copy.instead_of:
                copy = msgspec.structs.replace(known, instead_of=f"{known.instead_of}, {copy.instead_of}")  # noqa: PLW2901 - the same copy, for one more
            found[key] = copy
    return tuple(found.values())


def _of(policy: Policy, each: RecipientTrace, decision: Decision, delivered: set[str]) -> Iterator[Copy]:
    """Give the copies of one recipient; ``delivered`` has those who get the message anyway."""
    whose = each.delivered_to
    if decision.action is Action.QUARANTINE:
        yield Copy(whose, each.route, decision)
    elif decision.action is Action.STRIP:
        yield Copy(whose, each.route, decision, Purpose.ORIGINAL)
    rules = rules_for(policy, each.address)
    if decision.action is Action.REDIRECT:
        yield from _to(policy, (rules.redirect_to,), Purpose.REDIRECT, whose, decision)
    elif decision.action.relays:
        for copy in _to(policy, rules.copy_to, Purpose.COPY, whose, decision):
            if _key(copy.recipient) not in delivered:
                yield copy


def _to(policy: Policy, addresses: Iterable[str], purpose: Purpose, whose: str, decision: Decision) -> Iterator[Copy]:
    """Give the copies for addresses of ours, each under the route of its mailbox."""
    for address in addresses:
        match = match_of(policy, address)
        if match is not None:  # the codec has refused a policy that names another one
            yield Copy(str(match.mailbox), match.domain.route, decision, purpose, whose)


def _key(address: str) -> str:
    """Give an address as it is compared."""
    return address.lower()
