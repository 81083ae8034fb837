"""The owner of the counters, in the SMTP parent: answers its children, tells them all of the store, keeps a file.

Slots belong to the child that took them and are freed when it goes, however it goes.

Where two instances serve one home for a while, each has a file of its own, and takes over what the other's file says
each time that it changes: see ADR 12 for what that means for limits.
"""

import asyncio
import contextlib
import logging
import re
import socket
import time
from collections import Counter
from pathlib import Path

import msgspec

from gateway.services.counters import wire
from gateway.services.counters.tables import MAX_EVENTS, Distinct, Slots, Store, Value, Window, Windows, admit, enter
from gateway.spool.disk import replace_file

SAVE_SECONDS = 5.0

log = logging.getLogger(__name__)


class _Saved(msgspec.Struct, frozen=True):
    """What the file holds."""

    store: dict[str, Value] = {}
    windows: dict[str, Window] = {}
    distinct: dict[str, dict[str, float]] = {}


_OTHER = re.compile(r"counters(-[a-z0-9]+)?")
_decoder = msgspec.msgpack.Decoder(wire.Request)
# The times of a window are a deque, which msgspec does not know by itself: a list in the file.
_file_decoder = msgspec.msgpack.Decoder(_Saved, dec_hook=lambda kind, times: kind(times, maxlen=MAX_EVENTS))
_file_encoder = msgspec.msgpack.Encoder(enc_hook=list)


