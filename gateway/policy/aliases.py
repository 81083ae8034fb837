"""Where aliases lead: one to the next, through patterns and details, to an end or in a circle. Pure."""

from collections.abc import Mapping

from gateway.policy.recipients import ALWAYS_DELIVERABLE, RecipientList
from gateway.policy.snapshot import DomainPolicy

MAX_ALIASES = 8  # that lead from one to the next


def with_detail(alias: str, detail: str, domains: Mapping[str, DomainPolicy]) -> str:
    """Give an alias's target with the detail (separator included) that its mail came with.

    It stays off where the target's domain knows no such details.
    """
    local, _, key = alias.rpartition("@")
    domain = domains.get(key)
    return f"{local}{detail}@{key}" if domain is not None and detail.startswith(domain.plus or "@") else alias


class Ways:
    """The ways that the aliases of some domains make. Addresses are in look-up form."""

    def __init__(self, domains: Mapping[str, DomainPolicy]) -> None:
        """Compile the domains' lists."""
        self._domains = domains
        self._lists = {name: RecipientList(domain) for name, domain in domains.items()}

    def fault(self, domain: str, local: str) -> tuple[str, str] | None:
        """Say what is wrong with the way that begins with the alias ``local`` of a domain, and the remedy, or None.

        A pattern's way begins with its target. Whoever only leads into a circle is none of its faults, and a pattern
        that takes in its own target ends there.
        """
        entry = self._domains[domain].recipients[local]
        address = entry.alias if "*" in local else f"{local}@{domain}"
        way: dict[str, str] = {}  # each alias, and the address that went by it
        while (step := self._step(address)) is not None:
            alias, target = step
            if target == address != alias:
                return None
            if alias in way:
                return _circle(way, alias, address, f"{local}@{domain}")
            way[alias] = address
            if len(way) > MAX_ALIASES:
                told = " -> ".join(list(way)[:4])
                reason = f"more than {MAX_ALIASES} aliases lead from one to the next: {told} -> ..."
                return reason, "name the last address"
            address = target
        return None

    def _step(self, address: str) -> tuple[str, str] | None:
        """Give the alias that an address is by, and its target; None where the address is none."""
        local, _, key = address.rpartition("@")
        domain = self._domains.get(key)
        if domain is None:
            return None
        if (entry := domain.recipients.get(local)) is not None:
            return (address, entry.alias) if entry.alias else None
        found = None if local in ALWAYS_DELIVERABLE else self._lists[key].find(local)
        if found is None or not found.entry.alias:
            return None
        return f"{found.listed_as}@{key}", with_detail(found.entry.alias, found.detail, self._domains)


def _circle(way: Mapping[str, str], again: str, address: str, own: str) -> tuple[str, str] | None:
    """Tell of the circle that a way ends in; None where the alias ``own`` is no part of it.

    ``again`` is the alias that ``address`` goes by, as an address on the way did before.
    """
    aliases = list(way)
    circle = aliases[aliases.index(again) :]
    if own not in circle:
        return None
    at = circle.index(own)
    steps = [(way[each], each) for each in (*circle[at:], *circle[:at])]
    steps.append((address, again) if own == again else steps[0])
    told = " -> ".join(each if each == alias else f"{each} (by {alias})" for each, alias in steps)
    return f"the alias leads back to itself: {told}", "break the circle"
