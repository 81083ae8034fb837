"""What the checks of a client's address and name see: a DNS server on loopback knows a few good and bad ones."""

import time
from collections.abc import AsyncIterator

import pytest

from gateway.checks.base import Check, Seen, View
from gateway.checks.client_networks import ClientNetworks
from gateway.checks.early_talker import EarlyTalker, known_key
from gateway.checks.helo import Helo
from gateway.checks.rates import Rates, connections, messages
from gateway.checks.reverse_dns import ReverseDns
from gateway.mail.client import Client
from gateway.mail.findings import Outcome
from gateway.mail.prefix import prefix
from gateway.policy.matching import Policy
from gateway.policy.snapshot import ClientRules, DomainPolicy, Snapshot
from gateway.services.counters import Claim, CountersUnreachable, LocalCounters
from gateway.services.dns import DnsResolver
from smtpfront.lab.nameserver import Nameserver, Records
from tests.nameserving import asking

ZONE: dict[str, Records | str] = {
    "1.2.0.192.in-addr.arpa": {"PTR": ["mail.other.test."]},
    "mail.other.test": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
    "2.2.0.192.in-addr.arpa": {"PTR": ["liar.other.test."]},
    "liar.other.test": {"A": ["198.51.100.1"]},
    "3.2.0.192.in-addr.arpa": "servfail",
    "4.2.0.192.in-addr.arpa": {"PTR": ["broken.other.test."]},
    "broken.other.test": "servfail",
    "5.2.0.192.in-addr.arpa": {"PTR": [f"host{number}.other.test." for number in range(20)]},
    "6.2.0.192.in-addr.arpa": {"PTR": ["nothing.other.test.", "six.other.test."]},
    "six.other.test": {"A": ["192.0.2.6"]},
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["mail.other.test."]},
    "exchanger.other.test": {"MX": ["10 mail.other.test."]},
    "text.other.test": {"TXT": ['"only words"']},
}


@pytest.fixture
async def hasty(server: Nameserver) -> AsyncIterator[DnsResolver]:
    """A resolver that asks it about what stays silent."""
    server.zone = lambda _: "silent"
    made = DnsResolver(asking(server.address, server.zone))
    yield made
    await made.close()


def view(ip: str = "192.0.2.1", helo: str = "", *, ahead: bool = False, **rules: object) -> View:
    clients = ClientRules(**rules)  # type: ignore[arg-type]
    snapshot = Snapshot(1, "", "", domains={"example.test": DomainPolicy(route="next")}, clients=clients)
    return View(
        policy=Policy(snapshot),
        node="mx.example.test",
        listener="inbound",
        client=Client(ip=ip, helo=helo),
        ahead=ahead,
        local="203.0.113.25",
    )


async def look(check: Check, at: View) -> Seen:
    seen = check.look(at)
    return seen if isinstance(seen, Seen) else await seen


def symbols(seen: Seen) -> list[str]:
    return [each.symbol for each in seen.findings] if seen.outcome is Outcome.HIT else [seen.outcome.value]


# -- reverse DNS ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("192.0.2.1", "miss"),
        ("2001:db8::1", "miss"),
        ("192.0.2.6", "miss"),
        ("192.0.2.9", "NO_REVERSE_DNS"),
        ("192.0.2.2", "REVERSE_DNS_MISMATCH"),
        ("192.0.2.5", "REVERSE_DNS_MISMATCH"),
        ("192.0.2.3", "error"),
        ("192.0.2.4", "error"),
    ],
)
async def test_an_address_needs_a_name_that_leads_back(resolver: DnsResolver, ip: str, expected: str) -> None:
    assert symbols(await look(ReverseDns(resolver), view(ip))) == [expected]


async def test_ten_names_of_an_address_are_looked_at_and_no_more(server: Nameserver, resolver: DnsResolver) -> None:
    await look(ReverseDns(resolver), view("192.0.2.5"))
    assert sum(kind == "A" for _, kind in server.asked) == 10


async def test_the_confirmed_name_is_a_fact(resolver: DnsResolver) -> None:
    seen = await look(ReverseDns(resolver), view("192.0.2.6"))
    assert [each.facts for each in seen.findings] == [{"name": "six.other.test"}]


async def test_the_failure_of_dns_names_no_client(resolver: DnsResolver) -> None:
    details = {(await look(ReverseDns(resolver), view(ip))).detail for ip in ("192.0.2.3", "192.0.2.4")}
    assert details == {"DNS gave no usable answer on the client's address; doctor says how the DNS servers are"}


