"""The message in an opaque S/MIME signature (RFC 5652): no secret, but no reader of MIME sees it. Never raises."""

_SIGNED = bytes.fromhex("06092a864886f70d010702")  # the type signed-data
_DATA = bytes.fromhex("06092a864886f70d010701")  # the type data, in front of the content
_CONTENT, _CONSTRUCTED, _OCTETS = 0xA0, 0x24, 0x04
_HEAD = 64  # octets within which the type stands
_DEEPEST = 20


def is_signed(octets: bytes) -> bool:
    """Whether it is an opaque signature, by its first octets."""
    return octets[:1] == b"\x30" and _SIGNED in octets[:_HEAD]


def content(octets: bytes) -> bytes:
    """Give what is signed; empty where nothing is found."""
    at = octets.find(_DATA)
    if at < 0:
        return b""
    at += len(_DATA)
    if octets[at : at + 1] != bytes((_CONTENT,)):
        return b""
    _, start, stop = _header(octets, at)
    kept: list[bytes] = []
    _collect(octets, start, stop, kept, 0)
    return b"".join(kept)


def _collect(octets: bytes, at: int, stop: int, into: list[bytes], depth: int) -> int:
    """Collect the octet strings between two places; gives where the next thing begins."""
    while at + 2 <= stop:
        if octets[at : at + 2] == b"\0\0":  # the end of what had no length
            return at + 2
        tag, start, end = _header(octets, at)
        if tag == _OCTETS:
            into.append(octets[start:end])
            at = end
        elif tag == _CONSTRUCTED and depth < _DEEPEST:
            at = _collect(octets, start, min(end, stop), into, depth + 1)
        else:
            return stop
    return at


def _header(octets: bytes, at: int) -> tuple[int, int, int]:
    """Read one header: the tag, where the value begins and where it ends; without a length it goes to the end."""
    tag = octets[at]
    length = octets[at + 1] if at + 1 < len(octets) else 0
    if length < 0x80:  # noqa: PLR2004 - X.690 8.1.3: the short form
        return tag, at + 2, min(at + 2 + length, len(octets))
    count = length & 0x7F
    if not count:
        return tag, at + 2, len(octets)
    size = int.from_bytes(octets[at + 2 : at + 2 + count], "big")
    return tag, at + 2 + count, min(at + 2 + count + size, len(octets))
