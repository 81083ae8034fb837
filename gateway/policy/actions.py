"""What must hold of the actions of a policy: that each can be done where it is named, and leads to an end. Pure."""

import functools
from collections.abc import Callable, Iterator, Sequence

from gateway.mail.address import Address, parse_mailbox
from gateway.mail.decisions import Action
from gateway.policy.attachments import ATTACHMENTS
from gateway.policy.location import Place
from gateway.policy.matching import Match, Policy
from gateway.policy.recipients import methods
from gateway.policy.snapshot import AttachmentRule, Rules, Snapshot, Validation
from gateway.policy.wellformed import Fault, alias_fault

Look = Callable[[], Policy]  # compiled for the first address only
MOST_RULES = 200  # attachment rules of one domain or recipient
MOST_COPIES = 5  # addresses that get a copy
_MOST_LETTERS = 200


def faults(snapshot: Snapshot) -> Iterator[Fault]:
    """Give everything that is wrong with the actions of a policy that is otherwise right."""
    policy = functools.cache(lambda: Policy(snapshot))
    yield from _of_rules(snapshot.outbound.rules, ("outbound", "rules"), policy)
    for name, domain in snapshot.domains.items():
        yield from _of_rules(domain.rules, ("domains", name, "rules"), policy)
        for local, recipient in domain.recipients.items():
            own = recipient.rules
            if own is None:
                continue
            place: Place = ("domains", name, "recipients", local, "rules")
            yield from _of_rules(own, place, policy)
            if "*" not in local:
                yield from _to_itself(own, place, policy, f"{local}@{name}")


def attachment_rule_faults(rules: Sequence[AttachmentRule]) -> Iterator[tuple[int, str, str, str]]:
    """Give what is wrong with attachment rules: the rule's place in the list, its field, the reason and the remedy."""
    if len(rules) > MOST_RULES:
        yield MOST_RULES, "name", f"there are {len(rules)} attachment rules", f"{MOST_RULES} are the most; join some"
    seen: set[str] = set()
    for at, rule in enumerate(rules):
        if not rule.name.strip() or rule.name != rule.name.strip() or len(rule.name) > _MOST_LETTERS:
            yield at, "name", f"{rule.name!r} is no name of a rule", "give one that the trace can tell"
        if rule.name in seen:
            yield at, "name", f"a rule is called {rule.name!r} already", "give each its own name"
        seen.add(rule.name)
        if not rule.names and not rule.types:
            yield at, "names", f"rule {rule.name!r} fits no attachment", "give names such as *.iso, or types"
        elif rule.action is Action.DELIVER and _fits_all(rule.names) and _fits_all(rule.types):
            yield (
                at,
                "names",
                f"rule {rule.name!r} lets every attachment pass",
                f"set the check {ATTACHMENTS} to observe",
            )
        if rule.action is Action.DEFER:
            reason = f"rule {rule.name!r} would defer for ever: an attachment does not change"
            yield at, "action", reason, "use reject, quarantine or strip"
        yield from ((at, field, *wrong) for field, pattern in _patterns(rule) if (wrong := _pattern(field, pattern)))


def _fits_all(patterns: Sequence[str]) -> bool:
    """Whether patterns leave nothing out: there are none, or one fits whatever there is."""
    return not patterns or any(not each.strip("*?./") for each in patterns)


def _patterns(rule: AttachmentRule) -> Iterator[tuple[str, str]]:
    """Give the patterns of a rule, each with its field."""
    yield from (("names", pattern) for pattern in rule.names)
    yield from (("types", pattern) for pattern in rule.types)


def _pattern(field: str, pattern: str) -> tuple[str, str] | None:
    """Say what is wrong with a pattern, and the remedy; None where nothing is."""
    if not pattern.strip() or len(pattern) > _MOST_LETTERS:
        return f"{pattern!r} is no pattern", "write it as *.iso"
    if field == "types" and pattern.count("/") != 1 and pattern != "*":
        return f"{pattern!r} is no media type", "write it as application/x-dosexec, or application/*"
    return None


