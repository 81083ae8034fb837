"""Reads plain answers to plain questions, as nearly all are, at a fraction of what the general parser costs.

Whatever is not plain (an odd octet in a name, another class, a malformed or unexpected part) is None, and is left to
dnspython: this reader never has the last word on it. ``docs/adr`` says why it is here, and what it saves.
"""

import ipaddress
import re
import socket
import struct
from typing import Final

from gateway.services.dns.words import Answer, Status

A, CNAME, SOA, PTR, MX, TXT, AAAA, OPT = 1, 5, 6, 12, 15, 16, 28, 41
MAX_RECORDS = 100  # of one answer that are looked at
MAX_CHAIN = 10  # CNAMEs that are followed
NO_NAME_LINGERS = 60.0  # seconds for which nothing stays nothing where the answer does not say

_READ: Final = frozenset({A, PTR, MX, TXT, AAAA})
_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_NAME_AT = _HEADER.size  # where the name in question stands
_MAX_NAME = 253  # octets with dots between the labels (RFC 1035 2.3.4)
_MAX_LABELS = 127
_MAX_TTL = 0x7FFFFFFF
_FIRST_META = 128  # types from here to 255, and OPT, are no records (RFC 6895 3.1)
_LAST_META = 255
_plain = re.compile(rb"[A-Za-z0-9_.-]+").fullmatch

Record = tuple[str, int, int, int, int]  # owner, type, time to live, where its data begins and ends


class _NotPlainError(Exception):
    """Somebody else must read this."""


def read(octets: bytes, name: str, kind: int, section: int, *, negative_ttl: float) -> tuple[Answer, float] | None:
    """Give what a message answers and for how many seconds, or None where it is not plain.

    ``name`` and ``kind`` are what was asked, which stands in the message in ``section`` octets behind the header.
    """
    if kind not in _READ:
        return None
    try:
        return _read(octets, name, kind, _NAME_AT + section, negative_ttl)
    except (_NotPlainError, IndexError, struct.error):
        return None


def _read(octets: bytes, name: str, kind: int, at: int, negative_ttl: float) -> tuple[Answer, float]:
    """Do as ``read`` says. Raises _NotPlainError, IndexError, struct.error."""
    _, flags, _, answered, authority, additional = _HEADER.unpack_from(octets)
    code = flags & 0x0F
    if flags & 0x7800 or code not in {0, 3}:  # an operation other than QUERY; neither NOERROR nor NXDOMAIN
        raise _NotPlainError
    records, at = _records(octets, at, answered + authority, name)
    bare = not additional or _is_bare(octets, at, additional, name)
    powers = records[answered:]
    del records[answered:]
    if code:
        return Answer(Status.NO_NAME), _negative(octets, powers, name, negative_ttl)
    if len(records) == 1 and records[0][0] == name and records[0][1] == kind:  # as nearly all are
        return Answer(Status.FOUND, (_text(octets, records[0], name),)), records[0][2]
    ttl = float("inf")
    owner = name
    for followed in range(MAX_CHAIN):
        found = [each for each in records if each[0] == owner and each[1] == kind]
        aliases = [each for each in records if each[0] == owner and each[1] == CNAME]
        if len(aliases) > 1 or (found and aliases):
            raise _NotPlainError
        if found:
            return Answer(Status.FOUND, _texts(octets, found, name)), min(ttl, *(each[2] for each in found))
        if not aliases:
            unread = len(records) != followed or len(powers) > 1 or any(each[1] != SOA for each in powers)
            if unread or not bare:  # what is malformed may have been the answer
                raise _NotPlainError
            return Answer(Status.NO_DATA), min(ttl, _negative(octets, powers, name, negative_ttl))
        ttl = min(ttl, aliases[0][2])
        owner = _name_in(octets, aliases[0], aliases[0][3], name)
    raise _NotPlainError


def _records(octets: bytes, at: int, count: int, name: str) -> tuple[list[Record], int]:
    """Give the records of a section, and where it ends."""
    found = []
    size = len(octets)
    for _ in range(count):
        owner, at = _name(octets, at, name)
        kind, group, ttl, length = _RECORD.unpack_from(octets, at)
        begin = at + _RECORD.size
        at = begin + length
        if at > size or group != 1 or ttl > _MAX_TTL or kind == OPT or _FIRST_META <= kind <= _LAST_META:
            raise _NotPlainError
        found.append((owner, kind, ttl, begin, at))
    return found, at


