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
from gateway.services.dns.cache import Cache, Key
from gateway.services.dns.udp import Asked, Channel
from gateway.services.dns.words import Answer, Status
from gateway.services.expiry import Expiring, watch

log = logging.getLogger("dns")

ATTEMPTS = 3  # questions that are sent for one look-up, over all servers
SILENCE = 20  # look-ups in a row without any answer: then it is the servers, and not somebody's domain
FAILED_TTL = 5.0  # seconds that a failure is kept: long enough for one message, short enough to recover

_NO_SERVER = Answer(Status.FAILED, detail="no DNS server is configured")


class DnsResolver:
    """Implements Resolver over UDP, and TCP where an answer was cut. One a process; use it in one event loop."""

    def __init__(
        self,
        config: Dns,
        *,
        now: Callable[[], float] = time.monotonic,
        on_silence: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Make a resolver; nothing is asked yet. ``now`` is the clock of the cache, in seconds.

        ``on_silence`` is told, with the last trouble, when no server has answered anything for many look-ups.
        """
        self.config = config
        self._now = now
        self._on_silence = on_silence
        self._unanswered = 0  # look-ups in a row
        self._cache = Cache(config.cache)
        self._in_flight: dict[Key, _LookUp] = {}
        self.channels = [Channel(each) for each in servers(config)]
        self.sure = 0  # the server that answered last is asked first

    def query(self, name: str, kind: str, *, seconds: float | None = None) -> "asyncio.Future[Answer]":
        """Look up records, within ``seconds`` (None: the configured bound). Never raises.

        The look-up begins at once, whether or not somebody waits already: what is asked in a row is asked together.
        """
        key = (name.rstrip(".").lower(), kind)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Answer] = loop.create_future()
        known = self._cache.get(key, self._now())
        if known is not None:
            waiter.set_result(known)
            return waiter
        look_up = self._in_flight.get(key)
        if look_up is not None:
            look_up.waiters.append(waiter)
        else:
            try:
                question = wire.question(*key)
            except (dns.exception.DNSException, ValueError) as error:
                waiter.set_result(Answer(Status.FAILED, detail=f"{key[0]!r} can not be asked for: {error}"))
                return waiter
            self._in_flight[key] = look_up = _LookUp(self, key, question, loop, waiter)
            look_up.begin()
        if seconds is not None and seconds < self.config.seconds and not waiter.done():
            late = Answer(Status.TIMEOUT, detail=f"no answer on {kind} of {key[0]} within {seconds:g} s")
            timer = loop.call_later(max(0.0, seconds), _tell, [waiter], late)
            waiter.add_done_callback(lambda _: timer.cancel())
        return waiter

    def clear(self) -> int:
        """Forget all answers; gives how many there were."""
        return self._cache.clear()

    async def close(self) -> None:
        """Close the sockets; who waits gets a failure."""
        for each in list(self._in_flight.values()):
            each.end(Answer(Status.FAILED, detail="the resolver was closed"), 0.0)
        for channel in self.channels:
            channel.close()

    def heard(self) -> None:
        """Note that a server has answered something."""
        self._unanswered = 0

    def unheard(self, trouble: str) -> None:
        """Note that a look-up ended without any answer."""
        self._unanswered += 1
        if self._unanswered >= SILENCE:
            self._unanswered = 0
            self._on_silence(trouble)

    def ended(self, key: Key, answer: Answer, ttl: float) -> None:
        """Keep what a look-up has found, for ``ttl`` seconds."""
        del self._in_flight[key]
        self._cache.put(key, answer, self._now() + min(ttl, self.config.max_ttl))


class _LookUp:
    """One question under way: asks one server after the other until one answers, within the configured bound.

    It has no task: the socket tells it of answers, a timer of their absence, and it tells all who wait.
    """

    __slots__ = ("_asked", "_attempt", "_deadline", "_first", "_heard", "_key", "_loop", "_question", "_resolver",
                 "_trouble", "_watched", "waiters")  # fmt: skip

    def __init__(
        self,
        resolver: DnsResolver,
        key: Key,
        question: wire.Question,
        loop: asyncio.AbstractEventLoop,
        waiter: "asyncio.Future[Answer]",
    ) -> None:
        """Prepare."""
        self.waiters = [waiter]
        self._resolver = resolver
        self._key = key
        self._question = question
        self._loop = loop
        self._first = resolver.sure
        self._attempt = -1
        self._heard = False
        self._deadline = loop.time() + resolver.config.seconds
        self._asked: Asked | None = None
        self._watched: set[Expiring] | None = None
        self._trouble = _NO_SERVER

    def begin(self) -> None:
        """Ask the first server, or the next one; end where enough were asked."""
        if self._watched is not None:
            self._drop()
        resolver, now = self._resolver, self._loop.time()
        self._attempt += 1
        if self._attempt == ATTEMPTS or now >= self._deadline or not resolver.channels:
            if not self._heard:
                resolver.unheard(self._trouble.detail)
            self.end(self._trouble, FAILED_TTL)
            return
        self._watched = watch(self, min(now + resolver.config.attempt_seconds, self._deadline), self._loop)
        try:
            self._asked = self._channel().ask(self._question, self)
        except OSError as error:
            self.fail(error)

    def take(self, octets: bytes) -> None:
        """Take an answer: the end, unless the next server may know better."""
        if self._asked is None:
            return  # it came too late
        resolver = self._resolver
        self._heard = True
        resolver.heard()
        if wire.is_cut(octets):
            self._channel().ask_whole(self._question, _Whole(self, self._attempt))
            return
        self._asked = None  # who hands answers on has forgotten it
        answer, ttl = wire.read(octets, self._question, negative_ttl=resolver.config.negative_ttl)
        if answer.status is not Status.FAILED:
            resolver.sure = (self._first + self._attempt) % len(resolver.channels)
            self.end(answer, ttl)
            return
        self._trouble = Answer(Status.FAILED, detail=f"{self._channel().server}: {answer.detail}")
        if len(resolver.channels) == 1:
            self.end(self._trouble, FAILED_TTL)  # the same server says the same again
        else:
            self.begin()

    def fail(self, error: Exception) -> None:
        """Go on to the next server: this one can't be reached."""
        self._trouble = Answer(Status.FAILED, detail=f"{self._channel().server}: {error}")
        self.begin()

    def at(self, attempt: int) -> bool:
        """Whether this attempt is still under way."""
        return self._asked is not None and self._attempt == attempt

    def end(self, answer: Answer, ttl: float) -> None:
        """Tell all who wait."""
        self._drop()
        self._resolver.ended(self._key, answer, ttl)
        _tell(self.waiters, answer)

    def _channel(self) -> Channel:
        """Give the way to the server that this attempt asks."""
        resolver = self._resolver
        return resolver.channels[(self._first + self._attempt) % len(resolver.channels)]

    def expire(self) -> None:
        """Go on to the next server: nothing came in time."""
        name, kind = self._key
        whole = self._loop.time() >= self._deadline
        words = f"no answer on {kind} of {name} within {self._resolver.config.seconds:g} s"
        detail = words if whole else f"{self._channel().server} does not answer"
        self._trouble = Answer(Status.TIMEOUT, detail=detail)
        self.begin()

    def _drop(self) -> None:
        """Wait for nothing more."""
        if self._watched is not None:
            self._watched.discard(self)
            self._watched = None
        if self._asked is not None:
            self._asked.cancel()
            self._asked = None


class _Whole:
    """Hands what comes over TCP to a look-up that still waits for it."""

    def __init__(self, look_up: _LookUp, attempt: int) -> None:
        """Remember for which attempt it is."""
        self._look_up = look_up
        self._attempt = attempt

    def take(self, octets: bytes) -> None:
        """Hand an answer on; over TCP nothing is cut."""
        if self._look_up.at(self._attempt):
            self._look_up.take(wire.uncut(octets))

    def fail(self, error: Exception) -> None:
        """Hand an error on."""
        if self._look_up.at(self._attempt):
            self._look_up.fail(error)


def _tell(waiters: list["asyncio.Future[Answer]"], answer: Answer) -> None:
    """Give an answer to who still waits."""
    for each in waiters:
        if not each.done():
            each.set_result(answer)


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
