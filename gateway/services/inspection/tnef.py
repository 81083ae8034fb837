"""What lies in winmail.dat (MS-OXTNEF): the attachments with their names. Forgives checksums and what is cut off."""

import struct
from collections.abc import Iterator

import msgspec
from tnefparse.mapi import decode_mapi  # type: ignore[import-untyped]

_OBJECT = struct.Struct("<BHHL")
_HEAD = 6  # octets in front of the first object
_RENDER, _TITLE, _DATA, _PROPERTIES, _TRANSPORT = 0x9002, 0x8010, 0x800F, 0x9005, 0x9001
_NAMES = frozenset({0x3704, 0x3707, 0x370C, 0x3001})  # short, long, transport and display name
_CONTENT = 0x3701
_WANTED = _NAMES | {_CONTENT}
_LARGEST = 32 * 1024 * 1024  # octets of properties that are read
_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")  # in front of a message within


class Attached(msgspec.Struct):
    """One attachment: every name that it has, and what is in it."""

    names: list[str] = []
    data: bytes = b""


def attachments(octets: bytes) -> Iterator[Attached]:
    """Give the attachments in their order. Raises nothing; what can't be read is left out."""
    current: Attached | None = None
    at = _HEAD
    while at + _OBJECT.size <= len(octets):
        _, name, _, length = _OBJECT.unpack_from(octets, at)
        start = at + _OBJECT.size
        at = start + length + 2  # a checksum
        if name == _RENDER or (current is None and name in {_TITLE, _DATA, _PROPERTIES, _TRANSPORT}):
            if current is not None:
                yield current
            current = Attached()
        if current is None:
            continue
        if name in {_TITLE, _TRANSPORT}:
            current.names.append(_text(octets[start : start + min(length, 1000)]))
        elif name == _DATA:
            current.data = octets[start : start + length]
        elif name == _PROPERTIES and length <= _LARGEST:
            _properties(octets[start : start + length], current)
    if current is not None:
        yield current


def _properties(octets: bytes, into: Attached) -> None:
    """Read names, and content where it stands here, out of an attachment's properties."""
    try:
        properties = [(each.name, each.data) for each in decode_mapi(octets, None) if each.name in _WANTED]
    except Exception:  # noqa: BLE001 - whatever it stumbles over: the rest of the attachment counts
        return
    for name, value in properties:
        if name != _CONTENT and isinstance(value, str | bytes):
            into.names.append(_text(value))
        elif isinstance(value, bytes) and not into.data:
            into.data = value.removeprefix(_MESSAGE)


def _text(value: str | bytes) -> str:
    """Give a name as text."""
    text = value if isinstance(value, str) else value.decode("utf-8", "replace")
    return text.strip("\0")
