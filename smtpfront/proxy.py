"""The PROXY protocol, versions 1 and 2: a load balancer's word on who the client is.

The parser is aiosmtpd's; what is ours is the bound on what it may read, and what is believed. The specification is
HAProxy's ``proxy-protocol.txt``.
"""

import msgspec
from aiosmtpd.proxy_protocol import AF, PROTO, V2_CMD, get_proxy

from smtpfront.reader import LineTooLongError, Reader

LINE = 107  # octets of a header of version 1, its line end included
MOST = 4096  # octets of a header of version 2, with what the balancer adds to it


class ProxyError(ValueError):
    """There is no header, or it can't be believed. The text says why."""


class Told(msgspec.Struct, frozen=True):
    """What a header says: the client's address and port, and the address of ours that the client has reached."""

    ip: str
    port: int
    local: str


async def read(reader: Reader) -> Told | None:
    """Read a header; None where the balancer speaks for itself: LOCAL, or UNKNOWN. Raises ProxyError, EOFError."""
    found = await get_proxy(_Bounded(reader))
    if found.error or not found.valid:
        raise ProxyError(found.error or "no header")
    if found.version == 2 and found.command == V2_CMD.LOCAL:  # noqa: PLR2004 - the version
        return None
    if found.family == AF.UNSPEC and found.protocol == PROTO.UNSPEC and found.version == 1:
        return None
    if found.family not in {AF.INET, AF.INET6} or found.protocol != PROTO.STREAM or found.src_port is None:
        raise ProxyError("it names no TCP client")
    return Told(_plain(found.src_addr), found.src_port, _plain(found.dst_addr))


def _plain(address: object) -> str:
    """Give an address as text; an IPv4 address that came as IPv6 as what it is."""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped if mapped is not None else address)


class _Bounded:
    """A reader for aiosmtpd's parser that gives up in good time."""

    def __init__(self, reader: Reader) -> None:
        """Take the session's reader."""
        self._reader = reader
        self._left = MOST

    async def read(self, n: int = -1) -> bytes:
        """Give so many octets. Raises EOFError, ProxyError."""
        return await self.readexactly(n)

    async def readexactly(self, n: int) -> bytes:
        """Give so many octets. Raises EOFError, ProxyError."""
        if not 0 <= n <= self._left:
            raise ProxyError(f"a header of more than {MOST} octets")
        self._left -= n
        return await self._reader.exactly(n)

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """Give the rest of a line. Raises EOFError, ProxyError."""
        del separator
        try:
            return await self._reader.line(LINE - len("PROXY\r\n")) + b"\r\n"
        except LineTooLongError:
            raise ProxyError(f"a header of more than {LINE} octets") from None
