"""Which parts of a message a scanner must be shown one by one, as it would not find them in the message. Pure.

Where readers do not agree on where a part begins or how it is encoded, a scanner's own reading is one of many: it is
shown every reading of every part that is not plain text. In a sound message it is shown what stands in containers that
scanners are not known to take apart: of ``multipart/signed``, say, clamd reads one part only, its text. Where a line is
longer than SMTP allows it is shown all parts again, for it cuts such lines in two, within a field or an escape.
"""

from collections.abc import Callable, Iterator

import msgspec

from gateway.mime.decoding import Raw, decoded, octets
from gateway.mime.words import Anatomy, Part

MAX_STREAMS = 1000
MAX_OCTETS = 128 * 1024 * 1024  # all that is sent, and all that must be read to send it

_PLAIN = frozenset({"text/plain"})
_AS_IT_STANDS = frozenset({"7bit", "8bit", "binary"})
_CONTAINERS = ("multipart/", "message/")
_TAKEN_APART = frozenset(  # containers of which clamd reads every part, however deep they lie in one another
    {"multipart/mixed", "multipart/alternative", "multipart/related", "multipart/report", "message/rfc822"}
)


class Stream(msgspec.Struct, frozen=True):
    """One part under one of its encodings."""

    part: Part
    encoding: str

    @property
    def words(self) -> str:
        """Say which it is."""
        named = f" ({self.part.names[0]})" if self.part.names else ""
        return f"part {self.part.path}{named} read as {self.encoding}"

    @property
    def cost(self) -> int:
        """Give how many octets must be read for it."""
        start, stop = self.part.body
        return stop - start if self.part.within is None else stop

    def opened(self, raw: Raw) -> Callable[[], Iterator[bytes]]:
        """Give what makes its blocks of the message's octets, each time anew."""
        return lambda: decoded(self.encoding, octets(raw, self.part))


def streams_of(anatomy: Anatomy) -> tuple[list[Stream], str]:
    """Give the streams, and what was left out, in words: empty where nothing was."""
    streams: dict[object, Stream] = {}  # by what they read: boundaries of several readers may cut out the same octets
    left, cost = 0, 0
    for stream in _wanted(anatomy):
        reads = (stream.part.within, stream.part.under, stream.part.body, stream.encoding)
        if reads in streams:
            continue
        if len(streams) >= MAX_STREAMS or cost + stream.cost > MAX_OCTETS:
            left += 1
            continue
        streams[reads] = stream
        cost += stream.cost
    if left:
        return [*streams.values()], f"{left} of {left + len(streams)} readings of its parts were not scanned"
    return [*streams.values()], f"not all of its parts were found: {anatomy.cut}" if anatomy.cut else ""


def _wanted(anatomy: Anatomy) -> Iterator[Stream]:
    """Give every reading of every part that has octets, but for what stands in the message as all readers take it."""
    for part in anatomy.parts if anatomy.broken or anatomy.overlong else _passed_over(anatomy):
        if part.body[0] < part.body[1]:
            for encoding in part.encodings or ("7bit",):
                if encoding not in _AS_IT_STANDS or not _is_plain(part):
                    yield Stream(part, encoding)


def _passed_over(anatomy: Anatomy) -> list[Part]:
    """Give the parts of a sound message that lie in, or are, what scanners may not take apart."""
    paths: set[str] = set()
    for part in anatomy.parts:  # each stands behind what holds it
        if part.path.rpartition(".")[0] in paths or _may_be_passed_over(part):
            paths.add(part.path)
    return [part for part in anatomy.parts if part.path in paths]


def _may_be_passed_over(part: Part) -> bool:
    """Whether it is, for some reader, a container of a kind that scanners may not know."""
    unusual = any(each.startswith(_CONTAINERS) and each not in _TAKEN_APART for each in part.types)
    return unusual or any(each.endswith("+apple") for each in part.encodings)


def _is_plain(part: Part) -> bool:
    """Whether all readers take it for text, or for what holds the parts that follow."""
    if part.multipart:
        return all(each.startswith(_CONTAINERS) for each in part.types)
    return not part.names and part.disposition != "attachment" and _PLAIN.issuperset(part.types)
