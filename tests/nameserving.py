"""A name server on loopback in a thread of its own, for tests that have no event loop."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from smtpfront.lab.nameserver import Nameserver, Zone


@contextlib.contextmanager
def serving(zone: Zone, *, latency: float = 0.0) -> Iterator[Nameserver]:
    """Serve a table, which may be swapped meanwhile; ``latency`` is in seconds."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = Nameserver(zone, latency=latency)
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(5)
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