class CounterServer:
    """The owner. ``start`` it before the first ``attach``."""

    def __init__(self, file: Path) -> None:
        """Name the file that keeps store and windows over restarts: ``counters``, or ``counters-a`` of an instance."""
        self._file = file
        self._seen: dict[Path, int] = {}  # when each file of another instance was changed, as far as we know it
        self.slots = Slots()
        self.windows = Windows()
        self.distinct = Distinct()
        self.store = Store()
        self.changes = 0
        self._lines: set[_ServerLine] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._saved = 0  # the change up to which the file is complete
        self._saving = asyncio.Lock()
        self._saver: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load the file that was written last, and begin to save every few seconds.

        A damaged file is set aside, with a word in the log.
        """
        self._seen = self._others()
        files = {self._file: _changed(self._file), **self._seen}
        self._load(max(files, key=lambda path: files[path]))
        self._saver = asyncio.create_task(self._save_often())

    def _load(self, file: Path) -> None:
        """Take over what a file says, besides what is known."""
        now = time.time()
        try:
            saved = _file_decoder.decode(file.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            aside = file.with_name(f"{file.name}.damaged-{int(now)}")
            with contextlib.suppress(OSError):
                file.replace(aside)
            text = "counters: %s can't be read (%s); set aside as %s, counting begins anew"
            log.error(text, file, error, aside.name)  # noqa: TRY400 - one line tells it
            return
        stored = self.store.load(saved.store, now)
        for key, value in stored.items():
            self.tell(wire.Stored(key, value.text, value.expires))
        counted = [self.windows.load(saved.windows, now), self.distinct.load(saved.distinct)]
        # What is new only because another instance counted it is saved too; what is not ends the exchange.
        self.changes += bool(stored) or any(counted)

    def _others(self) -> dict[Path, int]:
        """Give the files of other instances, and when each was changed."""
        return {
            path: _changed(path)
            for path in self._file.parent.glob("counters*")
            if path != self._file and _OTHER.fullmatch(path.name)
        }

    def _take_over(self) -> None:
        """Take over what other instances have saved since the last time."""
        others = self._others()
        for path, changed in others.items():
            if changed > self._seen.get(path, 0):
                self._load(path)
        self._seen = others

    def attach(self) -> socket.socket:
        """Make a socket pair, serve one end, give the other: it is the child's, and the caller closes its copy.

        Not inheritable by itself; pass its file descriptor on.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
        theirs.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._keep(asyncio.create_task(self._serve(ours)))
        return theirs

    async def stop(self) -> None:
        """Save and close everything."""
        if self._saver is not None:
            async with self._saving:  # a thread that writes goes on when its task is cancelled, and would meet the last
                self._saver.cancel()
            await asyncio.wait([self._saver])
        for line in list(self._lines):
            line.close()
        await self.save()

    async def save(self) -> bool:
        """Write the file durably; those who ask at the same time share a write. Tells whether it worked."""
        wanted = self.changes
        async with self._saving:
            if self._saved >= wanted and self._file.exists():
                return True
            covered = self.changes
            now = time.time()
            octets = _file_encoder.encode(_Saved(self.store.dump(now), self.windows.dump(now), self.distinct.dump()))
            try:
                await asyncio.to_thread(replace_file, self._file, [octets])
            except OSError as error:
                log.error("counters: %s can't be written: %s", self._file, error)  # noqa: TRY400 - one line tells it
                return False
            self._saved = covered
            return True

    def tell(self, message: wire.Response) -> None:
        """Tell every child."""
        for line in self._lines:
            line.say(message)

    def joined(self, line: "_ServerLine") -> None:
        """Send a new child the whole store, and all that changes from now on."""
        self._lines.add(line)
        for key, value in self.store.dump(time.time()).items():
            line.say(wire.Stored(key, value.text, value.expires))
        line.say(wire.Ready())

    def left(self, line: "_ServerLine") -> None:
        """Free the slots of a child that is gone."""
        self._lines.discard(line)
        self.slots.release(list(line.held.elements()))

    def save_for(self, line: "_ServerLine", number: int) -> None:
        """Save, then tell the child that asked."""
        self._keep(asyncio.create_task(self._save_for(line, number)))

    async def _save_for(self, line: "_ServerLine", number: int) -> None:
        """Do as ``save_for`` says."""
        line.say(wire.Saved(number, await self.save()))

    async def _serve(self, sock: socket.socket) -> None:
        """Put our end on the loop."""
        await asyncio.get_running_loop().create_unix_connection(lambda: _ServerLine(self), sock=sock)

    async def _save_often(self) -> None:
        """Every few seconds look what others have counted, and save, if anything changed."""
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            self._take_over()
            if self.changes > self._saved:
                await self.save()

    def _keep(self, task: asyncio.Task[None]) -> None:
        """Hold a task strongly: asyncio does not."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _ServerLine(wire.Line):
    """The parent's end of one child's pair. ``held`` counts the slots that the child has."""

    def __init__(self, server: CounterServer) -> None:
        """Belong to a server."""
        super().__init__()
        self.held: Counter[str] = Counter()
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join."""
        super().connection_made(transport)
        self._server.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave."""
        super().connection_lost(exc)
        self._server.left(self)

    def received(self, octets: bytes) -> None:
        """Do what the child asks."""
        server = self._server
        match _decoder.decode(octets):
            case wire.Acquire(id=number, claims=claims, events=events):
                full = enter(server.slots, claims, server.windows, server.distinct, events, time.time())
                server.changes += bool(events)
                if full is None:
                    for key, _ in claims:
                        self.held[key] += 1
                self.say(wire.Full(number, full))
            case wire.Release(keys=keys):
                # Only what this child holds: a slip of one never frees a slot of another.
                ours = [key for key in keys if self._give_up(key)]
                server.slots.release(ours)
            case wire.Count(id=number, key=key, window=window, add=add):
                now = time.time()
                count = server.windows.count if add else server.windows.peek
                server.changes += add
                self.say(wire.Total(number, count(key, window, now)))
            case wire.Admit(id=number, claims=claims):
                server.changes += 1
                self.say(wire.Full(number, admit(server.windows, server.distinct, claims, time.time())))
            case wire.Put(id=number, key=key, value=value, expires=expires):
                server.changes += 1
                server.store.put(key, Value(value, expires))
                # To this child too: all see the changes in one order, so that their copies end up the same.
                server.tell(wire.Stored(key, value, expires))
                if number:
                    server.save_for(self, number)
            case wire.Forget(key=key):
                server.changes += 1
                server.store.forget(key)
                server.windows.forget(key)
                server.distinct.forget(key)
                server.tell(wire.Forget(key))

    def _give_up(self, key: str) -> bool:
        """Take one from what the child holds; tells whether there was one."""
        if self.held[key] <= 0:
            del self.held[key]
            return False
        self.held[key] -= 1
        if not self.held[key]:
            del self.held[key]
        return True


def _changed(file: Path) -> int:
    """Give when a file was last changed, in nanoseconds; 0 where there is none."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