def _of_rules(rules: Rules, place: Place, policy: Look) -> Iterator[Fault]:
    """Check one set of rules."""
    for name, rule in rules.checks.items():
        if name == ATTACHMENTS:
            continue
        if rule.action is Action.STRIP:
            yield Fault((*place, "checks", name, "action"), *no_strip(name))
        for symbol, action in rule.actions.items():
            if action is Action.STRIP:
                yield Fault((*place, "checks", name, "actions", symbol), *no_strip(name))
    for at, field, reason, remedy in attachment_rule_faults(rules.attachments):
        yield Fault((*place, "attachments", at, field), reason, remedy)
    yield from _targets(rules, place, policy)


def no_strip(check: str) -> tuple[str, str]:
    """Say why a check can't lead to strip."""
    return f"the check {check} names no parts that could be stripped", f"use strip with {ATTACHMENTS}, or quarantine"


def _targets(rules: Rules, place: Place, policy: Look) -> Iterator[Fault]:
    """Check where redirected mail and copies go."""
    if rules.redirect_to:
        if wrong := target_fault(rules.redirect_to, policy):
            yield Fault((*place, "redirect_to"), *wrong)
    elif why := _redirects(rules):
        yield Fault(
            (*place, "redirect_to"),
            f"{why} redirects, and redirect_to is empty",
            "give the address of ours that gets what is redirected",
        )
    if len(rules.copy_to) > MOST_COPIES:
        yield Fault((*place, "copy_to"), f"{len(rules.copy_to)} addresses get a copy", f"{MOST_COPIES} are the most")
    for at, address in enumerate(rules.copy_to):
        if wrong := target_fault(address, policy):
            yield Fault((*place, "copy_to", at), *wrong)
        elif address in rules.copy_to[:at]:
            yield Fault((*place, "copy_to", at), f"{address} is named twice", "remove one of the two")


def _redirects(rules: Rules) -> str:
    """Name what leads to redirect; empty where nothing does."""
    if rules.thresholds.redirect is not None:
        return "the threshold redirect"
    for name, rule in rules.checks.items():
        if rule.action is Action.REDIRECT or Action.REDIRECT in rule.actions.values():
            return f"the check {name}"
    named = next((each.name for each in rules.attachments if each.action is Action.REDIRECT), None)
    return "" if named is None else f"the attachment rule {named!r}"


def target_fault(address: str, policy: Look) -> tuple[str, str] | None:
    """Say what is wrong with an address that gets redirected mail or copies, and the remedy; None where nothing is."""
    if wrong := alias_fault(address):
        return wrong
    match = policy().match(parse_mailbox(address))
    if match is None:
        reason = f"{address} is no address of ours: mail is never forwarded to others"
        return reason, "name an address of a domain that stands here"
    listed = methods(match.domain) == (Validation.LIST,)
    if not match.known and listed:
        return f"{address} is not in the list of recipients", "add it there, or name one that is"
    return None


def _to_itself(rules: Rules, place: Place, policy: Look, address: str) -> Iterator[Fault]:
    """Check that a recipient's own rules don't lead to that recipient."""
    if not (rules.redirect_to or rules.copy_to):
        return
    match = policy().match(parse_mailbox(address))
    domain = match.domain.rules if match is not None else None
    for field, targets in (("redirect_to", (rules.redirect_to,)), ("copy_to", rules.copy_to)):
        if domain is not None and getattr(domain, field) == getattr(rules, field):
            continue  # its domain's: the mailbox that gets the others' mail keeps its own
        for target in targets:
            if target and match is not None and target_of(policy(), target) == match.mailbox:
                yield Fault((*place, field), f"{target} is the recipient itself", "name another address")


def target_of(policy: Policy, address: str) -> Address | None:
    """Give the mailbox that an address of ours stands for, None where it is none."""
    match: Match | None = policy.match(parse_mailbox(address))
    return match.mailbox if match is not None else None
