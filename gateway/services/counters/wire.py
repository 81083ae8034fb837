"""How parent and children talk: msgpack, each message behind its length. Only our own processes are on the line."""

import asyncio
import struct
from typing import cast

import msgspec

from gateway.services.counters.interface import Claim

_LENGTH = struct.Struct("!I")
MAX_UNSENT = 16 * 1024 * 1024  # octets that a stuck peer may let pile up before it is given up


class _Message(msgspec.Struct, array_like=True, tag=True):
    """Base of the messages: arrays that begin with their name."""


class Acquire(_Message):
    """Child: take these slots and count these events, all or nothing. Answered by Full."""

    id: int
    claims: list[tuple[str, int]]
    events: list[Claim] = []


class Release(_Message):
    """Child: these slots are free again. No answer."""

    keys: list[str]


class Count(_Message):
    """Child: count an event (or only look) and tell how many there are. Answered by Total."""

    id: int
    key: str
    window: float
    add: bool


class Admit(_Message):
    """Child: count one event for each claim, if all stay within their limits. Answered by Full."""

    id: int
    claims: list[Claim]


class Put(_Message):
    """Child: store. ``id`` 0 wants no answer, else Saved follows when it is on disk. ``expires`` is since the epoch."""

    id: int
    key: str
    value: str
    expires: float


class Forget(_Message):
    """Either way: remove from the store."""

    key: str


class Full(_Message):
    """Parent: the key that is full, or None when the slots are taken."""

    id: int
    key: str | None


class Total(_Message):
    """Parent: the number of events."""

    id: int
    total: int


class Saved(_Message):
    """Parent: whether it is on disk."""

    id: int
    ok: bool


class Stored(_Message):
    """Parent, to every child: a value of the store."""

    key: str
    value: str
    expires: float


class Ready(_Message):
    """Parent: the store has been sent whole."""


Request = Acquire | Release | Count | Admit | Put | Forget
Response = Full | Total | Saved | Stored | Forget | Ready
_encoder = msgspec.msgpack.Encoder()


def frame(message: Request | Response) -> bytes:
    """Give the octets of a message."""
    octets = _encoder.encode(message)
    return _LENGTH.pack(len(octets)) + octets


class Line(asyncio.Protocol):
    """One end of the socket pair: cuts octets into frames, and writes what one turn of the loop had to say at once."""

    def __init__(self) -> None:
        """Make it ready to be connected."""
        self.transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._out: list[bytes] = []
        self._soon: asyncio.Handle | None = None
        self._later: asyncio.TimerHandle | None = None

    def received(self, octets: bytes) -> None:
        """Take one message."""
        raise NotImplementedError

    def say(self, message: Request | Response, *, within: float = 0.0) -> None:
        """Write at the end of this turn of the loop, or, where nothing else is to be said, ``within`` seconds."""
        self._out.append(frame(message))
        if self._soon is not None:
            return
        if within:
            self._later = self._later or self._loop.call_later(within, self._flush)
        else:
            self._soon = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write what was said."""
        self._soon = None
        if self._later is not None:
            self._later.cancel()
            self._later = None
        out, self._out = b"".join(self._out), []
        if self.transport is None:
            return
        self.transport.write(out)
        if self.transport.get_write_buffer_size() > MAX_UNSENT:
            self.transport.abort()

    def close(self) -> None:
        """Write what was said, and close."""
        self._flush()
        if self.transport is not None:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter
        """Forget the transport."""
        self.transport = None

    def data_received(self, data: bytes) -> None:
        """Cut frames."""
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        while end - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, at)
            if end - at - _LENGTH.size < length:
                break
            at += _LENGTH.size
            self.received(data[at : at + length])
            at += length
        self._rest = data[at:]
