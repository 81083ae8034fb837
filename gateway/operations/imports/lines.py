"""CSV as people have it: with or without a header, parted by commas, semicolons or tabs. Pure."""

import csv
import io
from collections.abc import Iterator, Sequence

import msgspec

MOST_OCTETS = 16 * 1024 * 1024
_SEPARATORS = ",;\t"


class Line(msgspec.Struct, frozen=True):
    """One line: its number, from 1, its text as it came, and its values by column."""

    number: int
    text: str
    values: dict[str, str]


class Refused(msgspec.Struct, frozen=True):
    """A line that can't be taken: what is wrong with it, and what to do about it."""

    number: int
    text: str
    reason: str
    remedy: str


class NoListError(Exception):
    """What was given is no list at all. The text says what to do."""


def decoded(octets: bytes) -> str:
    """Give an uploaded file as text; a byte order mark is left out. Raises NoListError."""
    if len(octets) > MOST_OCTETS:
        raise NoListError(f"the file is larger than {MOST_OCTETS // 1024**2} MiB; import it in parts")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise NoListError(f"line {line} is not UTF-8; save the file as CSV in UTF-8") from None


def read(text: str, columns: Sequence[str]) -> Iterator[Line | Refused]:
    """Give each line that is not empty. ``columns`` are the known ones, in the order of a file without a header.

    A first line that names known columns only is a header. A ``#`` begins a comment line.
    """
    header: Sequence[str] | None = None
    separator = next((each for each in _SEPARATORS if each in text.partition("\n")[0]), None)
    separator = separator or next((each for each in _SEPARATORS if each in text), ",")
    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        try:
            (cells,) = csv.reader(io.StringIO(raw), delimiter=separator, skipinitialspace=True, strict=True)
        except (csv.Error, ValueError):
            yield Refused(number, raw, "the quotation marks do not match", "double each one within a value")
            continue
        cells = [cell.strip() for cell in cells]
        if header is None:
            names = [cell.lower() for cell in cells]
            header = columns
            if names[0] in columns and all(name in columns for name in names):
                header = names
                continue
        if any(cells[len(header) :]):
            reason = f"there are {len(cells)} values, but {len(header)} columns"
            yield Refused(number, raw, reason, f"write {', '.join(header)}; quote a value that holds {separator!r}")
            continue
        yield Line(number, raw, dict(zip(header, cells, strict=False)))
