"""A small built-in spam scorer: the GTUBE test string, and a handful of header rules.

It is meant for the days before a real engine is connected, and to try thresholds with. Each rule is one fact about the
header section; RFC 5322 3.6 says which fields a message must have, and once. It needs nothing from outside.
"""

import datetime
import email.utils
import re
from collections.abc import Iterator

from gateway.checks.base import MISS, Check, Seen, View, hit, skipped
from gateway.mail.findings import Finding
from gateway.mail.message import Content, Headers
from gateway.mail.stages import Stage

# The Generic Test for Unsolicited Bulk Email, in two pieces so that this file is no spam itself.
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-" + b"ANTI-UBE-TEST-EMAIL*C.34X"
BODY_LOOKED_AT = 256 * 1024  # octets

_ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
_MARKS = re.compile(r"[!?$€£]{3,}")
_MIN_CAPITALS = 10  # letters that a subject needs before its capitals mean anything
_FUTURE = datetime.timedelta(days=1)


class Spam(Check):
    """Scores what the header section lacks or shouts."""

    name = "spam"
    stages = (Stage.DATA,)
    symbols = {
        "GTUBE": "the test string for spam filters",
        "MISSING_FROM": "no From field, which RFC 5322 requires",
        "MULTIPLE_FROM": "more than one From field",
        "MISSING_DATE": "no Date field, which RFC 5322 requires",
        "DATE_IN_FUTURE": "the Date lies more than a day ahead",
        "MISSING_MESSAGE_ID": "no Message-ID field",
        "MISSING_RECIPIENTS": "neither To nor Cc",
        "MISSING_SUBJECT": "no Subject, or an empty one",
        "SUBJECT_CAPITALS": "the Subject is written in capitals",
        "SUBJECT_MARKS": "the Subject holds three or more exclamation, question or money marks in a row",
        "FROM_NAME_IS_OTHER_ADDRESS": "the display name of From shows an address of another domain",
        "MALFORMED_HEADER": "the header section has lines that are no fields",
    }

    def look(self, view: View) -> Seen:
        """Hit with every rule that fits."""
        if view.content is None:
            return skipped("no content")
        found = tuple(_rules(view.content, view.headers))
        return hit(*found) if found else MISS


def _rules(content: Content, headers: Headers) -> Iterator[Finding]:
    """Try each rule."""
    if GTUBE in content.read(BODY_LOOKED_AT):
        yield Finding("GTUBE", 1000.0)
    yield from _from_rules(headers)
    yield from _date_rules(headers)
    if not headers.get("message-id"):
        yield Finding("MISSING_MESSAGE_ID", 1.0)
    if not (headers.get("to") or headers.get("cc")):
        yield Finding("MISSING_RECIPIENTS", 1.0)
    yield from _subject_rules(headers.get("subject"))
    if headers.malformed:
        yield Finding("MALFORMED_HEADER", 1.5, f"{headers.malformed} lines")


def _from_rules(headers: Headers) -> Iterator[Finding]:
    """Try the rules for From."""
    senders = headers.all("from")
    if not senders:
        yield Finding("MISSING_FROM", 3.0)
        return
    if len(senders) > 1:
        yield Finding("MULTIPLE_FROM", 3.0, f"{len(senders)} fields")
    name, bracket, address = senders[0].rpartition("<")
    if bracket and (shown := _ADDRESS.search(name)):
        real = _ADDRESS.search(address)
        if real is None or real[1].lower() != shown[1].lower():
            yield Finding("FROM_NAME_IS_OTHER_ADDRESS", 2.5, shown[0])


def _date_rules(headers: Headers) -> Iterator[Finding]:
    """Try the rules for Date."""
    text = headers.get("date")
    if not text:
        yield Finding("MISSING_DATE", 1.5)
        return
    try:
        date = email.utils.parsedate_to_datetime(text)
        if date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        ahead = date - datetime.datetime.now(datetime.UTC) > _FUTURE
    except (ValueError, TypeError, OverflowError, IndexError):
        return
    if ahead:
        yield Finding("DATE_IN_FUTURE", 1.5, text[:64])


def _subject_rules(subject: str) -> Iterator[Finding]:
    """Try the rules for Subject."""
    if not subject:
        yield Finding("MISSING_SUBJECT", 0.5)
        return
    if subject.isupper() and sum(map(str.isalpha, subject)) >= _MIN_CAPITALS:
        yield Finding("SUBJECT_CAPITALS", 1.5)
    if _MARKS.search(subject):
        yield Finding("SUBJECT_MARKS", 1.0)
