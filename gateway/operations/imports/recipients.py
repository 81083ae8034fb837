"""Recipients from CSV: ``address`` (or a local part of one chosen domain) and ``alias``."""

from collections.abc import Iterable

import msgspec
from django.db import transaction

from gateway import models
from gateway.mail.address import AddressError, parse_mailbox
from gateway.operations import audit
from gateway.operations.imports.lines import Line, Refused, read
from gateway.policy.wellformed import local_part_fault

COLUMNS = ("address", "alias")
_BATCH = 500


class Plan(msgspec.Struct, frozen=True):
    """What an import would do. ``added`` and ``changed`` map addresses to their alias; nothing else is touched."""

    added: dict[str, str]
    changed: dict[str, str]
    removed: list[str]
    same: int
    refused: list[Refused]

    @property
    def does_something(self) -> bool:
        """Whether there is anything to take over."""
        return bool(self.added or self.changed or self.removed)


def plan(text: str, domain: str = "", *, whole: bool = False) -> Plan:
    """Say what a list would change. ``domain`` is that of addresses without one.

    ``whole`` says that the list is complete: what it does not hold is removed from each domain that it names. Lines
    that can't be taken could stand for any recipient: while there are some, nothing is removed.
    """
    ours = set(models.Domain.objects.values_list("name", flat=True))
    wanted: dict[str, str] = {}
    lines: dict[str, Line] = {}
    refused: list[Refused] = []
    for line in read(text, COLUMNS):
        taken = line if isinstance(line, Refused) else _taken(line, domain, ours)
        if isinstance(taken, Refused):
            refused.append(taken)
        elif taken[0] in wanted and wanted[taken[0]] != taken[1]:
            reason = f"{taken[0]} stands on line {lines[taken[0]].number} with another alias"
            refused.append(Refused(line.number, line.text, reason, "keep one of the two"))
        elif isinstance(line, Line):
            wanted[taken[0]] = taken[1]
            lines.setdefault(taken[0], line)
    there = _there({address.rpartition("@")[2] for address in wanted} | ({domain} if whole and domain else set()))
    refused.extend(_loops(wanted, there, lines))
    numbers = {each.number for each in refused}
    wanted = {address: alias for address, alias in wanted.items() if lines[address].number not in numbers}
    return Plan(
        added={address: alias for address, alias in wanted.items() if address not in there},
        changed={address: alias for address, alias in wanted.items() if there.get(address, alias) != alias},
        removed=sorted(address for address in there if address not in wanted) if whole and not refused else [],
        same=sum(there.get(address) == alias for address, alias in wanted.items()),
        refused=sorted(refused, key=lambda each: each.number),
    )


def carry_out(what: Plan, who: str) -> None:
    """Take a plan over, all of it or nothing; it holds once the policy is published."""
    with transaction.atomic():
        domains = {row.name: row for row in models.Domain.objects.all()}
        rows = []
        for address, alias in what.added.items():
            local, _, name = address.rpartition("@")
            rows.append(models.Recipient(domain=domains[name], local_part=local, alias=alias))
        models.Recipient.objects.bulk_create(
            rows,
            batch_size=_BATCH,
            update_conflicts=True,
            unique_fields=("domain", "local_part"),
            update_fields=("alias",),
        )
        for address, alias in what.changed.items():
            local, _, name = address.rpartition("@")
            models.Recipient.objects.filter(domain=domains[name], local_part=local).update(alias=alias)
        for address in what.removed:
            local, _, name = address.rpartition("@")
            models.Recipient.objects.filter(domain=domains[name], local_part=local).delete()
        said = f"{len(what.added)} added, {len(what.changed)} changed, {len(what.removed)} removed"
        audit.record(who, "import", "recipients", said)


def _taken(line: Line, domain: str, ours: set[str]) -> tuple[str, str] | Refused:
    """Give address and alias of one line, in look-up form, or what is wrong with it."""

    def no(reason: str, remedy: str) -> Refused:
        return Refused(line.number, line.text, reason, remedy)

    given, alias = line.values.get("address", ""), line.values.get("alias", "")
    if not given:
        return no("there is no address", "write user@domain, or what stands before the @")
    if "@" not in given and not domain:
        return no(f"{given!r} has no domain", "write user@domain, or choose the domain of local parts")
    try:
        address = parse_mailbox(given if "@" in given else f"{given}@{domain}")
    except AddressError as error:
        return no(f"{given!r} is no address: {error}", "write user@domain")
    if address.domain_key not in ours:
        return no(f"{address.domain_key} is no domain of ours", "add the domain first, or leave the line out")
    local, _, name = address.key.rpartition("@")
    if wrong := local_part_fault(local):
        return no(*wrong)
    if not alias:
        return f"{local}@{name}", ""
    try:
        target = parse_mailbox(alias if "@" in alias else f"{alias}@{name}")
    except AddressError as error:
        return no(f"alias {alias!r} is no address: {error}", "write user@domain, or leave it empty")
    if target.domain_key not in ours:
        return no(f"alias {target.key} is no address of ours", "mail is never forwarded to others: name one of ours")
    # A list that says of a mailbox that it leads to itself says that it is one.
    return address.key, "" if target.key == address.key else target.key


def _there(names: Iterable[str]) -> dict[str, str]:
    """Give the recipients that some domains have now, with their alias."""
    rows = models.Recipient.objects.filter(domain__name__in=list(names))
    return {f"{local}@{name}": alias for local, name, alias in rows.values_list("local_part", "domain__name", "alias")}


def _loops(wanted: dict[str, str], there: dict[str, str], lines: dict[str, Line]) -> list[Refused]:
    """Give the lines whose aliases would lead in a circle."""
    others = models.Recipient.objects.exclude(alias="").values_list("local_part", "domain__name", "alias")
    aliases = {f"{local}@{name}": alias for local, name, alias in others} | there | wanted
    found = []
    for address, line in lines.items():
        way = [address]
        while (following := aliases.get(way[-1])) and following not in way:
            way.append(following)
        if following == address:
            reason = f"the alias leads back to itself: {' -> '.join([*way, address])}"
            found.append(Refused(line.number, line.text, reason, "break the circle"))
    return found
