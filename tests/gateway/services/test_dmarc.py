"""DMARC's tree walks over a real name server: the alignment examples of RFC 9989, and what each walk asks for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.services.dmarc import Tree, UnansweredError
from gateway.services.dns import DnsResolver
from smtpfront.lab.nameserver import Nameserver
from tests.nameserving import asking

RECORD = {"TXT": ['"v=DMARC1; p=reject"']}
SUFFIX = {"TXT": ['"v=DMARC1; p=reject; psd=y"']}
ZONE: dict[str, Any] = {"_dmarc.example.com": RECORD, "_dmarc.signing.example.com": RECORD}


@asynccontextmanager
async def walking(zone: dict[str, Any]) -> AsyncIterator[tuple[Tree, Nameserver]]:
    """A tree over a server with a zone."""
    server = Nameserver(zone)
    resolver = DnsResolver(asking(await server.start(), zone))
    yield Tree(resolver), server
    await resolver.close()
    await server.stop()


@pytest.mark.parametrize(
    ("author", "identifier", "relaxed", "strict"),
    [
        ("news.example.com", "example.com", True, False),  # 4.4.1
        ("news.example.com", "com", False, False),
        ("example.com", "cbg.bounces.example.com", True, False),  # 4.4.2
        ("example.com", "example.com", True, True),  # B.1.1 and B.1.2
        ("example.com", "child.example.com", True, False),
        ("child.example.com", "example.com", True, False),
        ("child.example.com", "example.net", False, False),
        ("child.example.com", "sample.net", False, False),
        ("example.com", "signing.example.com", True, False),  # B.4.1
        ("a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com", True, False),  # B.4.2
        ("a.b.c.d.e.f.g.h.i.j.k.example.com", "signing.example.com", True, False),
        ("example.com", "notexample.com", False, False),
    ],
)
async def test_the_examples_of_alignment(author: str, identifier: str, *, relaxed: bool, strict: bool) -> None:
    async with walking(ZONE) as (tree, _):
        assert await tree.are_aligned(author, identifier, strict=False) is relaxed
        assert await tree.are_aligned(author, identifier, strict=True) is strict


@pytest.mark.parametrize(
    ("identifier", "aligned"), [("mail.giant.bank.example", True), ("mail.mega.bank.example", False)]
)
async def test_the_example_of_a_public_suffix(identifier: str, *, aligned: bool) -> None:
    """RFC 9989 B.4.3: the walk stops at psd=y, and asks for nothing above it that would count."""
    async with walking({"_dmarc.giant.bank.example": RECORD, "_dmarc.bank.example": SUFFIX}) as (tree, _):
        assert await tree.are_aligned("giant.bank.example", identifier, strict=False) is aligned


async def test_a_domain_with_its_own_record_costs_one_question() -> None:
    async with walking(ZONE) as (tree, server):
        applied = await tree.applied("example.com")
        assert applied is not None
        assert applied[0] == "example.com"
        assert await tree.are_aligned("example.com", "example.com", strict=False)
        assert server.asked == {("_dmarc.example.com", "TXT"): 1}


async def test_a_deep_domain_costs_eight_questions_each_once() -> None:
    async with walking(ZONE) as (tree, server):
        author = "a.b.c.d.e.f.g.h.i.j.k.example.com"
        applied = await tree.applied(author)
        assert applied is not None
        assert applied[0] == "example.com"
        assert await tree.are_aligned(author, "example.com", strict=False)
        assert sorted(server.asked.values()) == [1] * 8


async def test_two_records_at_a_name_are_none() -> None:
    both = {"TXT": ['"v=DMARC1; p=reject"', '"v=DMARC1; p=none"']}
    async with walking({"_dmarc.example.com": both}) as (tree, _):
        assert await tree.applied("example.com") is None


@pytest.mark.parametrize("how", ["silent", "servfail", "malformed", "refused", "loop"])
async def test_an_answer_that_does_not_come_is_told(how: str) -> None:
    async with walking({"_dmarc.example.com": how}) as (tree, _):
        with pytest.raises(UnansweredError):
            await tree.applied("example.com")
        with pytest.raises(UnansweredError):
            await tree.are_aligned("mail.example.com", "example.com", strict=False)


async def test_a_failure_above_the_stop_does_not_count() -> None:
    stop = {"TXT": ['"v=DMARC1; p=reject; psd=n"']}
    async with walking({"_dmarc.example.com": stop, "_dmarc.com": "servfail"}) as (tree, _):
        assert await tree.are_aligned("mail.example.com", "example.com", strict=False)


@pytest.mark.parametrize(
    ("records", "exists"),
    [({"A": ["192.0.2.1"]}, True), ({"MX": ["0 ."]}, True), ({"TXT": ['"x"']}, False), (None, False), ("silent", True)],
)
async def test_whether_a_domain_exists(records: dict[str, Any] | str | None, *, exists: bool) -> None:
    async with walking({} if records is None else {"news.example.com": records}) as (tree, _):
        assert await tree.exists("news.example.com") is exists
