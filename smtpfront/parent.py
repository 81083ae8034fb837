"""The parent: owns the sockets and the counters, starts the children and starts them again. It never speaks SMTP.

It tells the service manager how they are: ready once every child serves, and alive while each of them is.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys

import msgspec

from gateway import notify
from gateway.config import STOP_GRACE_SECONDS, Config
from gateway.services.counters import CounterServer
from smtpfront.listeners import Listener
from smtpfront.pulse import Pulses
from smtpfront.share import Share

log = logging.getLogger("smtpd")

RESTART_SECONDS = 1.0  # between the death of a child and the next one in its slot
# glibc gives blocks of large messages back as soon as they are free, instead of raising the size from which it does.
_MALLOC = {"MALLOC_MMAP_THRESHOLD_": "131072"}
STATUS_SECONDS = 5.0  # between two words about figures
_OF_SERVICE_MANAGER = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")  # ours alone to answer


class Parent:
    """All SMTP processes of an instance. ``lock`` is the file descriptor that says that it runs."""

    def __init__(self, config: Config, bound: list[tuple[Listener, socket.socket]], lock: int) -> None:
        """Take the bound sockets."""
        self._config = config
        self._bound = bound
        self._lock = lock
        instance = config.node.instance
        self._counters = CounterServer(config.home / (f"counters-{instance}" if instance else "counters"))
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._pulses = Pulses()
        self._stopping = asyncio.Event()
        self._ready = False

    async def run(self) -> int:
        """Serve until told to stop; gives the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        if notify.is_wanted():  # else a terminal that closes shall end us
            loop.add_signal_handler(signal.SIGHUP, _nothing_to_reload)
        await self._counters.start()
        watchers = [asyncio.create_task(self._watch(slot)) for slot in self._config.slots]
        tellers = [asyncio.create_task(self._tell_status()), asyncio.create_task(self._feed_watchdog())]
        await self._stopping.wait()
        notify.tell(notify.STOPPING, notify.status("takes no new clients; running transactions end"))
        for _, sock in self._bound:
            sock.close()
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        _, late = await asyncio.wait(watchers, timeout=self._config.drain_seconds + STOP_GRACE_SECONDS)
        for child in self._children.values() if late else ():
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        await asyncio.gather(*watchers)
        for teller in tellers:
            teller.cancel()
        await asyncio.gather(*tellers, return_exceptions=True)
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
            self._pulses.detach(slot)
            if not self._stopping.is_set():
                log.error("the process in slot %s ended with %d; starting another", slot, code)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), RESTART_SECONDS)

    async def _start(self, slot: str) -> asyncio.subprocess.Process:
        """Start the child of a slot; it inherits the sockets, and holds the lock as we do."""
        counters, pulse = self._counters.attach(), self._pulses.attach(slot, self._tell_ready)
        served = [(listener, sock.fileno()) for listener, sock in self._bound]
        try:
            share = Share(slot, served, counters.fileno(), pulse.fileno())
            environment = {name: value for name, value in os.environ.items() if name not in _OF_SERVICE_MANAGER}
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "smtpfront",
                "--child",
                msgspec.json.encode(share).decode(),
                pass_fds=[self._lock, counters.fileno(), pulse.fileno(), *(handle for _, handle in served)],
                env=_MALLOC | environment | {"BACKSTOP_PARENT": str(os.getpid())},
            )
        finally:
            counters.close()
            pulse.close()

    def _tell_ready(self) -> None:
        """Say that we are ready, once every child serves."""
        if not self._ready and self._pulses.serving(self._config.slots):
            self._ready = True
            notify.tell(notify.READY, self._figures())

    async def _tell_status(self) -> None:
        """Say the figures every few seconds."""
        while True:
            await asyncio.sleep(STATUS_SECONDS)
            if self._ready and not self._stopping.is_set():
                notify.tell(self._figures())

    async def _feed_watchdog(self) -> None:
        """Say that all is alive, as often as the service manager wants it, while it is."""
        every = notify.watchdog_seconds()
        if every is None:
            return
        while True:
            # Who ends has nothing to say any more: then the bound of the stop is what watches.
            if not self._stopping.is_set() and (silent := self._pulses.silent(self._config.slots, every)):
                log.error("the process in slot %s does not answer", ", ".join(silent))
            else:
                notify.tell(notify.WATCHDOG)
            await asyncio.sleep(every)

    def _figures(self) -> str:
        """Give the line of ``systemctl status``."""
        beats = self._pulses.beats.values()
        revision = max((each.revision for each in beats), default=0)
        clients = sum(each.connections for each in beats)
        return notify.status(
            f"{len(beats)} of {len(self._config.slots)} processes serve {clients} clients, "
            f"policy revision {revision or 'none yet'}"
        )


def _nothing_to_reload() -> None:
    """Answer SIGHUP: what changes is noticed by itself, and the rest needs another instance."""
    log.info("nothing to reload: policy and certificate are taken up by themselves, configuration with a start")
