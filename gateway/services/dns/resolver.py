"""The resolver: asynchronous, with a cache, one question in flight for all who ask it, and a bound on each look-up.

It asks the configured servers and nobody else: no search domains, no hosts file, no recursion of its own. Messages are
written and read by dnspython; what is ours is who is asked, for how long, and what an answer means.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.MX
import dns.resolver

from gateway.config import Dns
from gateway.services.dns import wire
from gateway.services.dns.cache import Cache
from gateway.services.dns.udp import Channel, ServerError
from gateway.services.dns.words import Answer, Status

log = logging.getLogger("dns")

ATTEMPTS = 3  # questions that are sent for one look-up, over all servers
FAILED_TTL = 5.0  # seconds that a failure is kept: long enough for one message, short enough to recover


class DnsResolver:
    """Implements Resolver over UDP, and TCP where an answer was cut. One a process; use it in one event loop."""

    def __init__(self, config: Dns, *, now: Callable[[], float] = time.monotonic) -> None:
        """Make a resolver; nothing is asked yet. ``now`` is the clock of the cache, in seconds."""
        self._config = config
        self._now = now
        self._cache = Cache(config.cache)
        self._in_flight: dict[tuple[str, str], asyncio.Task[Answer]] = {}
        self._channels = [Channel(each) for each in servers(config)]
        self._sure = 0  # the server that answered last is asked first

    async def query(self, name: str, kind: str, *, seconds: float | None = None) -> Answer:
        """Look up records, within ``seconds`` (None: the configured bound). Never raises."""
        key = (name.rstrip(".").lower(), kind)
        known = self._cache.get(key, self._now())
        if known is not None:
            return known
        task = self._in_flight.get(key)
        if task is None:
            task = asyncio.ensure_future(self._look_up(key))
            self._in_flight[key] = task
            task.add_done_callback(lambda _: self._in_flight.pop(key, None))
        bound = self._config.seconds if seconds is None else min(seconds, self._config.seconds)
        done, _ = await asyncio.wait((task,), timeout=max(0.0, bound))
        if not done:
            return Answer(Status.TIMEOUT, detail=f"no answer on {kind} of {key[0]} within {bound:g} s")
        return task.result()

    def clear(self) -> int:
        """Forget all answers; gives how many there were."""
        return self._cache.clear()

    async def close(self) -> None:
        """Close the sockets; who waits gets a failure."""
        for task in list(self._in_flight.values()):
            task.cancel()
        await asyncio.gather(*self._in_flight.values(), return_exceptions=True)
        for channel in self._channels:
            channel.close()

    async def _look_up(self, key: tuple[str, str]) -> Answer:
        """Ask the servers until one answers, within the configured bound; keep the answer."""
        name, kind = key
        try:
            question = wire.question(name, kind)
        except (dns.exception.DNSException, ValueError, UnicodeError) as error:
            return Answer(Status.FAILED, detail=f"{name!r} can not be asked for: {error}")
        try:
            async with asyncio.timeout(self._config.seconds):
                answer, ttl = await self._ask(question)
        except TimeoutError:
            answer, ttl = Answer(Status.TIMEOUT, detail=f"no answer on {kind} of {name}"), FAILED_TTL
        self._cache.put(key, answer, self._now() + min(ttl, self._config.max_ttl))
        return answer

    async def _ask(self, question: wire.Question) -> tuple[Answer, float]:
        """Ask one server after the other; gives the first good answer with its time to live in seconds."""
        if not self._channels:
            return Answer(Status.FAILED, detail="no DNS server is configured"), FAILED_TTL
        trouble, status = "", Status.FAILED
        for attempt in range(ATTEMPTS):
            at = (self._sure + attempt) % len(self._channels)
            channel = self._channels[at]
            try:
                async with asyncio.timeout(self._config.attempt_seconds):
                    octets = await channel.ask(question)
                answer, ttl = wire.read(octets, question, negative_ttl=self._config.negative_ttl)
            except TimeoutError:
                trouble, status = f"{channel.server} does not answer", Status.TIMEOUT
                continue
            except (ServerError, OSError) as error:
                trouble, status = f"{channel.server}: {error}", Status.FAILED
                continue
            if answer.status is Status.FAILED:
                trouble, status = f"{channel.server}: {answer.detail}", Status.FAILED
                if len(self._channels) == 1:
                    break  # the same server says the same again
                continue
            self._sure = at
            return answer, ttl
        return Answer(status, detail=trouble), FAILED_TTL


def servers(config: Dns) -> list[tuple[str, int]]:
    """Give the servers as (address, port): the configured ones, else those of the system, never its search domains."""
    if config.servers:
        return [wire.server(each) for each in config.servers]
    try:
        system = dns.resolver.Resolver(configure=True)
    except dns.resolver.NoResolverConfiguration:
        return []
    found = [(str(each), 53) for each in system.nameservers]
    random.shuffle(found)
    return found
