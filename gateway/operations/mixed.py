"""Mixed verdicts: one message that some recipients refuse and others take, and what that costs.

One reply must fit all recipients of a transaction, so that the refused copies are quarantined, and somebody has to look
at them. Where the verdicts differ because two domains say different things of one check, the same setting for both
would spare that. Nothing is changed here.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
from django.db.models import Count

from gateway import models
from gateway.mail.trace import RecipientTrace, Trace
from gateway.operations.learning.readiness import in_force
from gateway.policy.decide import match_of
from gateway.policy.matching import Policy
from gateway.policy.snapshot import CheckRule, Mode, Rules

MOST = 5000  # transactions that are looked at, the newest
_OFF = CheckRule(mode=Mode.OFF)


class Difference(msgspec.Struct, frozen=True):
    """Why two verdicts differ: who refuses, who takes it, and the setting that would make them one.

    ``remedy`` is empty where no setting is behind it: a finding that is about one of the recipients only.
    """

    refuses: str
    takes: str
    check: str
    why: str
    remedy: str


class Cost(msgspec.Struct, frozen=True):
    """What mixed verdicts cost since ``days``.

    ``messages`` went to several recipients, ``mixed`` of them had verdicts that differ; for that ``copies`` were
    quarantined or dropped that would have been refused, which take ``octets`` in the spool. ``apart`` messages spared
    it, for their client took a reply for each recipient. ``differences`` tells why, the most frequent first.
    """

    days: float
    messages: int
    mixed: int
    copies: int
    octets: int
    apart: int
    differences: list[tuple[Difference, int]]


def cost(days: float) -> Cost:
    """Count the last days, by the policy in force."""
    snapshot = in_force()
    policy = Policy(snapshot) if snapshot is not None else None
    rows = (
        models.Transaction.objects.filter(started__gte=datetime.now(UTC) - timedelta(days=days), listener="inbound")
        .annotate(people=Count("recipients"))
        .filter(people__gt=1)
        .order_by("-started", "-id")
        .values_list("trace", flat=True)[:MOST]
    )
    messages = mixed = copies = octets = apart = 0
    differences: Counter[Difference] = Counter()
    for stored in rows.iterator(200):
        trace = msgspec.convert(stored, Trace)
        messages += 1
        held = [each for each in trace.recipients if each.decision is not None and each.decision.instead_of]
        if held:
            mixed += 1
            copies += len(held)
            octets += trace.size
        elif _answered_apart(trace):
            apart += 1
        if held and policy is not None:
            differences.update(_differences(trace, held, policy))
    return Cost(days, messages, mixed, copies, octets, apart, differences.most_common())


def _answered_apart(trace: Trace) -> bool:
    """Whether recipients of one message were refused and accepted, each with its own reply at the end of DATA."""
    replies = {each.reply.positive for each in trace.recipients if each.accepted and each.reply is not None}
    return trace.parameters.prdr and len(replies) > 1


def _differences(trace: Trace, held: list[RecipientTrace], policy: Policy) -> Iterator[Difference]:
    """Give, once a message, each difference between those who refuse and those who take it."""
    # Who quarantines or redirects takes it as well: the sender hears 250 for it.
    takers = [each for each in trace.recipients if each not in held and each.decision is not None]
    found = {_difference(one, other, policy): None for one in held for other in takers}
    yield from found


def _difference(one: RecipientTrace, other: RecipientTrace, policy: Policy) -> Difference:
    """Say why ``one`` refuses what ``other`` takes."""
    decision = one.decision
    refusing, taking = _whose(one, other)
    if decision is None or (rules := _rules(policy, one)) is None or (others := _rules(policy, other)) is None:
        return Difference(refusing, taking, "", "one of the domains is not in the policy any more", "")
    check = decision.check or ""
    if check == "spam" and decision.symbol is None:
        return _by_score(refusing, taking, rules, others)
    rule, their = rules.checks.get(check, _OFF), others.checks.get(check, _OFF)
    if others.observe and not rules.observe:
        return Difference(refusing, taking, check, f"{taking} only observes", f"end the observe mode of {taking}")
    if check == "attachments" and rules.attachments != others.attachments:
        why = f"{refusing} and {taking} have other attachment rules"
        return Difference(refusing, taking, check, why, "give both the same attachment rules")
    if (rule.mode, rule.action) == (their.mode, their.action) and rule.actions != their.actions:
        why = f"{refusing} and {taking} do other things about its symbols"
        return Difference(refusing, taking, check, why, f"set the actions of {check} by symbol alike")
    if (rule.mode, rule.action) == (their.mode, their.action):
        return Difference(refusing, taking, check, "it was found for one of the recipients only", "")
    why = f"{refusing} has {_words(rule)}, {taking} {_words(their)}"
    return Difference(
        refusing, taking, check, why, f"set {check} of {taking} to {_words(rule)}, or the other way round"
    )


def _by_score(refusing: str, taking: str, rules: Rules, others: Rules) -> Difference:
    """Say why a score is refused by one and taken by the other."""
    if others.observe and not rules.observe:
        return Difference(refusing, taking, "score", f"{taking} only observes", f"end the observe mode of {taking}")
    ours, theirs = rules.thresholds.reject, others.thresholds.reject
    if ours != theirs:
        why = f"{refusing} refuses from {ours:g} points on, {taking} from {theirs:g}"
        return Difference(refusing, taking, "score", why, f"set the same reject threshold for {refusing} and {taking}")
    unlike = sorted(
        name
        for name in rules.checks.keys() | others.checks.keys()
        if _scoring(rules.checks.get(name, _OFF)) != _scoring(others.checks.get(name, _OFF))
    )
    if unlike:
        why = f"other points count: {', '.join(unlike)}"
        return Difference(refusing, taking, "score", why, f"score {', '.join(unlike)} alike")
    return Difference(
        refusing, taking, "score", "a list of senders, or postmaster and abuse, take what others refuse", ""
    )


def _scoring(rule: CheckRule) -> object:
    """Give what of a rule counts towards a score."""
    return (rule.mode is Mode.SCORE, rule.weights if rule.mode is Mode.SCORE else None)


def _words(rule: CheckRule) -> str:
    """Say what a rule is."""
    return f"{rule.mode}, {rule.action}" if rule.mode is Mode.ENFORCE else rule.mode.value


def _whose(one: RecipientTrace, other: RecipientTrace) -> tuple[str, str]:
    """Say whose settings are compared: those of two domains, or of two recipients of one."""
    domains = [each.address.rpartition("@")[2].lower() for each in (one, other)]
    if domains[0] != domains[1]:
        return domains[0], domains[1]
    return one.address.lower(), other.address.lower()


def _rules(policy: Policy, each: RecipientTrace) -> Rules | None:
    """Give the rules that hold for a recipient today; None where its domain is none of ours."""
    match = match_of(policy, each.address)
    return match.rules if match is not None else None
