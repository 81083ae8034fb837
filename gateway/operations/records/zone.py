"""Records as the text of a zone file (RFC 1035 5.1), to be copied. What is no record is a comment."""

import textwrap
from collections.abc import Iterable

from gateway.operations.records.record import Kind, Record, Seen, State

_WIDTH = 100


def as_zone(title: str, found: Iterable[Record | Seen], notes: Iterable[str] = (), policy: str = "") -> str:
    """Give records below a title, each with what it is good for and, where DNS was asked, what it says.

    ``policy`` is the text of the MTA-STS policy file, shown where a record announces it.
    """
    lines = [f"; {title}"]
    for note in notes:
        lines += _comment(f"Note: {note}")
    for each in found:
        record, seen = (each.record, each) if isinstance(each, Seen) else (each, None)
        lines += ["", *_comment(record.about), *(_comment(told(seen)) if seen else ())]
        # What stands in a zone of others is no line of this one.
        lines.append(f"; {record.line}" if record.elsewhere else record.line)
        if policy and record.kind is Kind.TXT and record.name.startswith("_mta-sts."):
            lines += ["; The policy file, which the console serves:", *(f";   {line}" for line in policy.splitlines())]
    return "\n".join(lines) + "\n"


def told(seen: Seen) -> str:
    """Say in words what DNS says of a record."""
    there = ", ".join(seen.there).encode("ascii", "backslashreplace").decode()
    match seen.state:
        case State.PUBLISHED:
            return f"DNS: published{'' if seen.record.value else f' as {there}'}"
        case State.DIFFERS if seen.record.suggestion:
            return f"DNS: another one is there, which may be right: {there}"
        case State.DIFFERS:
            return f"DNS: differs; there is {there}"
        case State.MISSING:
            return f"DNS: {'not there, and not needed' if seen.record.optional else 'missing'}"
    return f"DNS: could not be asked: {seen.detail}"


def _comment(text: str) -> list[str]:
    """Give a text as lines of comment. Nothing in it can end one early."""
    return [f"; {line}" for line in textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)]
