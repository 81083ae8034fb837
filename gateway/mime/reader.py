"""Takes a message apart under every reading of it that some mail program may have. Never raises, and looks once.

What readers do not agree on is an oddity. Where something dangerous lies behind one, that is an oddity of its own,
``MIME_HIDDEN_ATTACHMENT``. Work is bounded: what is over the bounds is not read, and the anatomy says so.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec

from gateway.mime.body import holds_uuencode, other_readings
from gateway.mime.danger import name_by
from gateway.mime.decoding import Raw, decoded, whole
from gateway.mime.delimiters import split
from gateway.mime.encodings import IDENTITY
from gateway.mime.endings import ENCODED, LOADED, SAVED, ending_of
from gateway.mime.guesses import MOST, guesses, literals
from gateway.mime.saying import Odd, Saying, saying_of
from gateway.mime.text import every_name
from gateway.mime.weighing import weighed
from gateway.mime.words import Anatomy, Grade, Part
from gateway.mime.wrapped import apple_name, binhex_name

MAX_PARTS = 1000
MAX_DEPTH = 30
MAX_HEAD = 256 * 1024  # octets of one header section
MAX_INNER = 32 * 1024 * 1024  # octets of messages that are encoded themselves, all together
MAX_WORK = 16  # how often, on the average, each octet may be looked at; ordinary mail needs less than half
MAX_STRAYS = 200
MAX_LINE = 1000  # octets of a line with its end, RFC 5321 4.5.3.1.6

_MOST_WITHIN = 4  # levels at which mail that is encoded within encoded mail is read
_MOST_CONTAINERS = 100
_LARGE_HEAD, _HEAD_WORK = 16 * 1024, 32  # octets of a section from which on each counts so often
_SIGNED = frozenset({"p7m"})  # endings of names of opaque signatures
_LEAST = 40  # octets that can hold something
_LATE = re.compile(
    rb"(?:[!-9;-~]++:[^\n]*+\n(?:[ \t][^\n]*+\n)*+){0,8}?(?:content-type|content-transfer|content-disp)", re.IGNORECASE
)
_VERSION = re.compile(rb"(?:\A|\n)mime-version[ \t]*:", re.IGNORECASE)
_VERSION_1 = re.compile(rb"(?:\A|\n)mime-version:\s*1\.0(?![0-9.])", re.IGNORECASE)
_APPLE = (b"AAUW", b"\0\5\x16")  # how AppleSingle begins, in base64 and as it is
_UNKNOWN = "application/octet-stream"
_MESSAGES = frozenset(
    {"message", "message/rfc822", "message/external-body", "message/global", "message/news", "x-message/rfc822"}
)
_ENCODED = frozenset({"base64", "quoted-printable", "uuencode"})
# A line that looks like a delimiter, with MIME header fields right behind it; or such a field, wherever it stands.
_FIELD = rb"content-(?:type|transfer-encoding|disposition)[ \t]?:"
_STRAY = re.compile(
    rb"\n(?:[ \t]{0,8}--([^\r\n]{1,200})\r?\n"
    rb"(?=(?:[!-9;-~]{1,60}:[^\r\n]{0,998}\r?\n){0,3}?content-[!-9;-~]{2,20}[ \t]?:)|(?=" + _FIELD + rb"))",
    re.IGNORECASE,
)
_BARE = re.compile(rb"\r(?!\n)")
_BARE_STRAY = re.compile(
    rb"[\r\n](?:[ \t]{0,8}--([^\r\n]{1,200})(?:\r\n|\r|\n)"
    rb"(?=(?:[!-9;-~]{1,60}:[^\r\n]{0,998}(?:\r\n|\r|\n)){0,3}?content-[!-9;-~]{2,20}[ \t]?:)|(?=" + _FIELD + rb"))",
    re.IGNORECASE,
)


def dissect(raw: Raw) -> Anatomy:
    """Take a message apart. ``raw`` is its octets, in memory or mapped."""
    budget = _Budget(len(raw))
    walk = _Walk(raw, budget)
    walk.entity(0, len(raw), "1", 0, "text/plain")
    walk.strays()
    odd = tuple(weighed(raw, budget.parts, budget.odd))
    return Anatomy(tuple(budget.parts), odd, budget.cut, _has_overlong_line(raw))


def _has_overlong_line(raw: Raw) -> bool:
    """Whether a line has more octets than SMTP allows; looks at few of them."""
    start = 0
    while start + MAX_LINE < len(raw):
        end = raw.rfind(b"\n", start, start + MAX_LINE)
        if end < 0:
            return True
        start = end + 1
    return False


def _is_multipart(media_type: str) -> bool:
    """Whether a type is a multipart."""
    return media_type.startswith("multipart/")


def _is_called(names: Iterable[str], endings: frozenset[str]) -> bool:
    """Whether a name has one of some endings."""
    return any(ending_of(name) in endings for name in names)


class _Budget:
    """What was found, and how much of the bounds is used, by all walks through one message."""

    def __init__(self, size: int) -> None:
        """Begin with nothing."""
        self.parts: list[Part] = []
        self.odd: list[tuple[str, Odd]] = []
        self.cut = ""
        self.quoted = False
        self.inner = 0
        self.work = MAX_WORK * (size + 64 * 1024)

    def note(self, path: str, odd: Odd) -> None:
        """Note an oddity; in what is only quoted, nothing hides."""
        self.odd.append((path, msgspec.structs.replace(odd, grade=Grade.PLAIN) if self.quoted and odd.grade else odd))

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


class _Container:
    """Where the body of a multipart lies, from its first delimiter to its last, and whether its header is odd."""

    def __init__(self, start: int, stop: int, path: str, *, odd: bool) -> None:
        """Begin without delimiters."""
        self.start, self.stop, self.path, self.odd = start, stop, path, odd
        self.first, self.last = stop, stop

    def span(self, first: int, last: int) -> None:
        """Note where delimiters begin and end."""
        self.last = max(last, self.last if self.first < self.stop else 0)
        self.first = min(first, self.first)

    def gaps(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Give what lies before the first delimiter and behind the last."""
        return (self.start, self.first), (self.last, self.stop)


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
        self.containers: list[_Container] = []
        self.leaves: list[tuple[int, int, str]] = []
        self.children: dict[str, int] = {}
        self.heads: list[tuple[int, int]] = []
        self.behind = 0  # up to where header sections were read last
        self.nameless = False

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
            self.heads.append((start, head_stop))
            self.behind = head_stop
            length = head_stop - start
            if self.budget.spend(length if length <= _LARGE_HEAD else length * _HEAD_WORK):
                said = saying_of(self.raw[start:head_stop])
                for each in said.odd:
                    self.budget.note(path, each)
                if said.cut:
                    self.budget.stop(said.cut)
                if not depth and said.mime:
                    self._version(start, head_stop)
                self._read(said, _Place((start, head_stop), (body, stop), path, depth), default)

    def _version(self, start: int, stop: int) -> None:
        """Note where readers that insist on MIME-Version do not take the message for MIME."""
        if len(_VERSION.findall(self.raw, start, stop)) != 1 or _VERSION_1.search(self.raw, start, stop) is None:
            self.budget.note("1", Odd("MIME_HEADER", "not one MIME-Version, or not 1.0"))

    def _read(self, said: Saying, place: _Place, default: str) -> None:
        """Read the body of an entity as what its header section says, to every reader."""
        types = tuple(said.types) or (default,)
        body, stop = place.body
        is_multipart = types[0].startswith("multipart/") or (len(types) > 1 and any(map(_is_multipart, types)))
        is_message = not _MESSAGES.isdisjoint(types)
        found = 0
        if is_multipart and said.boundaries:
            part = self._add(said, types, place, multipart=True)
            found = self._multipart(said, part, place.depth)
            if found and not IDENTITY.issuperset(said.encodings):
                self.budget.note(place.path, Odd("MIME_ENCODING", "a multipart is called encoded, and is not"))
        elif is_message:
            part = self._message(said, types, place)
        else:
            part = self._leaf(said, types, place)
            if is_multipart or said.boundaries:
                self.containers.append(_Container(body, stop, place.path, odd=True))
        is_saved = not part.multipart and bool(said.names) and _is_called(said.names, SAVED)
        if is_saved and not IDENTITY.isdisjoint(part.encodings):
            self.entity(body, stop, self._child(place.path), place.depth + 1, "text/plain")
        if (is_multipart and not found) or is_message or is_saved:
            self._encoded(part, said, place.depth)
        elif types[0].endswith("pkcs7-mime") or (said.names and _is_called(said.names, _SIGNED)):
            said.encodings = [f"{each}+signed" for each in part.encodings]
            self._encoded(part, said, place.depth)
        if (
            len(types) > 1
            and part.multipart
            and any(not each.startswith(("multipart/", "message/")) for each in types[1:])
        ):
            self._leaf(said, types, place.below(self._child(place.path)))
        if "message/partial" in types:
            self.budget.note(place.path, Odd("MIME_PARTIAL", "a message in pieces (message/partial)"))
        for at in said.bodies:
            start = place.head[0]
            path = self._child(place.path)
            self._leaf(said, types, _Place((start, start + at), (start + at, stop), path, place.depth + 1))
        if not said.mime and place.head[0] == place.head[1]:
            self._late_head(place, default)

    def _message(self, said: Saying, types: tuple[str, ...], place: _Place) -> Part:
        """Read a message within the message, unless it is encoded and looks so."""
        part = self._add(said, types, place, multipart=True)
        if "message/external-body" in types:
            odd = Odd("MIME_TYPE", "the content is to be fetched (message/external-body)", Grade.HARD)
            self.budget.note(place.path, odd)
        elif "message/rfc822" not in types:
            self.budget.note(place.path, Odd("MIME_TYPE", f"a message that is a {types[0]}"))
        body, stop = place.body
        if _ENCODED.isdisjoint(said.encodings) or _LATE.match(self.raw[body : min(stop, body + 2048)]):
            self.entity(body, stop, self._child(place.path), place.depth + 1, "text/plain")
        return part

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
            self.budget.note(place.path, odd)
            start = body + len(window) - len(fields)
            self.entity(start, stop, self._child(place.path), place.depth + 1, default)

    def _multipart(self, said: Saying, part: Part, depth: int) -> int:
        """Read the parts of a multipart, by each of its boundaries; give how many there are."""
        budget = self.budget
        start, stop = part.body
        container = _Container(start, stop, part.path, odd=any(each.grade for each in said.odd))
        self.containers.append(container)
        inner = "message/rfc822" if "multipart/digest" in part.types else "text/plain"
        usual: list[tuple[int, int]] = []
        closed = False
        for boundary in said.boundaries:
            if not budget.spend(stop - start):
                return len(usual)
            parts = split(self.raw, start, stop, boundary, MAX_PARTS)
            if parts.padded:
                budget.note(part.path, Odd("MIME_BOUNDARY", "something unseen stands behind a boundary"))
            if parts.cut:
                budget.stop("too many lines that look like boundaries")
            if parts.delimiters:
                self.delimiters.update(each.start for each in parts.delimiters)
                container.span(parts.delimiters[0].start, parts.delimiters[-1].stop)
            if parts.besides:
                budget.note(part.path, Odd("MIME_BOUNDARY", parts.why, Grade.HARD))
            usual += parts.usual
            self.nameless = self.nameless and not parts.usual  # it is a whole message, not a field or two
            closed = closed or parts.closed
            for begin, end in (*parts.usual, *parts.besides):
                self.entity(begin, end, self._child(part.path), depth + 1, inner)
        if not usual:
            budget.note(part.path, Odd("MIME_BOUNDARY", "its boundary never comes", Grade.SOFT))
        elif not closed:
            container.last = stop  # what is behind the last delimiter is a part
            budget.note(part.path, Odd("MIME_TRUNCATED", "no final boundary"))
        return len(usual)

    def _encoded(self, part: Part, said: Saying, depth: int) -> None:
        """Read a message or multipart that is itself encoded."""
        budget = self.budget
        for encoding in said.encodings:
            if encoding in IDENTITY:
                continue
            if self.within is not None and depth > _MOST_WITHIN:
                budget.stop("mail that is encoded many times over")
                return
            inner = self._inner(part, encoding)
            if not inner:
                continue
            if encoding.endswith("+signed"):
                budget.note(part.path, Odd("MIME_ENCODING", "it lies within an opaque signature"))
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

    def _inner(self, part: Part, encoding: str) -> bytes:
        """Undo the encoding of a whole body, as far as the bounds allow."""
        budget = self.budget
        inner = whole(decoded(encoding, self._octets(part)), MAX_INNER - budget.inner + 1)
        budget.inner += len(inner)
        if budget.inner > MAX_INNER:
            budget.stop("too much mail that is encoded within mail")
            return b""
        return inner

    def _leaf(self, said: Saying, types: tuple[str, ...], place: _Place) -> Part:
        """Note a leaf, and look into its body: is it what its encoding says, and is something encoded in it besides."""
        start, stop = place.body
        if self.budget.spend(stop - start):
            more, odd = other_readings(self.raw, start, stop, said.encodings, types[0])
            if odd is not None:
                self.budget.note(place.path, odd)
            if more:
                said.encodings = [*(said.encodings or ["7bit"]), *(each for each in more if each not in said.encodings)]
        if self.raw[start : start + 8].lstrip().startswith(_APPLE):
            beginning = iter((self.raw[start : min(stop, start + 2048)],))
            name = apple_name(whole(decoded((said.encodings or ["7bit"])[0], beginning), 1024))
            said.names += (each for each in every_name(name) if each not in said.names)
            said.encodings = said.encodings or ["7bit"]
            said.encodings += [f"{each}+apple" for each in said.encodings]
        part = self._add(said, types, place)
        self.leaves.append((start, stop, place.path))
        loaded = bool(part.names) and _is_called(part.names, LOADED)
        if not IDENTITY.isdisjoint(part.encodings) and self.budget.spend(stop - start):
            self.guess(start, stop, place.path, types, loaded=loaded)
        elif (
            loaded
            or types[0] == "text/calendar"
            or (part.names and _is_called(part.names, ENCODED))
            or (types[0].startswith("text/") and holds_uuencode(self.raw, start, stop, part.encodings[0]))
        ) and self.budget.spend(stop - start):
            inner = self._inner(part, part.encodings[0])
            walk = _Walk(inner, self.budget, part, part.encodings[0])
            walk.guess(0, len(inner), place.path, types, loaded=loaded)
        return part

    def guess(self, start: int, stop: int, path: str, types: tuple[str, ...], *, loaded: bool = False) -> None:
        """Note what stands encoded between two places, though no header says so; ``loaded`` where scripts undo it."""
        found = chain(guesses(self.raw, start, stop), literals(self.raw, start, stop) if loaded else ())
        for count, guess in enumerate(found):
            if count >= MOST:
                self.budget.stop("too much that is encoded in a text")
                return
            name = guess.name
            if guess.encoding == "guess-binhex":
                name = binhex_name(
                    whole(decoded("binhex-header", iter((self.raw[guess.start : guess.start + 512],))), 256)
                )
            names = every_name(name)
            place = (guess.start, guess.start), (guess.start, guess.stop)
            types_ = (_UNKNOWN,)
            part = Part(
                self._child(path), types_, names, (guess.encoding,), "", *place, within=self.within, under=self.under
            )
            if not self._put(part):
                return
            usual = guess.literal or (guess.encoding == "guess-base64" and types[0].startswith("text/"))
            grade = Grade.PLAIN if usual else Grade.SOFT
            self.budget.note(part.path, Odd("MIME_ENCODING", f"{guess.encoding[6:]} stands in the text", grade))

    # What stands where no part is.

    def strays(self) -> None:
        """Read what looks like a part, with a line that looks like a boundary before it, wherever no part is known."""
        for container in self.containers[:_MOST_CONTAINERS]:
            for begin, end in container.gaps():
                self._gap(begin, end, container.path)
        begin = 0 if self.within is not None or not self.budget.parts else max(0, self.budget.parts[0].body[0] - 2)
        bare = bool(self.budget.odd) and _BARE.search(self.raw) is not None
        count = 0
        heads = sorted(self.heads)
        at = 0
        for found in (_BARE_STRAY if bare else _STRAY).finditer(self.raw, begin):
            line = found.start() + 1
            if found[1] is not None:
                if self.raw.find(b"--", line, found.end()) in self.delimiters:
                    continue
            else:
                while at < len(heads) and heads[at][1] <= line:
                    at += 1
                if (at < len(heads) and heads[at][0] <= line) or line < self.behind:
                    continue
            count += 1
            if count > MAX_STRAYS:
                self.budget.stop("too much that looks like parts and is none")
                return
            self._stray(line, found.end(), found[1])

    def _stray(self, line: int, start: int, boundary: bytes | None) -> None:
        """Read one that begins behind a line; without a boundary, where only its fields stand."""
        path, odd, inside = self.within.path if self.within is not None else "1", False, False
        stop = len(self.raw)
        for each in self.containers:
            if each.start <= line < each.stop:
                path, odd, stop = each.path, odd or each.odd, min(stop, each.stop)
        for begin, end, of in self.leaves:
            if begin <= line < end:
                inside, path, stop = True, of, min(stop, end)
        if not self.budget.spend(stop - start):
            return
        closing = -1 if boundary is None else self.raw.find(b"\n--" + boundary.strip(), start, stop)
        if closing >= 0:
            stop = closing
        grade = Grade.HARD if odd or (not inside and self.containers) else Grade.PLAIN
        self.budget.note(path, Odd("MIME_BOUNDARY", "what looks like a part stands where none is", grade))
        self.budget.quoted = grade is Grade.PLAIN  # in texts people quote such things
        self.nameless = boundary is None and grade is Grade.PLAIN
        self.entity(start, stop, self._child(path), path.count(".") + 2, "text/plain")
        self.budget.quoted = self.nameless = False

    def _gap(self, begin: int, end: int, path: str) -> None:
        """Look for something encoded before the first part of a multipart, or behind the last; or for a part there."""
        if end - begin < _LEAST or not self.budget.spend(end - begin):
            return
        self.guess(begin, end, path, (_UNKNOWN,))
        window = self.raw[begin : min(end, begin + 2048)]
        more = other_readings(self.raw, begin, end, (), _UNKNOWN)[0]
        if more:
            place = (begin, begin), (begin, end)
            self._put(Part(self._child(path), (_UNKNOWN,), (), more, "", *place, within=self.within, under=self.under))
            self.budget.note(
                path, Odd("MIME_BOUNDARY", "something encoded stands outside of the boundaries", Grade.SOFT)
            )
        fields = window.lstrip(b" \t\r\n")
        if _LATE.match(fields):
            odd = Odd("MIME_BOUNDARY", "what looks like a part stands outside of the boundaries", Grade.HARD)
            self.budget.note(path, odd)
            start = begin + len(window) - len(fields)
            self.entity(start, end, self._child(path), path.count(".") + 2, "text/plain")

    # Words.

    def _child(self, path: str) -> str:
        """Give the path of the next part below another."""
        number = self.children[path] = self.children.get(path, 0) + 1
        return f"{path}.{number}"

    def _add(self, said: Saying, types: tuple[str, ...], place: _Place, *, multipart: bool = False) -> Part:
        """Note a part."""
        encodings = tuple(said.encodings) or ("7bit",)
        names = () if self.nameless else tuple(said.names) or name_by(types)
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
        """Note a part while there is room; to read one of mail within mail, all before it must be decoded again."""
        if len(self.budget.parts) >= MAX_PARTS:
            self.budget.stop(f"more than {MAX_PARTS} parts")
            return False
        self.budget.parts.append(part)
        return self.within is None or self.budget.spend(len(part.encodings) * part.body[1])

    def _octets(self, part: Part) -> Iterator[bytes]:
        """Give the body of a part of this walk, in blocks."""
        start, stop = part.body
        for at in range(start, stop, 65536):
            yield self.raw[at : min(at + 65536, stop)]
