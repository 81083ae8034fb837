"""Takes a message apart under every reading of it that some mail program may have. Never raises, and looks once.

What readers do not agree on is an oddity. Where something dangerous lies behind one, that is an oddity of its own,
``MIME_HIDDEN_ATTACHMENT``. Work is bounded: what is over the bounds is not read, and the anatomy says so.
"""

import re
from collections.abc import Iterator

import msgspec

from gateway.mime.body import odd_base64
from gateway.mime.danger import ending_of
from gateway.mime.decoding import Raw, decoded, whole
from gateway.mime.delimiters import split
from gateway.mime.encodings import IDENTITY
from gateway.mime.guesses import guesses
from gateway.mime.saying import Odd, Saying, saying_of
from gateway.mime.text import names_of, shown
from gateway.mime.weighing import weighed
from gateway.mime.words import Anatomy, Grade, Part

MAX_PARTS = 1000
MAX_DEPTH = 30
MAX_HEAD = 256 * 1024  # octets of one header section
MAX_INNER = 32 * 1024 * 1024  # octets of messages that are encoded themselves, all together
MAX_WORK = 64  # how often, on the average, each octet may be looked at
MAX_STRAYS = 200

_SAVED = frozenset({"eml", "mht", "mhtml"})  # endings of names of whole messages
_LATE = re.compile(
    rb"(?:[!-9;-~]++:[^\n]*+\n(?:[ \t][^\n]*+\n)*+){0,8}?(?:content-type|content-transfer|content-disp)", re.IGNORECASE
)
_MESSAGES = frozenset({"message/rfc822", "message/global", "message/news", "x-message/rfc822"})
_ENCODED = frozenset({"base64", "quoted-printable", "uuencode"})
# A line that looks like a delimiter, with MIME header fields right behind it.
_STRAY = re.compile(
    rb"\n[ \t]{0,8}--([^\r\n]{1,200})\r?\n"
    rb"(?=(?:[!-9;-~]{1,60}:[^\r\n]{0,998}\r?\n){0,3}?content-[!-9;-~]{2,20}[ \t]?:)",
    re.IGNORECASE,
)
_BARE = re.compile(rb"\r(?!\n)")
_BARE_STRAY = re.compile(
    rb"[\r\n][ \t]{0,8}--([^\r\n]{1,200})(?:\r\n|\r|\n)"
    rb"(?=(?:[!-9;-~]{1,60}:[^\r\n]{0,998}(?:\r\n|\r|\n)){0,3}?content-[!-9;-~]{2,20}[ \t]?:)",
    re.IGNORECASE,
)


def dissect(raw: Raw) -> Anatomy:
    """Take a message apart. ``raw`` is its octets, in memory or mapped."""
    budget = _Budget(len(raw))
    walk = _Walk(raw, budget)
    walk.entity(0, len(raw), "1", 0, "text/plain")
    walk.strays()
    return Anatomy(tuple(budget.parts), tuple(weighed(raw, budget.parts, budget.odd)), budget.cut)


class _Budget:
    """What was found, and how much of the bounds is used, by all walks through one message."""

    def __init__(self, size: int) -> None:
        """Begin with nothing."""
        self.parts: list[Part] = []
        self.odd: list[tuple[str, Odd]] = []
        self.cut = ""
        self.inner = 0
        self.work = MAX_WORK * (size + 64 * 1024)

    def stop(self, why: str) -> None:
        """Note why not all is read: the first reason."""
        self.cut = self.cut or why

    def spend(self, octets: int) -> bool:
        """Note that so many octets are looked at; False where that is too much."""
        self.work -= octets
        if self.work < 0:
            self.stop("it would take too much work")
        return self.work >= 0


class _Place(msgspec.Struct, frozen=True):
    """Where an entity is: its header section, its body, its path, how deep."""

    head: tuple[int, int]
    body: tuple[int, int]
    path: str
    depth: int

    def below(self, path: str) -> "_Place":
        """Give the same place with another path."""
        return _Place(self.head, self.body, path, self.depth + 1)


