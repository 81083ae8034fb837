"""What the tests of DNS lists share: a name server as lists, a resolver that asks it, and a client to ask about."""

import asyncio
from collections.abc import Mapping

from gateway.checks.base import Check, Seen, View
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.mail.findings import Observation
from gateway.policy.learned import Learned, ListOff
from gateway.policy.matching import Policy
from gateway.policy.snapshot import CheckRule, DnsList, DomainPolicy, ListKind, Mode, Rules, Snapshot
from gateway.services.dns import DnsResolver, Resolver
from smtpfront.lab.nameserver import Nameserver, Zone
from tests.nameserving import asking

ONE, TWO, GOOD, NULL = "one.test", "two.test", "good.test", "null.test"
LISTS = {
    ONE: DnsList(codes={"127.0.0.2": 4.0, "127.0.0.8/29": 2.0}),
    TWO: DnsList(codes={"127.0.0.2": 3.0}),
    GOOD: DnsList(ListKind.ALLOW, codes={"127.0.0.0/8": 5.0}),
    NULL: DnsList(ListKind.NULL_SENDER, codes={"127.0.0.2": 3.0}),
}
HOST = "192.0.2.7"
OFF = Learned(1, lists_off={ONE: ListOff(9, 1_795_233_600.0, "it lists everything")})


def zone(**codes: str) -> dict[str, dict[str, list[str]]]:
    """Give the records under which lists (``one="127.0.0.2"``) have the host."""
    return {f"7.2.0.192.{name}.test": {"A": code.split()} for name, code in codes.items()}


def view(  # noqa: PLR0913 - one value for each thing that varies
    ip: str = HOST,
    *,
    sender: str = "alice@elsewhere.test",
    mode: Mode = Mode.SCORE,
    learned: Learned | None = None,
    lists: Mapping[str, DnsList] = LISTS,
    earlier: tuple[Observation, ...] = (),
    forwarder: str = "",
    **more: object,
) -> View:
    """Give a client as a check sees it, under a policy that names the lists."""
    rule = CheckRule(mode=mode)
    rules = Rules(checks={"dns_lists": rule, "null_sender_lists": rule})
    domain = DomainPolicy("inner", rules=rules)
    snapshot = Snapshot(1, "2026-01-01T00:00:00Z", "test", domains={"example.test": domain}, dns_lists=dict(lists))
    return View(
        policy=Policy(snapshot, learned or Learned()),
        node="mx",
        listener="inbound",
        client=Client(ip, helo="mx.elsewhere.test", forwarder=forwarder),
        sender=parse_mailbox(sender) if sender else None,
        earlier=earlier,
        **more,  # type: ignore[arg-type] # a test's own part
    )


def asked(
    make: "type[Check] | object", seen: View, records: Zone, *, latency: float = 0.0
) -> tuple[Seen, dict[tuple[str, str], int]]:
    """Give what a check says while a name server holds these records, and the questions that the server got."""

    async def run() -> tuple[Seen, dict[tuple[str, str], int]]:
        server = Nameserver(records, latency=latency)
        resolver: Resolver = DnsResolver(asking(await server.start(), records))
        answer = make(resolver).look(seen)  # type: ignore[operator] # a class, or a function that makes one
        said = answer if isinstance(answer, Seen) else await answer
        await resolver.close()  # type: ignore[attr-defined] # it is a DnsResolver
        await server.stop()
        return said, server.asked

    return asyncio.run(run())
