"""The simulation's SMTP peers, talking to each other over loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.checks.spam import GTUBE
from gateway.services.clamd import Clamd
from smtpfront.lab.bouncer import ContentFilter
from smtpfront.lab.campaign import campaign
from smtpfront.lab.peer import OK, Client, Handler, Reply, listen
from smtpfront.lab.spamrun import SpamRun
from smtpfront.lab.world import Counting

MAIL = b"Subject: hello\r\nFrom: <a@example.org>\r\n\r\nhello\r\n"


class Keeping:
    """A handler that keeps what it gets, and refuses who begins with ``no``."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, list[str], bytes]] = []

    def recipient(self, _sender: str, address: str) -> Reply:
        return Reply(550, "5.1.1 nobody") if address.startswith("no") else OK

    async def content(self, sender: str, recipients: list[str], stuffed: bytes) -> Reply:
        self.kept.append((sender, recipients, stuffed))
        return OK


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """Serve while the block lasts; gives the port."""
    server, port = await listen(handler, "127.0.0.1", 0)
    try:
        yield port
    finally:
        server.close()


@asynccontextmanager
async def filtering(behind: Handler, clamd: str) -> AsyncIterator[int]:
    """Run a content filter that hands back to a server behind it; gives the filter's port."""
    async with (
        serving(behind) as back,
        serving(ContentFilter(Clamd(clamd, 10, 2), "127.0.0.1", back)) as port,
    ):
        yield port


async def connected(port: int) -> Client:
    client = await Client.connect("127.0.0.1", port, "client.test")
    assert client is not None
    return client


async def test_content_arrives_as_it_was_sent() -> None:
    keeping = Keeping()
    async with serving(keeping) as port:
        client = await connected(port)
        first = await client.deliver("", "you@example.test", MAIL + b"..dotted\r\n")
        second = await client.deliver("me@example.org", "you@example.test", MAIL)
        await client.close()

    assert (first, second) == (OK, OK)
    assert keeping.kept == [
        ("", ["you@example.test"], MAIL + b"..dotted\r\n"),
        ("me@example.org", ["you@example.test"], MAIL),
    ]


async def test_a_refused_recipient_gives_its_reply_and_the_connection_goes_on() -> None:
    keeping = Keeping()
    async with serving(keeping) as port:
        client = await connected(port)
        refused = await client.deliver("a@example.org", "nobody@example.test", MAIL)
        accepted = await client.deliver("a@example.org", "you@example.test", MAIL)
        await client.close()

    assert (refused.code, accepted.code) == (550, 250)
    assert len(keeping.kept) == 1


async def test_the_world_counts_by_what_a_bounce_is_about() -> None:
    world = Counting()
    async with serving(world) as port:
        client = await connected(port)
        for recipient in ("anna.1-virus@domain1.example.org", "ben.2-virus@domain2.example.org", "x@example.org"):
            await client.deliver("", recipient, MAIL)
        await client.close()

    assert world.counts == {"virus": 2, "other": 1}


async def test_a_mailbox_that_is_full_is_not_counted() -> None:
    mailboxes = Counting("late@*")
    async with serving(mailboxes) as port:
        client = await connected(port)
        reply = await client.deliver("a@example.org", "late@example.test", MAIL)
        await client.close()

    assert reply.code == 552
    assert not mailboxes.counts


async def test_a_spam_run_tells_outcomes_by_kind() -> None:
    async with serving(Keeping()) as port:
        run = SpamRun("127.0.0.1", port, campaign(100, 0.5, 1))
        await run.send_some(30, at_once=4)
        paused = run.sent
        await run.send(at_once=4)

    assert (paused, run.sent) == (30, 100)
    assert sum(each["accepted"] for each in run.outcomes.values()) == 100


async def test_a_spam_run_tells_what_is_lost() -> None:
    async with serving(Keeping()) as port:
        pass
    run = SpamRun("127.0.0.1", port, campaign(20, 0.5, 1))

    await run.send(at_once=2)

    assert sum(each["lost"] for each in run.outcomes.values()) == 20


async def test_the_content_filter_hands_back_what_is_clean_and_refuses_spam(clamd: str) -> None:
    keeping = Keeping()
    async with filtering(keeping, clamd) as port:
        client = await connected(port)
        clean = await client.deliver("a@example.org", "you@example.test", MAIL)
        spam = await client.deliver("a@example.org", "you@example.test", MAIL + GTUBE + b"\r\n")
        await client.close()

    assert (clean.code, spam.code) == (250, 550)
    assert keeping.kept == [("a@example.org", ["you@example.test"], MAIL)]


async def test_the_content_filter_refuses_viruses(clamd: str) -> None:
    keeping = Keeping()
    virus = next(mail for mail in campaign(1000, 0, 1) if mail.kind == "virus")
    async with filtering(keeping, clamd) as port:
        client = await connected(port)
        reply = await client.deliver(virus.sender, virus.recipient, virus.content)
        await client.close()

    assert reply == Reply(550, "5.7.1 this is a virus")
    assert not keeping.kept


async def test_the_content_filter_defers_while_its_scanner_is_away() -> None:
    async with serving(ContentFilter(Clamd("/nowhere/clamd", 1, 2), "127.0.0.1", 9)) as port:
        client = await connected(port)
        reply = await client.deliver("a@example.org", "you@example.test", MAIL)
        await client.close()

    assert reply.code == 451
