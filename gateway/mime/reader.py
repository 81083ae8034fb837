"""Takes a message apart under every reading of it that some mail program may have. Never raises, and looks once.

Work is bounded: what is over the bounds is not read, and the anatomy says so.
"""

from gateway.mime.decoding import Raw
from gateway.mime.values import Saying, saying_of
from gateway.mime.words import Anatomy, Oddity, Part

MAX_PARTS = 1000
MAX_DEPTH = 30
MAX_HEAD = 256 * 1024  # octets of one header section


def dissect(raw: Raw) -> Anatomy:
    """Take a message apart. ``raw`` is its octets, in memory or mapped."""
    walk = _Walk(raw)
    walk.entity(0, len(raw), "1", 0, "text/plain")
    return Anatomy(tuple(walk.parts), tuple(walk.oddities), walk.cut)


class _Walk:
    """One way through a message: what was found, and how much of the bounds is used."""

    def __init__(self, raw: Raw) -> None:
        """Begin."""
        self.raw = raw
        self.parts: list[Part] = []
        self.oddities: list[Oddity] = []
        self.cut = ""

    def entity(self, start: int, stop: int, path: str, depth: int, default: str) -> None:
        """Read one entity: a header section and a body. ``default`` is its type where it says none."""
        if len(self.parts) >= MAX_PARTS:
            self.cut = f"more than {MAX_PARTS} parts"
            return
        if depth > MAX_DEPTH:
            self.cut = f"more than {MAX_DEPTH} levels"
            return
        head_stop, body = self._head(start, stop)
        said = saying_of(self.raw[start:head_stop])
        self.oddities.extend(Oddity(symbol, detail, 0.0, path) for symbol, detail in said.odd)
        types = tuple(said.types) or (default,)
        if said.boundaries and any(each.startswith("multipart/") for each in types):
            self._add(said, types, path, (start, head_stop), (body, stop), multipart=True)
            inner = "message/rfc822" if types[0] == "multipart/digest" else "text/plain"
            at = 0
            for boundary in said.boundaries:
                for begin, end in self._segments(body, stop, boundary):
                    at += 1
                    self.entity(begin, end, f"{path}.{at}", depth + 1, inner)
            return
        if "message/rfc822" in types:
            self._add(said, types, path, (start, head_stop), (body, stop), multipart=True)
            self.entity(body, stop, f"{path}.1", depth + 1, "text/plain")
            return
        self._add(said, types, path, (start, head_stop), (body, stop))

    def _add(  # noqa: PLR0913 - what a part has
        self,
        said: Saying,
        types: tuple[str, ...],
        path: str,
        head: tuple[int, int],
        body: tuple[int, int],
        *,
        multipart: bool = False,
    ) -> None:
        """Note a part."""
        encodings = tuple(said.encodings) or ("7bit",)
        self.parts.append(Part(path, types, tuple(said.names), encodings, said.disposition, head, body, multipart))

    def _head(self, start: int, stop: int) -> tuple[int, int]:
        """Find where the header section ends, and where the body begins."""
        raw = self.raw
        if raw[start : start + 2] == b"\r\n":
            return start, start + 2
        if raw[start : start + 1] == b"\n":
            return start, start + 1
        end = min(stop, start + MAX_HEAD)
        at, width = raw.find(b"\n\r\n", start, end), 3
        bare = raw.find(b"\n\n", start, end if at < 0 else at + 1)
        if bare >= 0:
            at, width = bare, 2
        if at < 0:
            if end < stop:
                self.cut = "a header section of more than 256 KiB"
            return end, end
        return at + 1, at + width

    def _segments(self, start: int, stop: int, boundary: bytes) -> list[tuple[int, int]]:
        """Give where the parts of a multipart begin and end."""
        raw = self.raw
        needle = b"--" + boundary
        found: list[tuple[int, int]] = []
        begun = -1
        at = raw.find(needle, start, stop)
        while at >= 0:
            if at > start and raw[at - 1] not in b"\r\n":
                at = raw.find(needle, at + len(needle), stop)
                continue
            line_end = raw.find(b"\n", at, stop)
            line_end = stop if line_end < 0 else line_end + 1
            behind = raw[at + len(needle) : min(line_end, at + len(needle) + 80)].strip()
            closes = behind.startswith(b"--")
            if not behind or closes:
                if begun >= 0:
                    before = at - 2 if raw[at - 2 : at] == b"\r\n" else at - 1
                    found.append((begun, max(begun, before)))
                begun = -1 if closes else line_end
            if len(found) + len(self.parts) > MAX_PARTS:
                break
            at = raw.find(needle, line_end, stop)
        if begun >= 0:
            found.append((begun, stop))
        return found
