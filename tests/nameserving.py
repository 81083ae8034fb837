"""A name server on loopback in a thread of its own, for tests that have no event loop; how long to wait for one."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from gateway.config import Dns
from smtpfront.lab.nameserver import Nameserver, Zone


def asking(address: str, zone: Zone) -> Dns:
    """The settings of a resolver: patient, as every answer is wanted, but where the zone has names that stay silent."""
    silent = callable(zone) or any("silent" in held for held in zone.values())
    return Dns(servers=(address,), seconds=1.0 if silent else 60.0, attempt_seconds=0.3 if silent else 20.0)


@contextlib.contextmanager
def serving(zone: Zone, *, latency: float = 0.0) -> Iterator[Nameserver]:
    """Serve a table, which may be swapped meanwhile; ``latency`` is in seconds."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = Nameserver(zone, latency=latency)
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(60)
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
