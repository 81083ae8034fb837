"""What DNS says of the records now: asked within a budget, of the servers that the node uses, past our own caches."""

import asyncio
import re
import time
from collections.abc import Iterable, Sequence

import msgspec

from gateway.config import Config
from gateway.models import Domain
from gateway.operations.records.record import Kind, Record, Seen, State
from gateway.operations.records.wanted import host_of, of_domain, of_node, own_addresses
from gateway.services.dns import Answer, DnsResolver

SECONDS = 3.0  # for all of it
_FIRST = 2 / 3  # of them: PTR records are asked for when the addresses are known
_VERSION = re.compile(r"v=\w+")
_BETWEEN = re.compile(r"\s*;\s*")
_ADDRESSES = (Kind.A, Kind.AAAA)


class Compared(msgspec.Struct, frozen=True):
    """What was found of the node's records, and of each domain's."""

    node: list[Seen]
    domains: list[list[Seen]]


def compare(config: Config, rows: Sequence[Domain], seconds: float = SECONDS) -> Compared:
    """Ask DNS for all records of the node and of some domains, within ``seconds``. Never raises.

    Where the node does not know its addresses, those that its name has are taken for them.
    """
    wanted = [of_domain(row, config, withdrawn=True) for row in rows]
    return asyncio.run(_compare(config, wanted, seconds))


async def _compare(config: Config, wanted: list[list[Record]], seconds: float) -> Compared:
    """Do it."""
    began = time.monotonic()
    resolver = DnsResolver(msgspec.structs.replace(config.dns, seconds=seconds))
    asking = _Asking(resolver, seconds * _FIRST, host_of(config))
    try:
        domains = asyncio.gather(*(asking.look_at(records) for records in wanted))
        named = await asking.addresses(asking.host)
        node = of_node(config, own_addresses(config) or named)
        domains_seen = await domains
        asking.seconds = seconds - (time.monotonic() - began)
        return Compared(await asking.look_at(node), domains_seen)
    finally:
        await resolver.close()


class _Asking:
    """One comparison under way."""

    def __init__(self, resolver: DnsResolver, seconds: float, host: str) -> None:
        """Take who is asked, for how long each question may take, and the node's name."""
        self._resolver = resolver
        self.seconds = seconds
        self.host = host

    async def look_at(self, records: Iterable[Record]) -> list[Seen]:
        """Look at records, all at once; those that nobody misses are left out where they are not there."""
        seen = await asyncio.gather(*(self._look_at(each) for each in records))
        return [each for each in seen if not each.record.withdrawn or each.there]

    async def addresses(self, name: str) -> tuple[str, ...]:
        """Give the addresses of a name, as far as DNS tells them."""
        found = await asyncio.gather(*(self._ask(name, kind) for kind in _ADDRESSES))
        return tuple(each for answer in found for each in answer.records)

    async def _look_at(self, record: Record) -> Seen:
        """Look at one record."""
        answer = await self._ask(record.name, record.kind)
        if answer.status.failed:
            return Seen(record, State.UNKNOWN, detail=answer.detail)
        there = _meant(record, answer.records)
        if record.kind is Kind.CNAME and not there:
            return await self._look_at_addresses(record)
        if not there:
            return Seen(record, State.MISSING)
        return Seen(record, State.PUBLISHED if _is(record, there) else State.DIFFERS, there)

    async def _look_at_addresses(self, record: Record) -> Seen:
        """Look where a name leads that has no CNAME: the same addresses are as good."""
        there, wanted = await self.addresses(record.name), await self.addresses(self.host)
        if not there:
            return Seen(record, State.MISSING)
        return Seen(record, State.PUBLISHED if set(there) <= set(wanted) else State.DIFFERS, there)

    async def _ask(self, name: str, kind: str) -> Answer:
        """Ask one question."""
        return await self._resolver.query(name, kind, seconds=max(0.1, self.seconds))


def _meant(record: Record, found: tuple[str, ...]) -> tuple[str, ...]:
    """Give the records of an answer that speak of the same matter: a name has TXT records for many."""
    version = _VERSION.match(record.value)
    if record.kind is not Kind.TXT or version is None or version[0] == "v=DKIM1":  # which a DKIM record may leave out
        return found
    return tuple(each for each in found if each.lower().startswith(version[0].lower()))


def _is(record: Record, there: tuple[str, ...]) -> bool:
    """Whether what is there is what is wanted."""
    match record.kind:
        case Kind.MX:
            return {each.partition(" ")[2] for each in there} == {record.value.partition(" ")[2]}
        case Kind.TXT:
            return [_plain(each) for each in there] == [_plain(record.value)]
        case Kind.CNAME:
            return there == (record.value,)
        case Kind.A | Kind.AAAA if not record.value:
            return True
    return record.value in there  # more addresses, names and keys may stand beside it


def _plain(text: str) -> str:
    """Give a TXT record without what is no difference."""
    return _BETWEEN.sub(";", " ".join(text.split())).rstrip(";")
