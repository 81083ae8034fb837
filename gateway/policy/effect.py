"""What the rules of a policy come to: with the stages that were learned, with failures as domains want them, summed up.

Pure, and asked once for each policy.
"""

from collections.abc import Iterable

import msgspec

from gateway.mail.decisions import Action
from gateway.policy.learned import FORGED, Learned, Stage
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, Rules, Snapshot

KNOWN = "recipient_known"  # the check that looks a recipient up


def in_effect(domain: DomainPolicy, learned: Learned, name: str) -> DomainPolicy:
    """Give a domain's policy as it works: at the stage that it has come to, and failing as it says."""
    return _failing(_staged(domain, learned, name))


def _staged(domain: DomainPolicy, learned: Learned, name: str) -> DomainPolicy:
    """Give a domain's policy with the stage that it has come to, where it is guided."""
    if not domain.guided:
        return domain
    entry = learned.stages.get(name)
    stage = entry.stage if entry is not None else Stage.OBSERVE
    recipients = {
        local: each if each.rules is None else msgspec.structs.replace(each, rules=_at_stage(each.rules, stage))
        for local, each in domain.recipients.items()
    }
    return msgspec.structs.replace(domain, rules=_at_stage(domain.rules, stage), recipients=recipients)


def _failing(domain: DomainPolicy) -> DomainPolicy:
    """Give a domain's policy with what it says of a validation that could not be asked, where that is not to defer."""
    if domain.validation_down is Action.DEFER:
        return domain
    recipients = {
        local: each if each.rules is None else msgspec.structs.replace(each, rules=_failing_to(each.rules, domain))
        for local, each in domain.recipients.items()
    }
    return msgspec.structs.replace(domain, rules=_failing_to(domain.rules, domain), recipients=recipients)


def _failing_to(rules: Rules, domain: DomainPolicy) -> Rules:
    """Give rules whose recipient check fails as the domain says."""
    rule = rules.checks.get(KNOWN)
    if rule is None:
        return rules
    failing = msgspec.structs.replace(rule, on_failure=domain.validation_down)
    return msgspec.structs.replace(rules, checks={**rules.checks, KNOWN: failing})


def _at_stage(rules: Rules, stage: Stage) -> Rules:
    """Give rules with what a stage makes of forged bounces."""
    rule = rules.checks.get(FORGED)
    if rule is None:
        return rules
    return msgspec.structs.replace(rules, checks={**rules.checks, FORGED: stage.rule(rule)})


def wanted(domains: Iterable[DomainPolicy]) -> dict[str, CheckRule]:
    """Give the checks that any domain or recipient has on: what is worth a look before the recipient is known."""
    found: dict[str, CheckRule] = {}
    for domain in domains:
        own = (each.rules for each in domain.recipients.values() if each.rules is not None)
        for rules in (domain.rules, *own):
            found.update((name, rule) for name, rule in rules.checks.items() if rule.mode is not Mode.OFF)
    return found


def enforced(domains: Iterable[DomainPolicy]) -> frozenset[str]:
    """Give the checks whose hits all domains and recipients refuse, and none only observes."""
    found: frozenset[str] | None = None
    for domain in domains:
        own = (each.rules for each in domain.recipients.values() if each.rules is not None)
        for rules in (domain.rules, *own):
            refused = frozenset(
                name
                for name, rule in rules.checks.items()
                if not rules.observe and rule.mode is Mode.ENFORCE and rule.action in {Action.REJECT, Action.DEFER}
            )
            found = refused if found is None else found & refused
    return found or frozenset()


def has_copies(snapshot: Snapshot) -> bool:
    """Whether any rules copy what is delivered to another mailbox."""
    return bool(snapshot.outbound.rules.copy_to) or any(
        domain.rules.copy_to
        or any(each.rules is not None and each.rules.copy_to for each in domain.recipients.values())
        for domain in snapshot.domains.values()
    )
