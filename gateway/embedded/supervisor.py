"""Starts the processes of a gateway, shows what they say, starts again what dies, and stops all within five seconds.

Each child has a session of its own, so that Ctrl-C reaches the supervisor alone and nothing of a child survives it. It
knows nothing of mail.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence

from gateway import notify
from gateway.embedded.children import Child
from gateway.embedded.lines import Lines

STOP_SECONDS = 4.0  # then SIGKILL
_LAST_SECONDS = 0.5  # of them for those that others need
_FIRST_PAUSE = 0.5  # seconds before a dead child is started again; doubled each time
_LONGEST_PAUSE = 30.0
_LAST_WORDS_SECONDS = 0.2  # for what a child said before it ended
_STEADY_SECONDS = 30.0  # a child that lived so long starts with the first pause again
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Supervisor:
    """The children of one gateway."""

    def __init__(self, children: Sequence[Child], environment: Mapping[str, str], lines: Lines) -> None:
        """Take the children in the order in which they are started."""
        self._children = {child.label: child for child in children}
        self._environment = dict(environment)
        self._lines = lines
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._ready = {child.label: asyncio.Event() for child in children if child.ready or child.notifies}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Start all; gives when each that says so is ready, or when it is told to stop."""
        for label in self._children:
            self._keepers[label] = asyncio.create_task(self._keep(label))
        ready = asyncio.gather(*(event.wait() for event in self._ready.values()))
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((ready, stop), return_when=asyncio.FIRST_COMPLETED)
        for waiting in (ready, stop):
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting

    def ask_to_stop(self) -> None:
        """Make ``wait`` return; may be called from a signal handler."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping.is_set()

    async def wait(self) -> None:
        """Wait until it is told to stop."""
        await self._stopping.wait()

    def replace(self, child: Child) -> None:
        """Start a child anew with another command line."""
        self._children[child.label] = child
        if process := self._processes.get(child.label):
            _signal(process, signal.SIGTERM)

    async def stop(self) -> None:
        """Stop all, each once those that need it have ended; after ``STOP_SECONDS`` whatever is left is killed."""
        self._stopping.set()
        if not self._keepers:
            return
        stops = [asyncio.create_task(self._stop_one(label)) for label in self._keepers]
        await asyncio.wait(self._keepers.values(), timeout=STOP_SECONDS)
        for label, process in self._processes.items():
            if process.returncode is None:
                self._lines.write("backstop", f"{label} does not stop; killed", loud=True)
                _signal(process, signal.SIGKILL)
        await asyncio.gather(*self._keepers.values(), *stops)

    async def _stop_one(self, label: str) -> None:
        """Tell one child to stop, when the one that needs it has ended or has had most of the time."""
        if needed_by := self._keepers.get(self._children[label].outlives):
            await asyncio.wait((needed_by,), timeout=STOP_SECONDS - _LAST_SECONDS)
        if process := self._processes.get(label):
            _signal(process, signal.SIGTERM)

    async def _keep(self, label: str) -> None:
        """Keep one child alive until the stop."""
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            child = self._children[label]
            try:
                with self._hearing(child) as told:
                    code = await self._run(child, told)
            except OSError as error:
                self._lines.write("backstop", f"{label} can't be started: {error}", loud=True)
            else:
                if self._stopping.is_set():
                    return
                if child is not self._children[label]:
                    continue
                self._lines.write("backstop", f"{label} {_ending(code)}; started again in {pause:.1f} s", loud=True)
            if time.monotonic() - started > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _run(self, child: Child, told: Mapping[str, str]) -> int:
        """Run one child to its end; gives its exit status, negative for a signal. Raises OSError.

        ``told`` is added to its environment.
        """
        parent = os.getpid()
        # A pipe of our own: asyncio's would make us wait for whatever else holds it open, long after the child's end.
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                env={**self._environment, **told},
                start_new_session=True,
                preexec_fn=lambda: _die_with(parent),
            )
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._processes[child.label] = process
        if self._stopping.is_set():
            _signal(process, signal.SIGTERM)
        reader = asyncio.create_task(self._show(child, reading))
        code = await process.wait()
        _signal(process, signal.SIGKILL)  # what it left behind in its group
        await asyncio.wait((reader,), timeout=_LAST_WORDS_SECONDS)
        reader.cancel()
        return code

    @contextlib.contextmanager
    def _hearing(self, child: Child) -> Iterator[dict[str, str]]:
        """Hear that a child is ready, where it tells; gives what it must find in its environment. Raises OSError."""
        if not child.notifies:
            yield {}
            return

        def hear() -> None:
            if notify.READY in notify.heard(listening):
                self._ready[child.label].set()

        with notify.listen() as listening:
            asyncio.get_running_loop().add_reader(listening, hear)
            try:
                yield notify.environment(listening)
            finally:
                asyncio.get_running_loop().remove_reader(listening)

    async def _show(self, child: Child, pipe: int) -> None:
        """Show what a child says, and notice that it is ready. Closes the pipe."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb"))
        try:
            await self._show_lines(child, reader)
        finally:
            transport.close()

    async def _show_lines(self, child: Child, reader: asyncio.StreamReader) -> None:
        """Show each line, however long, and what comes after the last."""
        rest = b""
        while block := await reader.read(65536):
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                text = line.decode("utf-8", "replace").rstrip()
                if child.ready and text.startswith(child.ready):
                    self._ready[child.label].set()
                if text and not (child.chatter and child.chatter.match(text)):
                    self._lines.write(child.label, text)
        if rest:
            self._lines.write(child.label, rest.decode("utf-8", "replace"))


def _die_with(parent: int) -> None:
    """Ask the kernel for SIGTERM when the supervisor is killed; runs in the child before its program."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal: SIGTERM to the child, SIGKILL to all that is left of its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)
        elif process.returncode is None:
            process.send_signal(number)


def _ending(code: int) -> str:
    """Say how a process ended."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
