"""Ordinary mail from outside: what ``scripts/samples`` fetches, and what programs write, by where it comes from."""

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


def mails() -> Iterator[tuple[str, str, bytes]]:
    """Give source, name and octets of each."""
    for name, raw in ordinary.collected():
        yield "collected", name, raw
    for source in RENDERED:
        for number, raw in enumerate(source()):
            yield "rendered", f"{source.__name__} {number}", raw
