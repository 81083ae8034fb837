"""Decides a stored transaction again, under the policy in force and under another one.

The answer is *same*, *changed*, or *not decidable* where the other policy asks for something that nobody looked at
then. What asks nobody (lists of senders, blocked networks, sizes) is looked at again; all else counts as it was seen.
Nothing is asked, stored or sent. What the next hop would say, and what comes of it that recipients share one reply, is
left out: it is the decision for each recipient that is compared.
"""

import enum
from collections.abc import Iterator

import msgspec

from gateway.checks.base import Check, View
from gateway.checks.catalog import classes
from gateway.mail.address import Address, AddressError, parse_mailbox
from gateway.mail.decisions import Action, Decision
from gateway.mail.findings import Observation
from gateway.mail.message import Content
from gateway.mail.stages import Stage
from gateway.mail.trace import RecipientTrace, Trace
from gateway.policy.decide import decide, match_of
from gateway.policy.matching import Match, Policy
from gateway.policy.snapshot import CheckRule, Mode, Rules

REFUSES = frozenset({Action.REJECT, Action.DEFER})
_OFF = CheckRule(mode=Mode.OFF)
_RCPT = frozenset({Stage.CONNECT, Stage.HELO, Stage.MAIL, Stage.RCPT})
_ASKS_NOBODY: dict[str, Check] = {name: each() for name, each in classes().items() if each.asks_nobody}


class Answer(enum.StrEnum):
    """What comes of deciding again."""

    SAME = "same"
    CHANGED = "changed"
    UNDECIDABLE = "not decidable"


class Again(msgspec.Struct, frozen=True):
    """The answer for one recipient. ``because`` is the new decision's reason, or what nobody looked at."""

    recipient: str
    answer: Answer
    before: Action
    after: Action | None
    because: str


def decide_again(trace: Trace, before: Policy, after: Policy) -> Iterator[Again]:
    """Compare for each recipient what ``before``, the policy in force, and ``after`` make of a trace.

    Gives nothing for a transaction in which no recipient was named.
    """
    for each in trace.recipients:
        yield _of_recipient(trace, each, before, after)


def _of_recipient(trace: Trace, each: RecipientTrace, before: Policy, after: Policy) -> Again:
    """Compare for one recipient."""
    old, new = _decided(trace, each, before), _decided(trace, each, after)
    if old is None or new is None:
        was = old.action if old is not None else Action.REJECT
        if old is None and new is None:
            return Again(each.address, Answer.SAME, was, was, "the recipient's domain is none of ours")
        return _undecidable(each, was, "the domain is one of ours under one of the two policies only")
    # A finding that refuses, unlike a sum of points, is not made milder by anything that is unknown.
    settled = new.action is Action.REJECT and new.symbol is not None
    missing = "" if settled else _unseen(trace, each, before, after, new)
    if missing:
        return _undecidable(each, old.action, missing)
    answer = Answer.SAME if new.action is old.action else Answer.CHANGED
    return Again(each.address, answer, old.action, new.action, new.because)


def _undecidable(each: RecipientTrace, before: Action, because: str) -> Again:
    """Say that nobody can tell."""
    return Again(each.address, Answer.UNDECIDABLE, before, None, because)


def _decided(trace: Trace, each: RecipientTrace, policy: Policy) -> Decision | None:
    """Decide as on the wire: at RCPT by what was known then, else at the end of DATA. None for strangers' domains."""
    if trace.listener == "inbound" and match_of(policy, each.address) is None:
        return None
    seen = _looked_again(trace, each, policy)
    known_at_rcpt = msgspec.structs.replace(
        trace, observations=[one for one in seen if one.stage in _RCPT], header_from=""
    )
    decision = decide(known_at_rcpt, policy, each.address)
    if decision.action in REFUSES or not _came_to_data(trace, each):
        return decision
    return decide(msgspec.structs.replace(trace, observations=seen), policy, each.address)


def _came_to_data(trace: Trace, each: RecipientTrace) -> bool:
    """Whether the checks of DATA looked at the message for this recipient; older traces tell by what became of it."""
    if not trace.sha256:
        return False
    refused = each.decision is not None and each.decision.action in REFUSES
    return each.accepted or not refused or (each.reply is not None and each.reply == trace.reply)


