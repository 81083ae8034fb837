"""A list of senders from CSV: ``sender``, ``verdict`` and ``comment``."""

import msgspec
from django.db import transaction

from gateway import models
from gateway.operations import audit
from gateway.operations.imports.lines import Line, Refused, read
from gateway.policy.snapshot import ListVerdict
from gateway.policy.wellformed import entry_fault, normal_entry

COLUMNS = ("sender", "verdict", "comment")
_BATCH = 500
# What other programs' lists call the two.
_WORDS = {
    **dict.fromkeys(("allow", "ok", "accept", "white", "whitelist", "welcome", "permit"), ListVerdict.ALLOW),
    **dict.fromkeys(("block", "reject", "deny", "black", "blacklist", "blocklist"), ListVerdict.BLOCK),
}


class Entry(msgspec.Struct, frozen=True):
    """What a list says of one sender."""

    verdict: ListVerdict
    comment: str = ""


class Plan(msgspec.Struct, frozen=True):
    """What an import would do; entries that the list does not hold stay."""

    added: dict[str, Entry]
    changed: dict[str, Entry]
    same: int
    refused: list[Refused]

    @property
    def does_something(self) -> bool:
        """Whether there is anything to take over."""
        return bool(self.added or self.changed)


def plan(text: str, verdict: ListVerdict, domain: models.Domain | None = None) -> Plan:
    """Say what a list would change. ``verdict`` is that of lines without one, ``domain`` None means the node's list."""
    wanted: dict[str, Entry] = {}
    lines: dict[str, int] = {}
    refused: list[Refused] = []
    for line in read(text, COLUMNS):
        taken = line if isinstance(line, Refused) else _taken(line, verdict)
        if isinstance(taken, Refused):
            refused.append(taken)
            continue
        who, entry = taken
        if who in wanted and wanted[who].verdict is not entry.verdict:
            reason = f"{who} stands on line {lines[who]} with another verdict"
            refused.append(Refused(line.number, line.text, reason, "keep one of the two"))
            continue
        wanted.setdefault(who, entry)
        lines.setdefault(who, line.number)
    there = {
        row.who: Entry(ListVerdict(row.verdict), row.comment)
        for row in models.SenderEntry.objects.filter(domain=domain, recipient=None)
    }
    # A list without comments takes none away.
    wanted = {
        who: Entry(entry.verdict, there[who].comment) if who in there and not entry.comment else entry
        for who, entry in wanted.items()
    }
    return Plan(
        added={who: entry for who, entry in wanted.items() if who not in there},
        changed={who: entry for who, entry in wanted.items() if there.get(who, entry) != entry},
        same=sum(there.get(who) == entry for who, entry in wanted.items()),
        refused=refused,
    )


def carry_out(what: Plan, who: str, domain: models.Domain | None = None) -> None:
    """Take a plan over, all of it or nothing; it holds once the policy is published."""
    with transaction.atomic():
        models.SenderEntry.objects.bulk_create(
            [
                models.SenderEntry(who=sender, verdict=entry.verdict, comment=entry.comment, domain=domain)
                for sender, entry in what.added.items()
            ],
            batch_size=_BATCH,
        )
        for sender, entry in what.changed.items():
            models.SenderEntry.objects.filter(who=sender, domain=domain, recipient=None).update(
                verdict=entry.verdict, comment=entry.comment
            )
        said = f"{len(what.added)} added, {len(what.changed)} changed, for {domain or 'all mail'}"
        audit.record(who, "import", "senders", said)


def _taken(line: Line, verdict: ListVerdict) -> tuple[str, Entry] | Refused:
    """Give sender and entry of one line, or what is wrong with it."""
    who = normal_entry(line.values.get("sender", ""))
    if wrong := entry_fault(who):
        return Refused(line.number, line.text, *wrong)
    word = line.values.get("verdict", "").lower()
    if word and word not in _WORDS:
        return Refused(line.number, line.text, f"{word!r} is no verdict", "write allow or block, or leave it empty")
    comment = line.values.get("comment", "")
    longest = models.SenderEntry._meta.get_field("comment").max_length  # noqa: SLF001 - the documented name
    if longest is not None and len(comment) > longest:
        reason = f"the comment has {len(comment)} characters"
        return Refused(line.number, line.text, reason, f"shorten it to {longest}")
    return who, Entry(_WORDS.get(word, verdict), comment)
