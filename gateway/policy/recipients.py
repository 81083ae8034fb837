"""Who a local part of one of our domains is: listed as it stands, by a pattern, or with a detail behind it. Pure.

A plain recipient costs one look-up in a dictionary; only who is not listed so is looked for in the other ways.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec

from gateway.policy.snapshot import DomainPolicy, RecipientPolicy, Validation

# RFC 5321 4.5.1 and RFC 2142: these two reach a person whatever the recipient list says.
ALWAYS_DELIVERABLE = frozenset({"postmaster", "abuse"})
MAX_FORMS = 5  # forms of one local part that are looked up: as it is, and without its details


_LIST = (Validation.LIST,)
_LIST_THEN_NEXT_HOP = (Validation.LIST, Validation.NEXT_HOP)


class Listed(msgspec.Struct, frozen=True):
    """An entry of a domain's list, as what it stands there, and the detail (separator included) that it is without."""

    entry: RecipientPolicy
    listed_as: str
    detail: str = ""


class RecipientList:
    """The recipients of one domain, compiled. In patterns ``*`` stands for anything; the one that says most wins."""

    def __init__(self, domain: DomainPolicy) -> None:
        """Compile the patterns among the domain's recipients."""
        self._plus = domain.plus
        self._entries = domain.recipients
        patterns = sorted((local for local in domain.recipients if "*" in local), key=_says_least)
        self._targets = tuple((domain.recipients[local], local) for local in patterns)
        self._patterns = re.compile("|".join(f"({_regex(each)})" for each in patterns)) if patterns else None

    def find(self, local: str) -> Listed | None:
        """Give the entry of a local part (lower case): its own, that without its detail, or a pattern's."""
        entry = self._entries.get(local)
        if entry is not None:
            return Listed(entry, local)
        for form in forms(local, self._plus)[1:]:
            entry = self._entries.get(form)
            if entry is not None:
                return Listed(entry, form, local[len(form) :])
        if self._patterns is not None and (found := self._patterns.fullmatch(local)):
            return Listed(*self._targets[(found.lastindex or 1) - 1])
        return None


def methods(domain: DomainPolicy) -> tuple[Validation, ...]:
    """Give where a domain's recipients are looked up, in order: as it says, else in its list first."""
    return domain.validation or (_LIST_THEN_NEXT_HOP if domain.accept_unknown else _LIST)


def forms(local: str, plus: str) -> tuple[str, ...]:
    """Give a local part as it is, then without its details, the longest first: ``a+b+c``, ``a+b``, ``a``."""
    if not plus or plus not in local or local.startswith('"'):
        return (local,)
    found = [local]
    while len(found) < MAX_FORMS and (shorter := found[-1].rpartition(plus)[0]):
        found.append(shorter)
    return tuple(found)


def takes_everyone(recipients: Mapping[str, RecipientPolicy]) -> bool:
    """Whether the list itself has everybody: a pattern of nothing but ``*`` that leads nowhere else."""
    return any(not local.strip("*") and not each.alias for local, each in recipients.items())


def _says_least(pattern: str) -> tuple[int, str]:
    """Order patterns: the one with the most letters of its own first."""
    return -len(pattern.replace("*", "")), pattern


def _regex(pattern: str) -> str:
    """Give a regular expression that never goes back over what it has matched, however many ``*`` there are."""
    first, *middle, last = map(re.escape, _runs(pattern))
    return first + "".join(f"(?>.*?{each})" for each in middle) + ".*" + last


def _runs(pattern: str) -> Iterable[str]:
    """Give what stands around the ``*`` of a pattern; several in a row are one."""
    return re.sub(r"\*+", "*", pattern).split("*")
