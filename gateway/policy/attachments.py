"""Which attachment rule is about which attachment, by what the check ``attachments`` noted of it. Pure.

The check knows no policy: it names each attachment with its facts, so that a stored trace can be decided again with
other rules.
"""

import functools
import re
from collections.abc import Sequence
from fnmatch import translate

from gateway.mail.decisions import Action
from gateway.mail.findings import Finding
from gateway.policy.snapshot import AttachmentRule

ATTACHMENTS = "attachments"  # the check whose findings rules are about; it alone names parts, and can lead to strip
SEPARATOR = "\n"  # between the names of one attachment, among its facts


def rule_for(finding: Finding, rules: Sequence[AttachmentRule]) -> AttachmentRule | None:
    """Give the first rule that fits an attachment; None where none does, or where the finding is about none."""
    facts = finding.facts
    if "part" not in facts:
        return None
    names = [each.casefold() for each in facts.get("names", "").split(SEPARATOR)]
    kind = facts.get("type", "").casefold()
    return next((rule for rule in rules if _fits(rule, names, kind, inner="in" in facts)), None)


def because(rule: AttachmentRule, finding: Finding) -> str:
    """Say why a rule decides about an attachment."""
    verb = "lets pass" if rule.action is Action.DELIVER else "is about"
    return f"the attachment rule {rule.name!r} {verb} {called(finding)}"


def called(finding: Finding) -> str:
    """Name the attachment that a finding is about."""
    facts = finding.facts
    name = facts.get("names", "").partition(SEPARATOR)[0] or f"part {facts.get('part', '')}"
    return f"{name} in {facts['in']}" if "in" in facts else name


def _fits(rule: AttachmentRule, names: Sequence[str], kind: str, *, inner: bool) -> bool:
    """Whether a rule fits what goes by these names and has this type; ``inner`` says that it lies in an archive."""
    if inner and not rule.inside:
        return False
    if rule.names and not any(_pattern(each).match(name) for each in rule.names for name in names):
        return False
    if rule.types and not any(_pattern(each).match(kind) for each in rule.types):
        return False
    return bool(rule.names or rule.types)


@functools.lru_cache(maxsize=2000)
def _pattern(text: str) -> re.Pattern[str]:
    """Compile a shell pattern, without regard to case."""
    return re.compile(translate(text.casefold()))
