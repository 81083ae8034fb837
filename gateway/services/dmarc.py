"""DMARC's questions (RFC 9989): the records of one message's tree walks, each name asked once, siblings at once."""

import asyncio
from collections.abc import Sequence

from gateway.mail import dmarc
from gateway.mail.dmarc import Record
from gateway.services.dns import Answer, Resolver, Status

SECONDS = 8.0  # for one question


class UnansweredError(Exception):
    """DNS gave no answer that the question needs."""


class Tree:
    """What the tree walks of one message have found. One a message; use it in one event loop."""

    def __init__(self, resolver: Resolver) -> None:
        """Begin without any answer."""
        self._resolver = resolver
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._failed: set[str] = set()
        self.found: dict[str, Record] = {}

    async def applied(self, author: str) -> tuple[str, Record] | None:
        """Give the record that applies to an author domain, and whose it is. Raises UnansweredError."""
        await self._ask((author,))
        if author in self._failed:
            raise UnansweredError
        if author not in self.found:
            await self._walk(author)
        return dmarc.applied(author, self.found)

    async def are_aligned(self, author: str, identifier: str, *, strict: bool) -> bool:
        """Whether an authenticated domain speaks for the author domain (RFC 9989 4.10.2). Raises UnansweredError."""
        if author == identifier:
            return True
        if strict or author.rpartition(".")[2] != identifier.rpartition(".")[2]:
            return False
        await asyncio.gather(self._walk(author), self._walk(identifier))
        return dmarc.organizational_domain(author, self.found) == dmarc.organizational_domain(identifier, self.found)

    async def exists(self, domain: str) -> bool:
        """Whether a domain has an address or takes mail (RFC 9989 3.2.13); one that can't be asked for counts so."""
        answers = await asyncio.gather(
            *(self._resolver.query(domain, kind, seconds=SECONDS) for kind in ("A", "AAAA", "MX"))
        )
        return any(each.status not in {Status.NO_NAME, Status.NO_DATA} for each in answers)

    async def _walk(self, domain: str) -> None:
        """Ask for all records of a walk: the domain's own, then the others at once. Raises UnansweredError."""
        names = dmarc.walk(domain)
        await self._ask(names[:1])
        record = self.found.get(domain)
        if record is None or record.psd == "u":
            await self._ask(names[1:])
        for name in names:
            record = self.found.get(name)
            if name in self._failed:
                raise UnansweredError
            if record is not None and record.psd != "u":
                return  # what lies above does not count

    def begin(self, domain: str) -> None:
        """Ask for a record, if that was not done yet; nobody waits here."""
        if domain not in self._asked:
            question = self._resolver.query(f"_dmarc.{domain}", "TXT", seconds=SECONDS)
            self._asked[domain] = asyncio.ensure_future(question)

    async def _ask(self, domains: Sequence[str]) -> None:
        """Ask for records, each once, all at the same time."""
        for domain in domains:
            self.begin(domain)
        for domain in domains:
            answer = await self._asked[domain]
            if answer.status.failed:
                self._failed.add(domain)
            elif domain not in self.found and (record := dmarc.record_of(answer.records)) is not None:
                self.found[domain] = record