class _Walk:
    """One way through the octets of a message, or of one that is encoded within it."""

    def __init__(self, raw: Raw, budget: _Budget, within: Part | None = None, under: str = "") -> None:
        """Begin."""
        self.raw = raw
        self.budget = budget
        self.within = within
        self.under = under
        self.seen: set[tuple[int, int]] = set()
        self.delimiters: set[int] = set()
        self.containers: list[tuple[int, int, str, bool]] = []  # of multiparts: where, path, whether they are odd
        self.leaves: list[tuple[int, int, str]] = []
        self.children: dict[str, int] = {}

    # The tree.

    def entity(self, start: int, stop: int, path: str, depth: int, default: str) -> None:
        """Read one entity: a header section and a body. ``default`` is its type where it says none."""
        if (start, stop) in self.seen:
            return
        self.seen.add((start, stop))
        if len(self.budget.parts) >= MAX_PARTS:
            self.budget.stop(f"more than {MAX_PARTS} parts")
        elif depth > MAX_DEPTH:
            self.budget.stop(f"more than {MAX_DEPTH} levels")
        else:
            head_stop, body = self._head(start, stop)
            if self.budget.spend(head_stop - start):
                said = saying_of(self.raw[start:head_stop])
                self.budget.odd.extend((path, each) for each in said.odd)
                self._read(said, _Place((start, head_stop), (body, stop), path, depth), default)

    def _read(self, said: Saying, place: _Place, default: str) -> None:
        """Read the body of an entity as what its header section says, to every reader."""
        types = tuple(said.types) or (default,)
        body, stop = place.body
        is_multipart = any(each.startswith("multipart/") for each in types)
        is_message = not _MESSAGES.isdisjoint(types)
        if is_multipart and said.boundaries:
            part = self._add(said, types, place, multipart=True)
            self._multipart(said, part, place.depth)
        elif is_message:
            part = self._add(said, types, place, multipart=True)
            if _ENCODED.isdisjoint(said.encodings):
                self.entity(body, stop, self._child(place.path), place.depth + 1, "text/plain")
        else:
            part = self._leaf(said, types, place)
            if is_multipart:
                self.containers.append((body, stop, place.path, True))
        if is_multipart or is_message or (said.names and any(ending_of(name) in _SAVED for name in said.names)):
            self._encoded(part, said, place.depth)
        if part.multipart and any(not each.startswith(("multipart/", "message/")) for each in types[1:]):
            self._leaf(said, types, place.below(self._child(place.path)))
        if types[0] == "message/partial":
            self.budget.odd.append((place.path, Odd("MIME_PARTIAL", "a message in pieces (message/partial)")))
        for at in said.bodies:
            start = place.head[0]
            path = self._child(place.path)
            self._leaf(said, types, _Place((start, start + at), (start + at, stop), path, place.depth + 1))
        if not said.mime and place.head[0] == place.head[1]:
            self._late_head(place, default)

    def _head(self, start: int, stop: int) -> tuple[int, int]:
        """Find where the header section ends, and where the body begins."""
        raw = self.raw
        if raw[start : start + 2] == b"\r\n" and start + 2 <= stop:
            return start, start + 2
        if raw[start : start + 1] == b"\n" and start < stop:
            return start, start + 1
        end = min(stop, start + MAX_HEAD)
        at, width = raw.find(b"\n\r\n", start, end), 3
        bare = raw.find(b"\n\n", start, end if at < 0 else at + 1)
        if bare >= 0:
            at, width = bare, 2
        if at < 0:
            if end < stop:
                self.budget.stop(f"a header section of more than {MAX_HEAD // 1024} KiB")
            return end, end
        return at + 1, at + width

    def _late_head(self, place: _Place, default: str) -> None:
        """Read fields that stand behind a blank line where a header section should begin: some skip the line."""
        body, stop = place.body
        window = self.raw[body : min(stop, body + 2048)]
        fields = window.lstrip(b" \t\r\n")
        if _LATE.match(fields):
            odd = Odd("MIME_HEADER", "a blank line stands before the header fields", Grade.HARD)
            self.budget.odd.append((place.path, odd))
            start = body + len(window) - len(fields)
            self.entity(start, stop, self._child(place.path), place.depth + 1, default)

    def _multipart(self, said: Saying, part: Part, depth: int) -> None:
        """Read the parts of a multipart, by each of its boundaries."""
        budget = self.budget
        start, stop = part.body
        self.containers.append((start, stop, part.path, any(each.grade for each in said.odd)))
        inner = "message/rfc822" if "multipart/digest" in part.types else "text/plain"
        usual: list[tuple[int, int]] = []
        closed = False
        for boundary in said.boundaries:
            if not budget.spend(stop - start):
                return
            parts = split(self.raw, start, stop, boundary, MAX_PARTS)
            self.delimiters.update(each.start for each in parts.delimiters)
            if parts.besides:
                budget.odd.append((part.path, Odd("MIME_BOUNDARY", parts.why, Grade.HARD)))
            usual += parts.usual
            closed = closed or parts.closed
            for begin, end in (*parts.usual, *parts.besides):
                self.entity(begin, end, self._child(part.path), depth + 1, inner)
        if not usual:
            budget.odd.append((part.path, Odd("MIME_BOUNDARY", "its boundary never comes", Grade.SOFT)))
        elif not closed:
            budget.odd.append((part.path, Odd("MIME_TRUNCATED", "no final boundary")))

    def _encoded(self, part: Part, said: Saying, depth: int) -> None:
        """Read a message or multipart that is itself encoded."""
        budget = self.budget
        for encoding in said.encodings:
            if encoding in IDENTITY or (part.multipart and self.children.get(part.path)):
                continue
            inner = whole(decoded(encoding, self._octets(part)), MAX_INNER - budget.inner + 1)
            budget.inner += len(inner)
            if budget.inner > MAX_INNER:
                budget.stop("too much mail that is encoded within mail")
                return
            if self.within is not None and depth > 2:  # noqa: PLR2004 - nobody encodes three times
                budget.stop("mail that is encoded many times over")
                return
            if not inner:
                continue
            if part.types[0].startswith(("multipart/", "message/")):
                budget.odd.append(
                    (part.path, Odd("MIME_ENCODING", f"a {part.types[0]} is encoded as {encoding}", Grade.SOFT))
                )
            walk = _Walk(inner, budget, part, encoding)
            if part.types[0].startswith("multipart/") and said.boundaries:
                walk.children = self.children
                holder = Part(part.path, part.types, (), (), "", (0, 0), (0, len(inner)), multipart=True)
                walk._multipart(said, holder, depth)
            else:
                walk.entity(0, len(inner), self._child(part.path), depth + 1, "text/plain")
            walk.strays()

    def _leaf(self, said: Saying, types: tuple[str, ...], place: _Place) -> Part:
        """Note a leaf, and look into its body: is it what its encoding says, and is something encoded in it besides."""
        start, stop = place.body
        if "base64" in said.encodings and self.budget.spend(stop - start):
            more, odd = odd_base64(self.raw, start, stop)
            if odd is not None:
                self.budget.odd.append((place.path, odd))
                said.encodings.extend(each for each in more if each not in said.encodings)
        part = self._add(said, types, place)
        self.leaves.append((start, stop, place.path))
        if not IDENTITY.isdisjoint(part.encodings) and self.budget.spend(stop - start):
            self._guess(start, stop, place.path, types)
        return part

    def _guess(self, start: int, stop: int, path: str, types: tuple[str, ...]) -> None:
        """Note what stands encoded between two places though no header says so."""
        for guess in guesses(self.raw, start, stop):
            names = tuple(dict.fromkeys(each for name in names_of(guess.name) for each in shown(name) if each))
            place = (guess.start, guess.start), (guess.start, guess.stop)
            part = Part(self._child(path), ("application/octet-stream",), names, (guess.encoding,), "", *place)
            if not self._put(part):
                return
            grade = Grade.SOFT if guess.encoding != "guess-base64" or not types[0].startswith("text/") else Grade.PLAIN
            self.budget.odd.append((part.path, Odd("MIME_ENCODING", f"{guess.encoding[6:]} stands in the text", grade)))

    # What stands where no part is.

    def strays(self) -> None:
        """Read what looks like a part, with a line that looks like a boundary before it, wherever no part is known."""
        if not self.containers and self.raw.find(b"ontent-", self._first_body()) < 0:
            return
        for start, stop, path, _ in self.containers[:50]:
            self._gaps(start, stop, path)
        bare = bool(self.budget.odd) and _BARE.search(self.raw) is not None
        pattern = _BARE_STRAY if bare else _STRAY
        count = 0
        for found in pattern.finditer(self.raw, max(0, self._first_body() - 2)):
            line = self.raw.find(b"--", found.start(), found.end())
            if line in self.delimiters:
                continue
            count += 1
            if count > MAX_STRAYS:
                self.budget.stop("too much that looks like parts and is none")
                return
            self._stray(line, found.end(), found[1])

    def _first_body(self) -> int:
        """Give where the body of the whole message begins."""
        return (
            next((part.body[0] for part in self.budget.parts if part.within is self.within), 0)
            if not self.within
            else 0
        )

    def _stray(self, line: int, start: int, boundary: bytes) -> None:
        """Read one that begins behind a line."""
        path, odd, inside = "1", False, False
        stop = len(self.raw)
        for begin, end, of, is_odd in self.containers:
            if begin <= line < end:
                path, odd, stop = of, odd or is_odd, min(stop, end)
        for begin, end, of in self.leaves:
            if begin <= line < end:
                inside, path, stop = True, of, min(stop, end)
        closing = self.raw.find(b"\n--" + boundary.strip(), start, stop)
        if closing >= 0:
            stop = closing
        grade = Grade.HARD if odd or (not inside and self.containers) else Grade.PLAIN
        self.budget.odd.append((path, Odd("MIME_BOUNDARY", "what looks like a part stands where none is", grade)))
        self.entity(start, stop, self._child(path), path.count(".") + 2, "text/plain")

    def _gaps(self, start: int, stop: int, path: str) -> None:
        """Look for something encoded before the first part of a multipart, and behind the last."""
        spans = sorted(each for each in self.seen if start <= each[0] and each[1] <= stop)
        first = spans[0][0] if spans else stop
        last = max((each[1] for each in spans), default=stop)
        for begin, end in ((start, first), (last, stop)):
            if end - begin > 40:  # noqa: PLR2004 - less holds nothing
                self._guess(begin, end, path, ("application/octet-stream",))

    # Words.

    def _child(self, path: str) -> str:
        """Give the path of the next part below another."""
        number = self.children[path] = self.children.get(path, 0) + 1
        return f"{path}.{number}"

    def _add(self, said: Saying, types: tuple[str, ...], place: _Place, *, multipart: bool = False) -> Part:
        """Note a part."""
        encodings = tuple(said.encodings) or ("7bit",)
        names = tuple(said.names)
        part = Part(
            place.path,
            types,
            names,
            encodings,
            said.disposition,
            place.head,
            place.body,
            multipart,
            self.within,
            self.under,
        )
        self._put(part)
        return part

    def _put(self, part: Part) -> bool:
        """Note a part while there is room."""
        if len(self.budget.parts) >= MAX_PARTS:
            self.budget.stop(f"more than {MAX_PARTS} parts")
            return False
        self.budget.parts.append(part)
        return True

    def _octets(self, part: Part) -> Iterator[bytes]:
        """Give the body of a part of this walk, in blocks."""
        start, stop = part.body
        for at in range(start, stop, 65536):
            yield self.raw[at : min(at + 65536, stop)]