def _looked_again(trace: Trace, each: RecipientTrace, policy: Policy) -> list[Observation]:
    """Give what was seen, with what the checks that ask nobody say under a policy."""
    seen = [one for one in trace.observations if one.check not in _ASKS_NOBODY]
    for check in _ASKS_NOBODY.values():
        for one in trace.observations:
            if one.check != check.name or one.recipient not in {None, each.address}:
                continue
            look = check.look(_view(trace, each, policy, one.stage, seen))
            again = msgspec.structs.replace(one, outcome=look.outcome, findings=look.findings, detail=look.detail)  # type: ignore[union-attr] # they never wait
            seen.append(again)
    return seen


def _view(trace: Trace, each: RecipientTrace, policy: Policy, stage: Stage, seen: list[Observation]) -> View:
    """Give a check what the trace still tells."""
    content = None
    if stage is Stage.DATA:
        head = f"From: {trace.header_from}\r\n".encode() if trace.header_from else b""
        content = Content(trace.size, trace.sha256, head, memory=b"")
    forwarder = policy.forwarder_of(trace.client.ip) if trace.listener == "inbound" else ""
    return View(
        policy=policy,
        node=trace.node,
        listener=trace.listener,
        client=msgspec.structs.replace(trace.client, forwarder=forwarder),
        sender=_address(trace.sender or ""),
        parameters=trace.parameters,
        recipient=_address(each.address),
        match=match_of(policy, each.address),
        content=content,
        recipients=(each.address,),
        earlier=seen,
    )


def _address(text: str) -> Address | None:
    """Read an address of a trace."""
    try:
        return parse_mailbox(text) if text else None
    except AddressError:
        return None


def _unseen(trace: Trace, each: RecipientTrace, before: Policy, after: Policy, new: Decision) -> str:
    """Say what the other policy would have to know and nobody looked at; empty where all is known."""
    if before.forwarder_of(trace.client.ip) != after.forwarder_of(trace.client.ip) or (
        before.is_spared(trace.client) != after.is_spared(trace.client)
    ):
        return "the client is trusted under one of the two policies only"
    came_to_data = _came_to_data(trace, each)
    if not came_to_data and new.action not in REFUSES and not _next_hop_refused(each, before, after):
        return "it was refused before its content came"
    stages = frozenset(Stage) if came_to_data else _RCPT
    old_rules, new_rules = _rules(before, match_of(before, each.address)), _rules(after, match_of(after, each.address))
    looked_at = {one.check for one in trace.observations if one.recipient in {None, each.address}}
    other = set(_read_otherwise(trace, each, before, after))
    unseen = [
        name
        for name, kind in classes().items()
        if not stages.isdisjoint(kind.stages)
        and (rule := new_rules.checks.get(name, _OFF)).mode in {Mode.SCORE, Mode.ENFORCE}
        and (name in other or (name not in looked_at and rule != old_rules.checks.get(name, _OFF)))
    ]
    return f"nobody looked with this policy: {', '.join(unseen)}" if unseen else ""


def _read_otherwise(trace: Trace, each: RecipientTrace, before: Policy, after: Policy) -> Iterator[str]:
    """Give the checks that take something else from one policy than from the other, and can't look again."""
    stage = Stage.DATA if _came_to_data(trace, each) else Stage.RCPT
    old, new = (_view(trace, each, policy, stage, trace.observations) for policy in (before, after))
    for name, kind in classes().items():
        if not kind.asks_nobody and kind.reads(old) != kind.reads(new):
            yield name


def _next_hop_refused(each: RecipientTrace, before: Policy, after: Policy) -> bool:
    """Whether the next hop refused the recipient, or the transaction just ended: no change of ours would matter."""
    if each.decision is None:
        return True
    old, new = match_of(before, each.address), match_of(after, each.address)
    return each.decision.check in {"next_hop", None} and _route_of(before, old) == _route_of(after, new)


def _route_of(policy: Policy, match: Match | None) -> object:
    """Give the route of a recipient."""
    return policy.route(match.domain.route if match is not None else policy.snapshot.outbound.route)


def _rules(policy: Policy, match: Match | None) -> Rules:
    """Give the rules of a recipient."""
    return match.rules if match is not None else policy.snapshot.outbound.rules
