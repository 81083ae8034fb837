"""Attachments: what is attached, what lies in it, and is any of it of a dangerous kind.

The check knows no policy: each attachment is a finding with its facts, so that rules by name and type can be laid over
a stored trace. Content counts, and every name that a mail program may show. What holds others is read by a helper
process; where none can be had the check fails, which defers by default.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from gateway.checks.base import Check, Seen, View, failed, skipped, timed_out
from gateway.checks.dissecting import AT_ONCE, Dissecting, opened
from gateway.mail.findings import Finding, Outcome
from gateway.mail.message import Content
from gateway.mail.stages import Stage
from gateway.mime.attached import Attached, attachments
from gateway.mime.claims import by_names, type_lie
from gateway.mime.decoding import Raw, whole
from gateway.mime.kinds import MEANING, Kind
from gateway.mime.names import normal, shown
from gateway.mime.signatures import PDF
from gateway.mime.words import Anatomy
from gateway.policy.attachments import SEPARATOR
from gateway.services.inspection import pdf
from gateway.services.inspection.words import Thing
from gateway.services.inspector import HELPERS, Inspector, InspectorError, InspectorTimeout

MOST_ASKED = 100  # attachments of one message that are looked into
NAMED = 100  # things that a trace names; what is dangerous comes first
_MOST_NAMES = 10  # of one thing
_SECONDS = 15.0  # for all attachments of one message
_PROCESSOR = 8.0  # seconds of processor time for the same
WEIGHTS: dict[Kind, float] = {
    Kind.EXECUTABLE: 10.0,
    Kind.SCRIPT: 10.0,
    Kind.SHORTCUT: 10.0,
    Kind.DISK_IMAGE: 8.0,
    Kind.MACROS: 8.0,
    Kind.TYPE_LIES: 8.0,
    Kind.NAME_LIES: 8.0,
    Kind.UNREADABLE: 8.0,
    Kind.ENCRYPTED: 3.0,
    Kind.ACTIVE: 3.0,
}


class _Found(msgspec.Struct, frozen=True):
    """One thing, and the part in which it came."""

    part: str
    thing: Thing
    more: int = 0


class Attachments(Check):
    """Looks at what is attached."""

    name = "attachments"
    stages = (Stage.DATA,)
    symbols = {
        **{kind.symbol: MEANING[kind] for kind in Kind},
        "ATTACHMENT": "something is attached, or lies in what is; rules by name and type go by it",
    }
    seconds = 20.0

    def __init__(self, dissecting: Dissecting, inspector: Inspector, seconds: float = _SECONDS) -> None:
        """Take who reads the message's anatomy, and who looks into attachments; ``seconds`` bounds a message."""
        self._dissecting = dissecting
        self._inspector = inspector
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(HELPERS, "attachments")

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Name each attachment; hit where one is of a dangerous kind. What needs no reader is done at once."""
        content = view.content
        if content is None:
            return skipped("no content")
        if not content.kept:
            return skipped("larger than the node accepts; its content was not kept")
        anatomy = self._dissecting.of(view)
        if isinstance(anatomy, asyncio.Future):
            return self._later(content, anatomy)
        raw = content.memory or b""
        attached = list(attachments(raw, anatomy))
        if any(each.signature.opens and each.signature is not PDF for each in attached):
            return self._in_thread(content, anatomy)
        return _seen([found for each in attached for found in _at_once(each, raw)], anatomy)

    async def _later(self, content: Content, anatomy: asyncio.Future[Anatomy]) -> Seen:
        """Wait for the anatomy of a large message, and look at it in a thread."""
        return await self._in_thread(content, await asyncio.shield(anatomy))

    async def _in_thread(self, content: Content, anatomy: Anatomy) -> Seen:
        """Look at all attachments in a thread."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._look, content, anatomy)
        except InspectorTimeout as error:
            return timed_out(str(error))
        except InspectorError as error:
            return failed(str(error))

    def _look(self, content: Content, anatomy: Anatomy) -> Seen:
        """Look at all attachments. Blocks. Raises InspectorError, InspectorTimeout, OSError."""
        with opened(content) as raw:
            return _seen(list(self._found(raw, anatomy)), anatomy)

    def _found(self, raw: Raw, anatomy: Anatomy) -> Iterator[_Found]:
        """Give every attachment with what lies in it."""
        until = time.monotonic() + self._seconds
        asked, left = 0, _PROCESSOR
        for each in attachments(raw, anatomy):
            part = each.part
            if not each.signature.opens or (each.signature is PDF and len(raw) <= AT_ONCE):
                yield from _at_once(each, raw)
                continue
            asked += 1
            if asked > MOST_ASKED or left <= 0:
                thing = _thing(each)
                thing.kinds[Kind.UNREADABLE] = "it was not looked into: there are too many, or they take too long"
                yield _Found(part.path, thing)
                continue
            seen = self._inspector.inspect(each.blocks(raw), part.names, part.types, until, left)
            left -= seen.seconds
            for thing in seen.things:
                yield _Found(part.path, thing)
            if seen.more:
                yield _Found(part.path, Thing(), seen.more)


