"""Reads zip archives as several programs would: by the directory at the end, and by the headers before each entry.

Where the two do not agree an archive shows one thing to a scanner and another to a person. Never raises; every number
in the archive may be a lie.
"""

import bz2
import mmap
import struct
import zlib
from collections.abc import Iterator

import msgspec

from gateway.mime.names import normal

Octets = bytes | mmap.mmap

_CENTRAL = struct.Struct("<4s4x2H8x2L3H8xL")
_LOCAL = struct.Struct("<4s2x2H8x2L2H")
_END = struct.Struct("<4s6xH2LH")
_END64 = struct.Struct("<4s28x3Q")
_LOCAL_SIGN, _CENTRAL_SIGN, _END_SIGN = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_TAIL = 66_000  # octets at the end among which the directory's end stands
_UNICODE_PATH = 0x7075
_ZIP64 = 0x0001
_WIDE = 0xFFFFFFFF
_ENCRYPTED, _DESCRIBED, _UTF8, _MASKED = 0x1, 0x8, 0x800, 0x2000
_STORED, _DEFLATED, _BZIP2 = 0, 8, 12
_BLOCK = 256 * 1024


class Member(msgspec.Struct, frozen=True):
    """One entry. ``names`` are all that readers may show; ``start`` is where its data lie, None where nobody knows."""

    names: tuple[str, ...]
    size: int
    packed: int
    start: int | None
    method: int
    encrypted: bool

    @property
    def folder(self) -> bool:
        """Whether it is a folder."""
        return self.names[0].endswith("/")


class Archive(msgspec.Struct):
    """What a zip archive holds, what is odd about it (``odd``), and why not all could be read (``broken``)."""

    members: list[Member] = []
    odd: str = ""
    broken: str = ""


def read(octets: Octets, entries: int) -> Archive:
    """Read which entries an archive has, ``entries`` at most."""
    archive = Archive()
    end = _end(octets)
    covered: list[tuple[int, int]] = []
    if end is None:
        archive.broken = "its directory is missing"
    else:
        start, stop, shift = end
        for member, at in _listed(octets, start, stop, shift, archive):
            archive.members.append(member)
            if member.start is not None:
                covered.append((at, member.start + member.packed))
            if len(archive.members) > entries:
                archive.broken = f"it has more than {entries} entries"
                return archive
    for member in _unlisted(octets, covered):
        archive.members.append(member)
        if end is not None:
            archive.odd = f"its directory does not list {member.names[0]!r}"
        if len(archive.members) > entries:
            archive.broken = f"it has more than {entries} entries"
            break
    return archive


def unpacked(octets: Octets, member: Member, limit: int) -> bytes | None:
    """Give up to ``limit`` octets of an entry; None where they can't be had: encrypted, corrupt, an odd method."""
    if member.encrypted or member.start is None:
        return None
    stop = min(member.start + member.packed, len(octets))
    if member.method == _STORED:
        return octets[member.start : min(stop, member.start + limit)]
    if member.method == _DEFLATED:
        inflate = zlib.decompressobj(-15)
    elif member.method == _BZIP2:
        inflate = bz2.BZ2Decompressor()  # type: ignore[assignment] # the same method, with the same meaning
    else:
        return None
    kept: list[bytes] = []
    left = limit
    try:
        for at in range(member.start, stop, _BLOCK):
            block = inflate.decompress(octets[at : min(at + _BLOCK, stop)], left)
            kept.append(block)
            left -= len(block)
            if left <= 0 or inflate.eof:
                break
    except (zlib.error, OSError, EOFError, ValueError):
        return b"".join(kept) or None
    return b"".join(kept)


def _end(octets: Octets) -> tuple[int, int, int] | None:
    """Find the directory: where it begins and ends, and by how much all offsets are off. None where there is none."""
    at = octets.rfind(_END_SIGN, max(0, len(octets) - _TAIL))
    if at < 0 or at + _END.size > len(octets):
        return None
    _, count, size, offset, _ = _END.unpack_from(octets, at)
    stop = at
    if _WIDE in {size, offset} or count == 0xFFFF:  # noqa: PLR2004 - all bits of a field
        wide = octets.rfind(b"PK\x06\x06", max(0, at - _TAIL), at)
        if 0 <= wide <= len(octets) - _END64.size:
            _, _, size, offset = _END64.unpack_from(octets, wide)
            stop = wide
    start = stop - size
    if start < 0:
        return None
    if octets[start : start + 4] != _CENTRAL_SIGN and octets[offset : offset + 4] == _CENTRAL_SIGN:
        return offset, stop, 0  # something stands between the directory and its end
    return start, stop, max(0, start - offset)


