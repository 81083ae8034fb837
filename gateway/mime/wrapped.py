"""What other wrappings than MIME hold: opaque signatures (CMS), BinHex and AppleSingle. Pure; bounded; never raises."""

import re

from gateway.mime.text import unpadded

_SEQUENCE = b"\x30"
_DASHES = re.compile(rb"-----[^\r\n]*")
_DATA = bytes.fromhex("06092a864886f70d010701")  # the object identifier of CMS data, RFC 5652 4
_CONTENT, _OCTETS, _PIECES = 0xA0, 0x04, 0x24  # tags: explicit content, octet string, octet string in pieces
_INDEFINITE, _LONG = 0x80, 0x80
_APPLE = (b"\0\5\x16\0", b"\0\5\x16\7")  # AppleSingle, AppleDouble; RFC 1740
_ENTRIES, _ENTRY, _MOST_ENTRIES = 26, 12, 32
_DATA_FORK, _REAL_NAME = 1, 3
APPLE_HEAD = _ENTRIES + _MOST_ENTRIES * _ENTRY  # octets in which an AppleSingle file says where its entries are


def signed_content(cms: bytes) -> bytes:
    """Give what an opaque signature holds, also one in PEM or bare base64; empty where it holds nothing, or is none."""
    if cms[:1] != _SEQUENCE:
        cms = _unarmoured(cms)
    at = cms.find(_DATA)
    if at < 0:
        return b""
    tag, start, _ = _header(cms, at + len(_DATA))
    return b"".join(_pieces(cms, start)) if tag == _CONTENT else b""


def _unarmoured(text: bytes) -> bytes:
    """Undo base64 between lines of dashes (RFC 7468), or without them."""
    return unpadded(_DASHES.sub(b"", text))


def _header(cms: bytes, at: int) -> tuple[int, int, int]:
    """Read tag and length: the tag, where the value begins and ends; an indefinite length gives -1 for the end."""
    if at + 2 > len(cms):
        return 0, len(cms), len(cms)
    length, start = cms[at + 1], at + 2
    if length == _INDEFINITE:
        return cms[at], start, -1
    if length > _LONG:
        size = length - _LONG
        length = int.from_bytes(cms[start : start + size][:8], "big")
        start += size
    return cms[at], start, min(len(cms), start + length)


def _pieces(cms: bytes, at: int) -> list[bytes]:
    """Give an octet string, or the pieces that it consists of."""
    tag, start, stop = _header(cms, at)
    if tag == _OCTETS:
        return [cms[start:stop]]
    found: list[bytes] = []
    if tag == _PIECES:
        end = len(cms) if stop < 0 else stop
        while start < end:
            tag, inner, behind = _header(cms, start)
            if tag != _OCTETS or behind <= start:
                break
            found.append(cms[inner:behind])
            start = behind
    return found


def apple_name(start: bytes) -> bytes:
    """Give the name in an AppleSingle or AppleDouble file, by its first octets; empty where there is none."""
    at, stop = _apple_entry(start, _REAL_NAME)
    return start[at : min(stop, at + 1024)]


def apple_fork(start: bytes) -> tuple[int, int]:
    """Give where the file itself lies in an AppleSingle file, by its first octets: begin and end, the same for none."""
    return _apple_entry(start, _DATA_FORK)


def _apple_entry(start: bytes, kind: int) -> tuple[int, int]:
    """Give where an entry begins and ends."""
    if start.startswith(_APPLE):
        for number in range(min(_MOST_ENTRIES, int.from_bytes(start[24:26], "big"))):
            entry = start[_ENTRIES + number * _ENTRY : _ENTRIES + (number + 1) * _ENTRY]
            if int.from_bytes(entry[:4], "big") == kind:
                at = int.from_bytes(entry[4:8], "big")
                return at, at + int.from_bytes(entry[8:12], "big")
    return 0, 0


def binhex_name(start: bytes) -> bytes:
    """Give the name in the header of BinHex, by its first octets with the run lengths undone."""
    return start[1 : 1 + start[0]] if start else b""
