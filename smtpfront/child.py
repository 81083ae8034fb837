"""One SMTP process: serves the listeners that its parent bound, until it is told to stop."""

import asyncio
import functools
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Collection
from pathlib import Path

import msgspec

from gateway.config import Config
from gateway.services.counters import CounterClient
from gateway.services.dns.cache import CLEAR
from gateway.services.ledger import LedgerError
from gateway.spool.disk import SpoolError
from smtpfront import verbs
from smtpfront.certificate import CertificateKeeper
from smtpfront.front import Conversation, Front
from smtpfront.pulse import Beat, beat
from smtpfront.session import Session
from smtpfront.share import Share

log = logging.getLogger("smtpd")

HOUSEKEEPING_SECONDS = 1.0
ACCEPTED_SECONDS = 0.2  # at a stop, until each connection that was accepted has its session
ARRIVING_SECONDS = 3.0  # at a stop, what a client without a transaction gets to begin its first
GARBAGE_THRESHOLD = 20_000  # new objects until the youngest are looked through; Python's own is 700


class Status(msgspec.Struct, frozen=True):
    """What a process says of itself in its status file. Times are seconds since the epoch."""

    slot: str
    pid: int
    revision: int
    revision_error: str
    started: float
    heartbeat: float
    connections: int
    draining: bool
    listeners: list[str]


def run(config: Config, share: Share) -> int:
    """Serve until told to stop; gives the exit status."""
    assert verbs.VERBS  # noqa: S101 - importing the table is what fills it
    try:
        return asyncio.run(_serve(config, share))
    except (SpoolError, LedgerError) as error:
        sys.stderr.write(f"smtpd: {error}\n")
        return 1


async def _serve(config: Config, share: Share) -> int:
    """Start, serve, drain."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    counters = CounterClient(socket.socket(fileno=share.counters))
    await counters.start()
    certificate = CertificateKeeper(config)
    front = Front(config, share.slot, counters, certificate.context)
    if left := front.spool.discard_leftovers():
        log.info("discarded %d messages that were never answered with 250", left)
    servers: list[asyncio.Server] = []
    for listener, handle in share.listeners:
        factory = functools.partial(Session, front, listener.kind, loop)
        sock = socket.socket(fileno=handle)
        sock.setblocking(False)  # noqa: FBT003 - the socket module's signature
        servers.append(
            await loop.create_server(
                factory, sock=sock, ssl=certificate.listening if listener.tls else None, backlog=1024
            )
        )
    status = StatusFile(front, [listener.address for listener, _ in share.listeners])
    status.write()
    # What is here now stays for the process' life; a message leaves few cycles, so the collector need not look often.
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    log.info("ready: slot %s, policy revision %s", share.slot, front.policy.revision if front.policy else "none yet")
    pulse = socket.socket(fileno=share.pulse)
    keepers = [
        asyncio.create_task(
            beat(pulse, lambda: Beat(len(front.sessions), front.policy.revision if front.policy else 0))
        ),
        asyncio.create_task(_keep_house(front, status, certificate, CacheKeeper(front))),
        asyncio.create_task(front.feed.watch()),
        asyncio.create_task(front.learned.watch()),
    ]
    await stopping.wait()
    await _drain(front, servers)
    for keeper in keepers:
        keeper.cancel()
    await asyncio.gather(*keepers, return_exceptions=True)
    await front.pool.close()
    front.clamd.close()
    for engine in front.engines.values():
        await engine.close()
    await counters.stop()
    status.remove()
    front.journal.close()
    return 0


async def _drain(front: Front, servers: list[asyncio.Server]) -> None:
    """Take no new clients; let running transactions end within the bound; cut what is left.

    Who has come only just before gets a moment to begin the transaction that it came for. Whose message has come whole
    is not cut: the next hop may have it already, and a client that does not hear so sends it again.
    """
    front.draining = True
    for server in servers:
        server.close()
    began = time.monotonic()
    seconds = front.config.limits.stop_seconds
    _stop_all(front)
    await asyncio.sleep(min(ACCEPTED_SECONDS, seconds))  # until what was accepted has its session
    while front.sessions and time.monotonic() - began < seconds:
        if not front.hurrying and time.monotonic() - began > min(ARRIVING_SECONDS, seconds / 2):
            front.hurrying = True
            _stop_all(front)
        await asyncio.sleep(0.05)
    settling = {session for session in front.sessions if session.settling}
    _cut(front.sessions - settling)
    until = time.monotonic() + front.config.settle_seconds
    while settling & front.sessions and time.monotonic() < until:  # noqa: ASYNC110 - they leave in several ways
        await asyncio.sleep(0.05)
    _cut(settling & front.sessions)


def _cut(sessions: Collection[Conversation]) -> None:
    """Cut these: nothing of theirs was answered with 250."""
    for session in sessions:
        log.warning("cut a transaction of %s that did not end in time", session.peer)
        session.abort()


def _stop_all(front: Front) -> None:
    """Tell every session that the process goes down."""
    for session in list(front.sessions):
        session.stop()


async def _keep_house(
    front: Front, status: "StatusFile", certificate: CertificateKeeper, caches: "CacheKeeper"
) -> None:
    """Once a second: sync the journal, look for a new certificate, forget what we shall, say how we are."""
    while True:
        await asyncio.sleep(HOUSEKEEPING_SECONDS)
        try:
            await asyncio.to_thread(front.journal.sync)
        except SpoolError as error:
            front.alarm(f"journal can not be synced: {error}")
        certificate.refresh(front)
        caches.refresh()
        status.write()


class CacheKeeper:
    """Forgets what DNS, directories and next hops have answered when somebody asks for it, by touching a file."""

    def __init__(self, front: Front) -> None:
        """Remember how the file is: who starts knows nothing but what next hops said to all processes of the node."""
        self._front = front
        self._path = front.config.status_folder / CLEAR
        front.forgotten = self._changed()

    def refresh(self) -> None:
        """Forget, where the file is newer than it was."""
        changed = self._changed()
        if changed != self._front.forgotten:
            self._front.forgotten = changed
            self._front.directory.forget()
            self._front.pool.forget()
            number = self._front.resolver.clear()
            log.info("forgot %d answers of DNS, and those of directories and next hops, as asked", number)

    def _changed(self) -> int:
        """Give when the file last changed; 0 where there is none."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0


class StatusFile:
    """The file in which this process says how it is; the console and doctor read it."""

    def __init__(self, front: Front, addresses: list[str]) -> None:
        """Name it by the slot."""
        self._front = front
        self._addresses = addresses
        self._path: Path = front.config.status_folder / f"smtp-{front.slot}.json"
        self._path.parent.mkdir(parents=True, exist_ok=True)

    def write(self) -> None:
        """Write it anew; a reader sees the old or the new one."""
        front = self._front
        status = Status(
            slot=front.slot,
            pid=os.getpid(),
            revision=front.policy.revision if front.policy is not None else 0,
            revision_error=str(front.feed.last_error or ""),
            started=front.started,
            heartbeat=time.time(),
            connections=len(front.sessions),
            draining=front.draining,
            listeners=self._addresses,
        )
        new = self._path.with_suffix(".new")
        try:
            new.write_bytes(msgspec.json.encode(status))
            new.replace(self._path)
        except OSError as error:
            front.alarm(f"status can not be written: {error}")

    def remove(self) -> None:
        """Remove it: the process ends as it should."""
        self._path.unlink(missing_ok=True)
