"""The parent: binds the sockets, owns the counters, starts the children and starts them again. It never speaks SMTP."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys

import msgspec

from gateway.config import Config
from gateway.services.counters import CounterServer
from smtpfront.child import Share
from smtpfront.listeners import Listener

log = logging.getLogger("smtpd")

RESTART_SECONDS = 1.0  # between the death of a child and the next one in its slot
GRACE_SECONDS = 3.0  # that children get beyond the bound of the drain


class Parent:
    """All SMTP processes of a node."""

    def __init__(self, config: Config, bound: list[tuple[Listener, socket.socket]]) -> None:
        """Take the bound sockets."""
        self._config = config
        self._bound = bound
        self._counters = CounterServer(config.home / "counters")
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Serve until told to stop; gives the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        await self._counters.start()
        slots = [str(number + 1) for number in range(max(1, self._config.node.processes))]
        watchers = [asyncio.create_task(self._watch(slot)) for slot in slots]
        await self._stopping.wait()
        for _, sock in self._bound:
            sock.close()
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        _, late = await asyncio.wait(watchers, timeout=self._config.limits.stop_seconds + GRACE_SECONDS)
        for child in self._children.values() if late else ():
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        await asyncio.gather(*watchers)
        await self._counters.stop()
        return 0

    async def _watch(self, slot: str) -> None:
        """Keep one slot filled."""
        while not self._stopping.is_set():
            child = await self._start(slot)
            self._children[slot] = child
            if self._stopping.is_set():
                child.terminate()
            code = await child.wait()
            if not self._stopping.is_set():
                log.error("the process in slot %s ended with %d; starting another", slot, code)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), RESTART_SECONDS)

    async def _start(self, slot: str) -> asyncio.subprocess.Process:
        """Start the child of a slot; it inherits the sockets."""
        counters = self._counters.attach()
        try:
            share = Share(slot, [(listener, sock.fileno()) for listener, sock in self._bound], counters.fileno())
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "smtpfront",
                "--child",
                msgspec.json.encode(share).decode(),
                pass_fds=[counters.fileno(), *(sock.fileno() for _, sock in self._bound)],
                env=os.environ | {"BACKSTOP_PARENT": str(os.getpid())},
            )
        finally:
            counters.close()
