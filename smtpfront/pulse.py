"""The sign of life of each child: a word a second to its parent, from the loop that serves the clients.

It says nothing of disk or network, and waits for neither: a child whose loop turns is alive. The parent makes of it
what it tells the service manager.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Sequence

import msgspec

BEAT_SECONDS = 1.0
START_SECONDS = 60.0  # that a child has until its first word
_LONGEST = 4096  # octets of a word


class Beat(msgspec.Struct, frozen=True):
    """What a child says: that it serves, how many clients, and by which revision of the policy."""

    connections: int
    revision: int


class Pulses:
    """The parent's side: one socket for each slot."""

    def __init__(self) -> None:
        """Begin without children."""
        self._socks: dict[str, socket.socket] = {}
        self._heard: dict[str, float] = {}  # when each slot was heard last, or was filled
        self.beats: dict[str, Beat] = {}

    def attach(self, slot: str, changed: Callable[[], None]) -> socket.socket:
        """Make the socket for the next child of a slot; the caller closes its copy once the child has it.

        ``changed`` is called when the child has said its first word.
        """
        self.detach(slot)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)  # noqa: FBT003 - the socket module's signature
        self._socks[slot] = ours
        self._heard[slot] = time.monotonic()
        asyncio.get_running_loop().add_reader(ours, self._hear, slot, changed)
        return theirs

    def detach(self, slot: str) -> None:
        """Forget the child of a slot."""
        self.beats.pop(slot, None)
        if (sock := self._socks.pop(slot, None)) is not None:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    def serving(self, slots: Sequence[str]) -> bool:
        """Whether every slot has a child that serves."""
        return all(slot in self.beats for slot in slots)

    def silent(self, slots: Sequence[str], seconds: float) -> list[str]:
        """Give the slots of which nothing was heard for so long; who starts has ``START_SECONDS``."""
        now = time.monotonic()
        return [
            slot
            for slot in slots
            if now - self._heard.get(slot, now) > (seconds if slot in self.beats else max(seconds, START_SECONDS))
        ]

    def _hear(self, slot: str, changed: Callable[[], None]) -> None:
        """Take what the child of a slot has said."""
        sock = self._socks[slot]
        with contextlib.suppress(BlockingIOError, ConnectionError, msgspec.MsgspecError):
            while word := sock.recv(_LONGEST):
                first = slot not in self.beats
                self.beats[slot] = msgspec.json.decode(word, type=Beat)
                self._heard[slot] = time.monotonic()
                if first:
                    changed()


async def beat(sock: socket.socket, now: Callable[[], Beat]) -> None:
    """Say a word a second, at once first; a parent that does not read misses one."""
    sock.setblocking(False)  # noqa: FBT003 - the socket module's signature
    while True:
        with contextlib.suppress(OSError):
            sock.send(msgspec.json.encode(now()))
        await asyncio.sleep(BEAT_SECONDS)
