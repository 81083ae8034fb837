"""Ordinary mail from outside: what ``scripts/samples`` fetches, and what programs write, by where it comes from."""

import fnmatch
import re
from collections.abc import Iterator

from tests.gateway.backscatter.others import ordinary

RENDERED = (
    ordinary.of_accounts,
    ordinary.of_a_shop,
    ordinary.of_a_help_desk,
    ordinary.of_a_calendar,
    ordinary.of_mailman,
    ordinary.of_sympa,
)


# Some were saved with half of their line ends changed; no mail comes over the wire like that.
_LINE_END = re.compile(rb"\r*\n")
# Files of unsolicited mail, among the others in the tests of filters.
_SPAM = ("lamson-*/tests/spam", "bogofilter/*/src/tests/inputs/spam", "bogofilter/*/src/tests/inputs/msg.*.s")


def mails() -> Iterator[tuple[str, str, bytes]]:
    """Give source, name and octets of each."""
    for name, raw in ordinary.collected():
        if not any(fnmatch.fnmatch(name, f"*{spam}*") for spam in _SPAM):
            yield "collected", name, _LINE_END.sub(b"\r\n", raw)
    for source in RENDERED:
        for number, raw in enumerate(source()):
            yield "rendered", f"{source.__name__} {number}", raw