# -- HELO -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mail.other.test", "miss"),
        ("MAIL.Other.Test.", "miss"),
        ("exchanger.other.test", "miss"),
        ("[192.0.2.1]", "miss"),
        ("mx.example.test", "HELO_OURS"),
        ("MX.EXAMPLE.TEST", "HELO_OURS"),
        ("example.test", "HELO_OURS"),
        ("[203.0.113.25]", "HELO_OURS"),
        ("203.0.113.25", "HELO_OURS"),
        ("[192.0.2.77]", "HELO_LITERAL"),
        ("[IPv6:2001:db8::1]", "HELO_LITERAL"),
        ("192.0.2.1", "HELO_SYNTAX"),
        ("[nonsense]", "HELO_SYNTAX"),
        ("[192.0.2.1", "HELO_SYNTAX"),
        ("under_score.other.test", "HELO_SYNTAX"),
        ("-dash.other.test", "HELO_SYNTAX"),
        ("two..dots.test", "HELO_SYNTAX"),
        ("x" * 64 + ".test", "HELO_SYNTAX"),
        (".".join(["x" * 60] * 5), "HELO_SYNTAX"),
        ("(bad)", "HELO_SYNTAX"),
        ("localhost", "HELO_BARE"),
        ("nowhere.other.test", "HELO_UNRESOLVABLE"),
        ("text.other.test", "HELO_UNRESOLVABLE"),
        ("broken.other.test", "error"),
    ],
)
async def test_what_a_client_may_call_itself(resolver: DnsResolver, name: str, expected: str) -> None:
    assert symbols(await look(Helo(resolver), view(helo=name))) == [expected]


async def test_a_name_that_nobody_tells_costs_one_look_up(server: Nameserver, hasty: DnsResolver) -> None:
    seen = await Helo(hasty).look(view(helo="silent.other.test"))

    assert seen.outcome is Outcome.ERROR
    assert [kind for name, kind in server.asked if name == "silent.other.test"] == ["A"]


async def test_an_ipv6_client_may_call_itself_by_its_literal(resolver: DnsResolver) -> None:
    assert symbols(await look(Helo(resolver), view("2001:db8::7", "[IPv6:2001:DB8:0::7]"))) == ["miss"]


async def test_the_queue_on_this_machine_may_call_itself_by_our_name(resolver: DnsResolver) -> None:
    assert symbols(await look(Helo(resolver), view("127.0.0.1", "mx.example.test"))) == ["miss"]
    assert symbols(await look(Helo(resolver), view("127.0.0.1", "example.test"))) == ["HELO_OURS"]


# -- trust ----------------------------------------------------------------------------------------------------------


async def test_what_is_about_a_trusted_client_is_not_looked_at(resolver: DnsResolver) -> None:
    checks = [ReverseDns(resolver), Helo(resolver), ClientNetworks(), EarlyTalker(), Rates(LocalCounters())]
    at = view("192.0.2.2", "localhost", ahead=True, allowed=("192.0.2.0/24",), blocked=("192.0.2.0/24",), greet_delay=1)
    assert [(await look(each, at)).outcome for each in checks] == [Outcome.SKIPPED] * len(checks)


# -- networks and early talkers -------------------------------------------------------------------------------------


async def test_only_a_blocked_network_is_hit() -> None:
    blocked = ("192.0.2.0/24", "2001:db8::/32")
    seen = [
        await look(ClientNetworks(), view(ip, blocked=blocked)) for ip in ("192.0.2.1", "2001:db8::1", "198.51.100.1")
    ]
    assert [each.outcome for each in seen] == [Outcome.HIT, Outcome.HIT, Outcome.MISS]


@pytest.mark.parametrize(
    ("ahead", "delay", "helo", "expected"),
    [
        (True, 1.0, "", "EARLY_TALKER"),
        (True, 1.0, "client.test", "EARLY_PIPELINING"),
        (False, 1.0, "", "miss"),
        (True, 0.0, "", "skipped"),
    ],
)
async def test_who_does_not_wait_is_hit(ahead: bool, delay: float, helo: str, expected: str) -> None:
    assert symbols(await look(EarlyTalker(), view(helo=helo, ahead=ahead, greet_delay=delay))) == [expected]


# -- rates ----------------------------------------------------------------------------------------------------------


def test_an_address_counts_as_its_host_and_a_network_as_its_prefix() -> None:
    assert prefix("192.0.2.77") == "192.0.2.77"
    assert prefix("192.0.2.77", 24, 48) == "192.0.2.0/24"
    assert prefix("192.0.2.77", 20, 48) == "192.0.0.0/20"
    assert prefix("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"
    assert prefix("2001:db8:1:2:3::4", 24, 48) == "2001:db8:1::/48"
    assert known_key("2001:db8:1:2:3::4") == known_key("2001:db8:1:2::1")


def test_each_limit_is_one_claim() -> None:
    rules = ClientRules(
        connections_per_minute=1,
        network_connections_per_minute=2,
        messages_per_hour=None,
        network_messages_per_hour=3,
    )
    assert connections(rules, "192.0.2.1") == [
        Claim("rate-connections:192.0.2.1", 60, 1),
        Claim("rate-connections:192.0.2.0/24 (network)", 60, 2),
    ]
    assert messages(rules, "192.0.2.1") == [Claim("rate-messages:192.0.2.0/24 (network)", 3600, 3)]


async def test_messages_are_counted_in_a_sliding_hour() -> None:
    now = time.time()
    rates = Rates(LocalCounters(lambda: now))
    at = view(messages_per_hour=2)

    assert [symbols(await look(rates, at)) for _ in range(3)] == [["miss"], ["miss"], ["MESSAGE_RATE"]]
    now += 3601
    assert symbols(await look(rates, at)) == ["miss"]


async def test_counters_that_can_not_be_reached_are_a_failure_and_never_below_the_limit() -> None:
    class Gone(LocalCounters):
        async def admit(self, claims: object) -> str | None:
            raise CountersUnreachable(str(claims))

    assert symbols(await look(Rates(Gone()), view())) == ["error"]