def _listed(octets: Octets, at: int, stop: int, shift: int, archive: Archive) -> Iterator[tuple[Member, int]]:
    """Give what the directory lists, each with the place of its own header."""
    while at + _CENTRAL.size <= stop and octets[at : at + 4] == _CENTRAL_SIGN:
        _, flags, method, packed, size, named, extra, comment, offset = _CENTRAL.unpack_from(octets, at)
        name = octets[at + 46 : at + 46 + named]
        more = octets[at + 46 + named : at + 46 + named + extra]
        size, packed, offset = _widened(more, size, packed, offset)
        at += 46 + named + extra + comment
        names = [_text(name, flags)]
        if other := _unicode_path(more):
            names.append(other)
        local = _local(octets, offset + shift)
        start = None
        encrypted = bool(flags & (_ENCRYPTED | _MASKED))
        if local is None:
            archive.broken = f"the header of {names[0]!r} is missing"
        else:
            start = local.start
            encrypted = encrypted or local.encrypted
            if method != local.method or (not flags & _DESCRIBED and _differ(local, size, packed)):
                archive.odd = f"{names[0]!r} has another size or method in its own header"
            if not flags & _MASKED and normal(local.names[0]) != normal(names[0]):
                names.append(local.names[0])
                archive.odd = f"{names[0]!r} is called {local.names[0]!r} in its own header"
        kept = tuple(dict.fromkeys(names))
        yield Member(kept, size, packed, start, method, encrypted), offset + shift
    if at < stop and not archive.broken:
        archive.broken = "its directory is corrupt"


def _differ(local: Member, size: int, packed: int) -> bool:
    """Whether an entry's own header tells other sizes; those of large archives stand elsewhere."""
    return (local.size, local.packed) != (size, packed) and _WIDE not in {local.size, local.packed}


def _local(octets: Octets, at: int) -> Member | None:
    """Read the header before an entry; None where there is none."""
    if at + _LOCAL.size > len(octets) or octets[at : at + 4] != _LOCAL_SIGN:
        return None
    _, flags, method, packed, size, named, extra = _LOCAL.unpack_from(octets, at)
    name = _text(octets[at + 30 : at + 30 + named], flags)
    return Member((name,), size, packed, at + 30 + named + extra, method, bool(flags & _ENCRYPTED))


def _unlisted(octets: Octets, covered: list[tuple[int, int]]) -> Iterator[Member]:
    """Give the entries whose headers stand where the directory says that there are none."""
    covered.sort()
    at = which = 0
    while (at := octets.find(_LOCAL_SIGN, at)) >= 0:
        while which < len(covered) and covered[which][1] <= at:
            which += 1
        if which < len(covered) and covered[which][0] <= at:
            at = max(covered[which][1], at + 4)
            continue
        member = _local(octets, at)
        if member is not None and member.names[0] and member.names[0].isprintable():
            yield member
            at = max(at + 4, min((member.start or 0) + member.packed, len(octets)))
        else:
            at += 4


def _widened(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Give sizes and offset, from the field for large archives where the plain ones say so."""
    values = [size, packed, offset]
    if _WIDE in values:
        field = _field(extra, _ZIP64)
        for at, value in enumerate(values):
            if value == _WIDE and len(field) >= 8:  # noqa: PLR2004 - octets of a wide number
                values[at] = int.from_bytes(field[:8], "little")
                field = field[8:]
    return values[0], values[1], values[2]


def _unicode_path(extra: bytes) -> str:
    """Give the name that some programs prefer to the plain one; empty where there is none."""
    return _field(extra, _UNICODE_PATH)[5:].decode("utf-8", "replace")


def _field(extra: bytes, wanted: int) -> bytes:
    """Give one extra field; empty where there is none."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _text(name: bytes, flags: int) -> str:
    """Give a name as text: UTF-8 where it is, else as DOS had it."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("utf-8" if flags & _UTF8 else "cp437", "replace")
