"""Checks whose answers DNS has given before say what they see at once, and the same as then."""

from collections.abc import Callable

import pytest

from gateway.checks.base import Check, Seen, View
from gateway.checks.helo import Helo
from gateway.checks.reverse_dns import ReverseDns
from gateway.checks.sender_domain import SenderDomain
from gateway.checks.spf import Spf
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.policy.matching import Policy
from gateway.policy.snapshot import DomainPolicy, Snapshot
from gateway.services.dns import DnsResolver, Resolver
from smtpfront.lab.nameserver import Records

ZONE: dict[str, Records | str] = {
    "1.2.0.192.in-addr.arpa": {"PTR": ["mail.other.test."]},
    "mail.other.test": {"A": ["192.0.2.1"], "TXT": ['"v=spf1 ip4:192.0.2.1 -all"']},
    "other.test": {"MX": ["10 mail.other.test."], "TXT": ['"v=spf1 ip4:192.0.2.1 -all"']},
}
CHECKS: tuple[Callable[[Resolver], Check], ...] = (ReverseDns, Helo, SenderDomain, Spf)


def view(ip: str = "192.0.2.1", domain: str = "other.test") -> View:
    snapshot = Snapshot(1, "", "", domains={"example.test": DomainPolicy(route="next")})
    return View(
        policy=Policy(snapshot),
        node="mx.example.test",
        listener="inbound",
        client=Client(ip=ip, helo="mail.other.test"),
        sender=parse_mailbox(f"kim@{domain}"),
    )


@pytest.mark.parametrize("check", CHECKS)
async def test_who_comes_again_waits_for_nobody(check: Callable[[Resolver], Check], resolver: DnsResolver) -> None:
    first = check(resolver).look(view())
    assert not isinstance(first, Seen)
    seen = await first
    assert check(resolver).look(view()) == seen


@pytest.mark.parametrize("ip", ["192.0.2.1", "192.0.2.7"])
async def test_a_known_record_says_the_same_of_other_clients(ip: str, resolver: DnsResolver) -> None:
    await resolver.query("other.test", "TXT")
    await resolver.query("mail.other.test", "TXT")
    seen = Spf(resolver).look(view(ip))
    assert isinstance(seen, Seen)
    assert [each.facts["result"] for each in seen.findings] == ["pass" if ip == "192.0.2.1" else "fail"] * 2


async def test_a_domain_that_is_known_to_be_missing_is_found_at_once(resolver: DnsResolver) -> None:
    await resolver.query("missing.test", "MX")
    seen = SenderDomain(resolver).look(view(domain="missing.test"))
    assert isinstance(seen, Seen)
    assert [each.symbol for each in seen.findings] == ["SENDER_DOMAIN_MISSING"]