def _at_once(each: Attached, raw: Raw) -> Iterator[_Found]:
    """Give what an attachment of a small message is where that needs no reader; a PDF is read as it stands."""
    if each.signature is PDF:
        yield from (
            _Found(each.part.path, thing) for thing in pdf.look(whole(each.blocks(raw), AT_ONCE), each.part.names)
        )
    else:
        yield _Found(each.part.path, _thing(each))


def _thing(each: Attached) -> Thing:
    """Give what an attachment is by its first octets and its names."""
    part, signature = each.part, each.signature
    kinds = by_names(part.names)
    if signature.kind is not None:
        kinds.setdefault(signature.kind, f"by its content, {signature.type}")
    if lie := type_lie(signature.type, signature.kind, part.names, part.types):
        kinds[Kind.TYPE_LIES] = lie
    return Thing(part.names, (), signature.type, kinds)


def _seen(found: Sequence[_Found], anatomy: Anatomy) -> Seen:
    """Give what was found as findings: each kind of each thing, or the thing alone where it is of no kind."""
    more = sum(each.more for each in found)
    once = {(each.part, str(each.thing)): each for each in found if not each.more}  # several encodings, one thing
    dangerous = [each for each in once.values() if each.thing.kinds]
    plain = [each for each in once.values() if not each.thing.kinds]
    kept = [*dangerous[:NAMED], *plain[: max(0, NAMED - len(dangerous))]]
    more += len(once) - len(kept)
    findings: list[Finding] = []
    weighed: set[Kind] = set()
    for each in kept:
        findings.extend(_findings(each, weighed))
    if anatomy.cut:
        kind = Kind.UNREADABLE
        findings.append(Finding(kind.symbol, WEIGHTS[kind], f"not all parts were read: {anatomy.cut}"))
    if more:
        findings.append(Finding("ATTACHMENT", detail=f"and {more} more", facts={"more": str(more)}, informs=True))
    hits = any(not each.informs for each in findings)
    return Seen(Outcome.HIT if hits else Outcome.MISS, tuple(findings))


def _told(name: str) -> Iterator[str]:
    """Give the forms of a name that rules may fit: as it came, and as it is compared where that is another."""
    yield shown(name)
    if (form := normal(name)) != name.casefold():
        yield shown(form)


def _findings(found: _Found, weighed: set[Kind]) -> Iterator[Finding]:
    """Give the findings of one thing; each kind weighs once in a message."""
    thing = found.thing
    names = list(dict.fromkeys(each for name in thing.names[:_MOST_NAMES] for each in _told(name)))
    facts = {"part": found.part, "type": thing.type}
    if names:
        facts["names"] = SEPARATOR.join(names)
    called = names[0] if names else "what has no name"
    if thing.inside:
        facts["in"] = " / ".join(thing.inside)
        called = f"{called} in {facts['in']}"
    if not thing.kinds:
        yield Finding("ATTACHMENT", detail=called, facts=facts, informs=True)
    for kind, detail in thing.kinds.items():
        weight = 0.0 if kind in weighed else WEIGHTS[kind]
        weighed.add(kind)
        yield Finding(kind.symbol, weight, f"{called}: {detail}", facts=facts)
