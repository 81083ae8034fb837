"""Every mail that the gateway is tried with: constructions that lie, the same in good form, and harmless ones."""

from collections.abc import Iterator

from tests.lies import controls, floods
from tests.lies.building import (
    COMBINED,
    CONTENT,
    CONTROL,
    EICAR,
    HARMLESS,
    HARMLESS_TEXT,
    LETTER,
    NAME,
    PROGRAM,
    SIGNS,
    Lie,
    Told,
)
from tests.lies.combined import combined
from tests.lies.containers import containers
from tests.lies.encodings import encodings
from tests.lies.large import large
from tests.lies.names import names
from tests.lies.signs import signs
from tests.lies.sloppy import sloppy
from tests.lies.structures import structures

SEVERAL = 300  # mails with several lies at once


def lies() -> Iterator[Lie]:
    """Give every construction that hides something."""
    for made in (structures(LETTER), encodings(), containers("letter.txt", EICAR), large(), floods.of_content()):
        yield from _of(CONTENT, "", made)
    yield from _of(SIGNS, "", signs())
    yield from _of(COMBINED, "", combined(SEVERAL))
    yield from _of(NAME, "", names())
    yield from _of(NAME, "", floods.of_names())
    yield from _of(NAME, "named-", structures(PROGRAM))
    yield from _of(NAME, "named-", containers("letter.exe", HARMLESS_TEXT))


def plain() -> Iterator[Lie]:
    """Give what the lies hide, in good form."""
    yield from _of(CONTROL, "", controls.dangerous())


def harmless() -> Iterator[Lie]:
    """Give mails with nothing behind them, in good form, though some of it is rare."""
    yield from _of(HARMLESS, "", controls.harmless())
    yield from _of(HARMLESS, "sloppy-", sloppy())


def _of(family: str, before: str, made: Told) -> Iterator[Lie]:
    """Give what was told as constructions of a family."""
    for name, says, raw in made:
        yield Lie(before + name, family, says, raw)
