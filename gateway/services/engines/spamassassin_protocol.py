"""What spamd answers, read strictly, without any connection.

The points of each rule come from the report, whose rows the message itself may imitate and an administrator may have
changed; so the total of the answer's header is what counts.
"""

import re
from collections.abc import Iterator

import msgspec

from gateway.services.engines import EngineError, EngineTimeout, Opinion, Symbol, opinion, plain

REST = "SPAMASSASSIN_REST"

OK = 0
UNAVAILABLE = 69  # the numbers are of sysexits.h, and one that spamd adds
_TIMEOUT = 79
_STATUS = re.compile(r"SPAMD/\d+\.\d+ (\d{1,3}) (.*)")
_TOTAL = re.compile(r"(?:True|False|Yes|No) ; (-?\d+(?:\.\d+)?) / -?\d+(?:\.\d+)?")
_HEADING = re.compile(r"^ *-{3,} -{3,} -{3,}", re.MULTILINE)
_ROW = re.compile(r"^ *(-?\d+(?:\.\d+)?) ([A-Za-z_][A-Za-z0-9_]*)(?: +(.*))?$")
_LATE = "TIME_LIMIT_EXCEEDED"


class Answer(msgspec.Struct, frozen=True):
    """What spamd answered: its code, the words behind it, the header fields (names in lower case) and the body."""

    code: int
    words: str
    fields: dict[str, str]
    body: bytes


def read_answer(raw: bytes, who: str = "spamd") -> Answer:
    """Read an answer, whole or not at all. Raises EngineError where it was cut, or is none."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("utf-8", "replace").split("\r\n")
    found = _STATUS.fullmatch(status.rstrip("\r\n"))
    if not found:
        raise EngineError(f"{who} {f'answered {plain(status)!r}' if raw else 'hung up without an answer'}")
    fields = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            fields[name.strip().lower()] = value.strip()
    code = int(found[1])
    if code == OK and not blank and found[2].strip() != "PONG":
        raise EngineError(f"{who} cut its answer short")
    length = fields.get("content-length")
    if length is not None and (not length.isdecimal() or int(length) != len(body)):
        raise EngineError(f"{who} cut its answer short: {len(body)} octets of {plain(length)}")
    return Answer(code, found[2].strip(), fields, body)


def refuse(answer: Answer) -> None:
    """Raise EngineError, or EngineTimeout, for every answer but ``EXOK``."""
    if answer.code == _TIMEOUT:
        raise EngineTimeout(f"spamd had no time to finish: {plain(answer.words)}")
    if answer.code != OK:
        raise EngineError(f"spamd answered {answer.code} {plain(answer.words)}")


def read_report(answer: Answer) -> Opinion:
    """Read an answer to REPORT. Raises EngineError, EngineTimeout."""
    refuse(answer)
    if "content-length" not in answer.fields:
        raise EngineError("spamd gave no report")
    found = _TOTAL.fullmatch(answer.fields.get("spam", ""))
    if not found:
        raise EngineError(f"spamd gave no total: {plain(answer.fields.get('spam', 'nothing'))!r}")
    total = float(found[1])
    symbols = list(_rows(answer.body.decode("utf-8", "replace")))
    if any(each.name == _LATE for each in symbols):
        raise EngineTimeout("spamd had no time to finish (its own time_limit)")
    return opinion(total, symbols, REST)


def _rows(report: str) -> Iterator[Symbol]:
    """Give the rules of a report: the rows below its last heading, with what stands indented behind each."""
    headings = list(_HEADING.finditer(report))
    if not headings:
        return
    current: Symbol | None = None
    for line in report[headings[-1].end() :].splitlines()[1:]:
        row = _ROW.match(line)
        if row:
            if current is not None:
                yield current
            current = Symbol(row[2], float(row[1]), row[3] or "")
        elif current is not None and line.startswith("    "):
            current = msgspec.structs.replace(current, description=f"{current.description} {line.strip()}")
    if current is not None:
        yield current
