"""Has attachments read by helper processes: a crash, a flood of memory or a reader that hangs harms a helper only.

``inspect`` blocks and is called in a thread. What a file does to its reader is an answer about the file (it is
unreadable); that there is no helper is an error.
"""

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import msgspec

from gateway.mime.kinds import Kind
from gateway.services.inspection.wire import LENGTH, READY, exactly
from gateway.services.inspection.words import Inspection, Limits, Request, Thing

HELPERS = 2  # of one process, each started when it is first needed
_GRACE = 2.0  # seconds that an end may take
START = 15.0  # seconds that a helper may take to begin
_IN_MEMORY = 1024 * 1024  # octets of an attachment that are handed over in memory
_ROOT = Path(__file__).resolve().parents[2]


class InspectorError(Exception):
    """No helper can be had. The text says why."""


class InspectorTimeout(InspectorError):  # noqa: N818 - an InspectorError with a name of its own
    """No helper became free in time, or the one that was asked had no time to answer."""


class Inspector:
    """The helpers of this process. Safe in threads."""

    def __init__(self, limits: Limits = Limits(), helpers: int = HELPERS) -> None:  # noqa: B008 - frozen
        """Start nothing yet."""
        self.limits = limits
        self._free: queue.LifoQueue[_Helper] = queue.LifoQueue()
        for _ in range(helpers):
            self._free.put(_Helper())

    def inspect(
        self,
        blocks: Iterable[bytes],
        names: tuple[str, ...],
        types: tuple[str, ...],
        until: float,
        seconds: float | None = None,
    ) -> Inspection:
        """Have an attachment looked at; ``blocks`` are its octets, ``until`` a time of ``time.monotonic``.

        ``names`` are those that it goes by, ``types`` those that it is declared to have; ``seconds`` of processor time
        may be spent, where that is less than the limit. Raises InspectorError, InspectorTimeout.
        """
        limits = self.limits
        if seconds is not None and seconds < limits.seconds:
            limits = msgspec.structs.replace(limits, seconds=seconds)
        try:
            helper = self._free.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise InspectorTimeout("no reader of attachments became free in time") from None
        try:
            with _file_of(blocks) as (file, size):
                return helper.ask(file, Request(size, names, types, limits), until)
        except OSError as error:
            raise InspectorError(f"attachments can't be read: {error.strerror or error}.") from error
        finally:
            self._free.put(helper)

    def close(self) -> None:
        """End the helpers that are free; those at work end with this process."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._free.get_nowait().end()


class _Helper:
    """One helper process, or the place for one."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._lock = threading.Lock()

    def ask(self, file: int, request: Request, until: float) -> Inspection:
        """Have a file looked at. Raises OSError, InspectorError where no helper can be started, InspectorTimeout."""
        with self._lock:
            sock = self._started()
            question = msgspec.json.encode(request)
            try:
                sock.settimeout(max(0.001, until - time.monotonic()))
                socket.send_fds(sock, [LENGTH.pack(len(question))], [file])
                sock.sendall(question)
                answer = exactly(sock, LENGTH.unpack(exactly(sock, LENGTH.size))[0])
                return msgspec.json.decode(answer, type=Inspection)
            except TimeoutError:
                # It had too little of the processor: that is our trouble, and nothing about the file.
                self.end()
                raise InspectorTimeout("attachments were not read in time") from None
            except (EOFError, ConnectionError, msgspec.MsgspecError):
                why = self._ended()
            return Inspection((Thing(request.names, kinds={Kind.UNREADABLE: why}),))

    def _started(self) -> socket.socket:
        """Give the socket of a helper that runs. Raises OSError, InspectorError."""
        if self._process is not None and self._process.poll() is None and self._sock is not None:
            return self._sock
        self.end()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "gateway.services.inspection"],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    process_group=0,  # a stop from the terminal is no answer about a file
                    env={"PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
                )
            except OSError:
                ours.close()
                raise
        self._sock = ours
        try:
            ours.settimeout(START)
            began = exactly(ours, len(READY)) == READY
        except (EOFError, OSError):
            began = False
        if not began:
            self.end()
            raise InspectorError("the reader of attachments can't be started.")
        return ours

    def _ended(self) -> str:
        """Say how the helper ended, and forget it."""
        process = self._process
        code = 0
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(_GRACE)
        self.end()
        return f"its reader ended by {signal.Signals(-code).name}" if code < 0 else f"its reader ended with {code}"

    def end(self) -> None:
        """End the helper, where one runs."""
        if self._sock is not None:
            self._sock.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._sock = None


@contextlib.contextmanager
def _file_of(blocks: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Give a file that holds the blocks, and its size: in memory while it is small, else on disk, without a name."""
    file: IO[bytes] = os.fdopen(os.memfd_create("attachment"), "w+b")
    try:
        size = 0
        for block in blocks:
            if size <= _IN_MEMORY < size + len(block):
                file.seek(0)
                on_disk = TemporaryFile()  # noqa: SIM115 - closed below
                on_disk.write(file.read())
                file.close()
                file = on_disk
            file.write(block)
            size += len(block)
        file.flush()
        yield file.fileno(), size
    finally:
        file.close()
