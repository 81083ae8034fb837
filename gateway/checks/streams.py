"""Which parts of a broken message a scanner must see for itself: every reading of every leaf that is not plain text.

Where readers do not agree on where a part begins or how it is encoded, a scanner's own reading is one of many. Pure.
"""

from collections.abc import Callable, Iterator

import msgspec

from gateway.mime.decoding import Raw, decoded, octets
from gateway.mime.words import Anatomy, Part

MAX_STREAMS = 1000
MAX_OCTETS = 128 * 1024 * 1024  # all that is sent, and all that must be read to send it

_PLAIN = frozenset({"text/plain"})
_AS_IT_STANDS = frozenset({"7bit", "8bit", "binary"})


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
    for part in anatomy.parts:
        if part.body[0] < part.body[1]:
            for encoding in part.encodings or ("7bit",):
                if encoding not in _AS_IT_STANDS or not _is_plain(part):
                    yield Stream(part, encoding)


def _is_plain(part: Part) -> bool:
    """Whether all readers take it for text, or for what holds the parts that follow."""
    if part.multipart:
        return all(each.startswith(("multipart/", "message/")) for each in part.types)
    return not part.names and _PLAIN.issuperset(part.types)