def _is_bare(octets: bytes, at: int, count: int, name: str) -> bool:
    """Whether the additional section holds nothing but an empty OPT, if at all.

    Raises where it changes what the answer means, as an OPT can (RFC 6891 6.1.3).
    """
    options, bare = 0, True
    for _ in range(count):
        _, at = _name(octets, at, name)
        kind, group, ttl, length = _RECORD.unpack_from(octets, at)
        at += _RECORD.size + length
        options += kind == OPT
        bare = bare and kind == OPT and not length
        fine = not ttl >> 16 if kind == OPT else group == 1 and not _FIRST_META <= kind <= _LAST_META
        if at > len(octets) or options > 1 or not fine:
            raise _NotPlainError
    return bare


def _negative(octets: bytes, powers: list[Record], name: str, most: float) -> float:
    """Give for how long nothing stays nothing (RFC 2308 5), in seconds."""
    for each in powers:
        if each[1] == SOA:
            _, at = _name(octets, each[3], name)
            _, at = _name(octets, at, name)
            if each[4] - at != 20:  # noqa: PLR2004 - five numbers of four octets
                raise _NotPlainError
            return float(min(each[2], int.from_bytes(octets[at + 16 : at + 20]), most))
    return min(most, NO_NAME_LINGERS)


def _texts(octets: bytes, records: list[Record], name: str) -> tuple[str, ...]:
    """Give records in the form that ``Answer`` promises; one that is there twice is one."""
    if len(records) == 1:
        return (_text(octets, records[0], name),)
    found: dict[str | bytes, str] = {}
    for each in records:
        text = _text(octets, each, name)
        found.setdefault(octets[each[3] : each[4]] if each[1] == TXT else text, text)
    return tuple(found.values())[:MAX_RECORDS]


def _text(octets: bytes, record: Record, name: str) -> str:
    """Give a record in the form that ``Answer`` promises."""
    _, kind, _, begin, end = record
    if kind == A:
        if end - begin != 4:  # noqa: PLR2004 - octets of an address
            raise _NotPlainError
        return socket.inet_ntoa(octets[begin:end])
    if kind == AAAA:
        if end - begin != 16:  # noqa: PLR2004 - octets of an address
            raise _NotPlainError
        return str(ipaddress.IPv6Address(octets[begin:end]))
    if kind == TXT:
        return _strings(octets, begin, end)
    if kind == MX:
        return f"{int.from_bytes(octets[begin : begin + 2])} {_name_in(octets, record, begin + 2, name) or '.'}"
    return _name_in(octets, record, begin, name) or "."


def _strings(octets: bytes, at: int, end: int) -> str:
    """Give the strings of a TXT record put together."""
    if at == end:
        raise _NotPlainError
    parts = []
    while at < end:
        length = octets[at]
        parts.append(octets[at + 1 : at + 1 + length])
        at += 1 + length
    if at != end:
        raise _NotPlainError
    return b"".join(parts).decode("ascii", "surrogateescape")


def _name_in(octets: bytes, record: Record, at: int, name: str) -> str:
    """Give the name that ends a record's data."""
    found, end = _name(octets, at, name)
    if end != record[4]:
        raise _NotPlainError
    return found


def _name(octets: bytes, at: int, name: str) -> tuple[str, int]:
    """Give a name in lower case without the last dot, and where it ends; ``name`` is the one in question.

    The root is empty. A pointer leads backwards only (RFC 1035 4.1.4).
    """
    first = octets[at]
    if not first:
        return "", at + 1
    if first == 0xC0 and octets[at + 1] == _NAME_AT:  # as most are  # noqa: PLR2004 - a pointer (RFC 1035 4.1.4)
        return name, at + 2
    labels: list[bytes] = []
    end, before = 0, at
    while length := octets[at]:
        if length < 64:  # noqa: PLR2004 - a label
            labels.append(octets[at + 1 : at + 1 + length])
            at += 1 + length
            continue
        target = (length & 0x3F) << 8 | octets[at + 1]
        if length < 0xC0 or target >= before or target < _NAME_AT or len(labels) > _MAX_LABELS:  # noqa: PLR2004 - a pointer
            raise _NotPlainError
        end = end or at + 2
        at = before = target
    found = b".".join(labels)
    if len(found) > _MAX_NAME or not _plain(found) or found.count(b".") != len(labels) - 1:
        raise _NotPlainError
    return found.decode("ascii").lower(), end or at + 1
