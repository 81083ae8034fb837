"""Who comes in: blocked networks, rates, early talkers, and clients whose address a load balancer tells."""

import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from gateway.mail.findings import Outcome
from gateway.policy import defaults
from gateway.policy.snapshot import CheckRule, ClientRules, DomainPolicy, Mode, RecipientPolicy, Rules, Snapshot
from tests.nameserving import serving
from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import PATIENCE, Gateway, dns, mail, raw, snapshot, until

Start = Callable[..., Gateway]
BLOCKED, ALLOWED = "127.0.1.1", "127.0.1.2"
V2 = b"\r\n\r\n\x00\r\nQUIT\n"


def enforcing(hop: NextHop, **clients: object) -> Snapshot:
    """A policy of domains that all enforce, with rules for clients."""
    full = snapshot(hop.port, clients=ClientRules(**clients))  # type: ignore[arg-type]
    domains = {name: domain for name, domain in full.domains.items() if not domain.rules.observe}
    return msgspec.structs.replace(full, domains=domains)


@pytest.fixture
def start(hop: NextHop, serve: Serve) -> Start:
    """Starts a gateway whose policy has these rules for clients."""

    def begin(policy: Snapshot | None = None, processes: int = 1, **clients: object) -> Gateway:
        balancers = clients.pop("balancers", "[]")
        connect = clients.pop("connect", PATIENCE)
        return serve(
            policy or enforcing(hop, **clients),
            processes=processes,
            BACKSTOP_SMTP__BALANCERS=str(balancers),
            BACKSTOP_BUDGET__CONNECT=str(connect),
            BACKSTOP_LIMITS__CONNECTIONS_PER_CLIENT="200",
        )

    return begin


# -- networks -------------------------------------------------------------------------------------------------------


def test_a_blocked_network_is_told_at_the_banner_and_may_only_quit(start: Start) -> None:
    gateway = start(blocked=("127.0.1.0/24",))

    with gateway.client(source=BLOCKED) as client:
        assert client.banner == "554 5.7.1 mail from this network is not accepted here"
        assert client.say("EHLO client.test").startswith("503 5.5.1")
        assert client.say("QUIT").startswith("221")

    until("the trace", gateway.traces)
    (trace,) = gateway.traces()
    assert "554 5.7.1" in trace.because
    assert [each.findings[0].symbol for each in trace.observations if each.outcome is Outcome.HIT] == [
        "BLOCKED_NETWORK"
    ]


def test_an_allowed_network_within_a_blocked_one_is_served(start: Start) -> None:
    gateway = start(blocked=("127.0.1.0/24",), allowed=(f"{ALLOWED}/32",))
    with gateway.client(source=ALLOWED) as client:
        assert client.open("them@other.test", "alice@example.test") == ["250 2.1.5 recipient ok"]


def test_where_a_domain_only_observes_each_domain_decides_for_itself(start: Start, hop: NextHop) -> None:
    gateway = start(snapshot(hop.port, clients=ClientRules(blocked=("127.0.1.0/24",))))

    with gateway.client(source=BLOCKED) as client:
        assert client.banner.startswith("220")
        refused, taken = client.open("them@other.test", "alice@example.test", "alice@observed.test")

    assert refused.startswith("554 5.7.1 mail from this network is not accepted here")
    assert taken.startswith("250")
    trace = gateway.trace_of(refused)
    assert "BLOCKED_NETWORK" in str(trace.recipients[0].decision)


# -- rates ----------------------------------------------------------------------------------------------------------


def test_connections_above_the_limit_are_sent_away_and_not_counted(start: Start) -> None:
    gateway = start(connections_per_minute=2)

    banners = [gateway.client().banner[:9] for _ in range(3)]
    other = gateway.client(source="127.0.1.9").banner

    assert banners == ["220 mx.ex", "220 mx.ex", "421 4.7.0"]
    assert other.startswith("220")


def test_a_network_has_limits_of_its_own(start: Start) -> None:
    gateway = start(network_connections_per_minute=2)

    banners = [gateway.client(source=f"127.0.3.{number}").banner[:3] for number in (1, 2, 3)]

    assert banners == ["220", "220", "421"]
    assert gateway.client(source="127.0.4.1").banner.startswith("220")


def test_messages_above_the_limit_are_refused_for_now_at_mail(start: Start) -> None:
    gateway = start(messages_per_hour=2)

    with gateway.client() as client:
        client.say("EHLO client.test")
        replies = []
        for _ in range(3):
            replies.append(client.say("MAIL FROM:<them@other.test>"))
            client.say("RSET")

    assert [each[:9] for each in replies] == ["250 2.1.0", "250 2.1.0", "451 4.7.1"]
    assert "MESSAGE_RATE" in gateway.trace_of(replies[2]).because


def test_who_is_allowed_or_a_trusted_forwarder_has_no_limit(start: Start) -> None:
    gateway = start(connections_per_minute=1, messages_per_hour=0, allowed=(f"{ALLOWED}/32",))

    for source in (ALLOWED, "127.0.0.2"):
        for _ in range(2):
            with gateway.client(source=source) as client:
                assert client.open("them@other.test", "alice@example.test") == ["250 2.1.5 recipient ok"]


def test_a_domain_that_observes_is_not_limited_by_it(start: Start, hop: NextHop) -> None:
    gateway = start(snapshot(hop.port, clients=ClientRules(connections_per_minute=1)))
    gateway.client()

    with gateway.client() as client:
        later, taken = client.open("them@other.test", "alice@example.test", "alice@observed.test")

    assert later.startswith("451 4.7.1")
    assert taken.startswith("250")


def test_the_limit_is_exact_over_four_processes(start: Start) -> None:
    gateway = start(processes=4, connections_per_minute=25, messages_per_hour=10)

    def visit(_: int) -> tuple[str, str]:
        with gateway.client() as client:
            if not client.banner.startswith("220"):
                return client.banner[:3], ""
            client.say("EHLO client.test")
            return "220", client.say("MAIL FROM:<them@other.test>")[:3]

    with ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(visit, range(60)))

    assert [banner for banner, _ in seen].count("220") == 25
    assert [answer for _, answer in seen].count("250") == 10
    assert [answer for _, answer in seen].count("451") == 15


# -- early talkers --------------------------------------------------------------------------------------------------


def test_who_speaks_before_the_banner_is_refused(start: Start) -> None:
    gateway = start(greet_delay=5.0)
    with raw(gateway, b"EHLO client.test\r\n") as client:
        assert client.banner == "554 5.5.1 this client spoke before it was greeted"
        assert client.reply().startswith("503")


def test_an_observed_early_talker_is_served_and_noted(start: Start, hop: NextHop) -> None:
    gateway = start(snapshot(hop.port, observe=True, clients=ClientRules(greet_delay=5.0)))
    with raw(gateway, b"EHLO client.test\r\n") as client:
        assert client.banner.startswith("220")
        assert client.reply().startswith("250")
        client.say("MAIL FROM:<them@other.test>")
        assert client.say("RCPT TO:<alice@example.test>").startswith("250")
    until("the trace", gateway.traces)
    assert gateway.traces()[0].recipients[0].address == "alice@example.test"
    assert "EARLY_TALKER" in str(gateway.traces()[0].observations)


def test_a_client_that_had_a_message_delivered_is_greeted_without_delay(start: Start, hop: NextHop) -> None:
    def deliver() -> float:
        began = time.monotonic()
        with gateway.client() as client:
            took = time.monotonic() - began
            client.open("them@other.test", "alice@example.test")
            assert client.data(mail()).startswith("250")
            client.say("QUIT")
        return took

    gateway = start(greet_delay=0.6)
    assert deliver() >= 0.6

    patient = msgspec.structs.replace(enforcing(hop, greet_delay=60.0), revision=2)
    gateway.publish(patient)
    until("revision 2", lambda: gateway.statuses()[0]["revision"] == 2)
    assert deliver() < 30


@pytest.mark.parametrize("source", [ALLOWED, "127.0.0.2"])
def test_who_is_trusted_is_greeted_without_delay(start: Start, source: str) -> None:
    gateway = start(greet_delay=30.0, allowed=(f"{ALLOWED}/32",))
    assert raw(gateway, b"EHLO client.test\r\n", source).banner.startswith("220")


def test_commands_sent_behind_ehlo_before_its_answer_are_noted(start: Start) -> None:
    gateway = start(greet_delay=0.05)
    with gateway.client() as client:
        client.send(b"EHLO client.test\r\nMAIL FROM:<them@other.test>\r\nRCPT TO:<alice@example.test>\r\n")
        assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "250"]
        client.send(b"RSET\r\n")
        client.reply()
    until("the trace", gateway.traces)
    assert "EARLY_PIPELINING" in str(gateway.traces()[0].observations)


# -- load balancers -------------------------------------------------------------------------------------------------


def header(client: str, *, command: int = 1, extra: bytes = b"") -> bytes:
    """A header of version 2 of an IPv4 client."""
    body = socket.inet_aton(client) + socket.inet_aton("192.0.2.25") + struct.pack("!HH", 4321, 25) + extra
    return V2 + struct.pack("!BBH", 0x20 | command, 0x11, len(body)) + body


@pytest.mark.parametrize(
    ("told", "ip"),
    [
        (b"PROXY TCP4 198.51.100.7 192.0.2.25 4321 25\r\n", "198.51.100.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::25 4321 25\r\n", "2001:db8::7"),
        (header("198.51.100.8", extra=b"\x04\x00\x02ab"), "198.51.100.8"),
    ],
)
def test_the_client_is_who_the_balancer_says(start: Start, told: bytes, ip: str) -> None:
    gateway = start(balancers='["127.0.0.5/32"]')

    with raw(gateway, told, "127.0.0.5") as client:
        (reply,) = client.open("them@other.test", "nobody@example.test")

    trace = gateway.trace_of(reply)
    assert (trace.client.ip, trace.client.port, trace.client.balancer) == (ip, 4321, "127.0.0.5")


@pytest.mark.parametrize(
    "told",
    [
        b"EHLO client.test\r\n",
        b"PROXY TCP4 not-an-address 192.0.2.25 4321 25\r\n",
        b"PROXY TCP4\r\n",
        b"PROXY " + b"x" * 500 + b"\r\n",
        V2 + b"\x31\x11\x00\x0c" + bytes(12),
        V2 + b"\x21\x11\xff\xff" + bytes(100),
        V2 + b"\x21\x11\x00\x04" + bytes(4),
        V2 + b"\x21\x31\x00\xd8" + bytes(216),
        b"\r\n\r\n" + bytes(30),
    ],
)
def test_a_balancer_without_a_usable_header_is_closed_with_an_alarm(start: Start, told: bytes) -> None:
    gateway = start(balancers='["127.0.0.5/32"]', connect=1.0)

    with raw(gateway, told, "127.0.0.5") as client:
        assert client.banner == "421 4.5.0 a PROXY header is expected from this address"
        assert client.reply() == ""

    until("the trace", gateway.traces)
    assert "PROXY header of 127.0.0.5" in gateway.traces()[0].because
    assert any("sent no usable PROXY header" in each for each in gateway.alarms())


@pytest.mark.parametrize("told", [header("0.0.0.0", command=0), V2 + b"\x20\x00\x00\x00", b"PROXY UNKNOWN\r\n"])
def test_a_balancers_own_health_check_is_greeted(start: Start, told: bytes) -> None:
    gateway = start(balancers='["127.0.0.5/32"]', connections_per_minute=0)
    with raw(gateway, told, "127.0.0.5") as client:
        assert client.banner.startswith("220")
        assert client.say("QUIT").startswith("221")


def test_a_proxy_line_of_anybody_else_is_an_unknown_command(start: Start) -> None:
    gateway = start(balancers='["127.0.0.5/32"]')
    with gateway.client() as client:
        assert client.say("PROXY TCP4 198.51.100.7 192.0.2.25 4321 25") == "500 5.5.2 command not recognised"


def test_limits_hold_for_the_client_behind_the_balancer(start: Start) -> None:
    gateway = start(balancers='["127.0.0.5/32"]', connections_per_minute=1, blocked=("203.0.113.0/24",))

    def banner(ip: str) -> str:
        return raw(gateway, f"PROXY TCP4 {ip} 192.0.2.25 4321 25\r\n".encode(), "127.0.0.5").banner[:3]

    assert [banner("198.51.100.1"), banner("198.51.100.2"), banner("198.51.100.1")] == ["220", "220", "421"]
    assert banner("203.0.113.9") == "554"


def test_addresses_of_one_ipv6_host_are_one_client(start: Start) -> None:
    gateway = start(balancers='["127.0.0.5/32"]', connections_per_minute=1)

    def banner(ip: str) -> str:
        return raw(gateway, f"PROXY TCP6 {ip} 2001:db8::25 4321 25\r\n".encode(), "127.0.0.5").banner[:3]

    assert [banner("2001:db8:1::1"), banner("2001:db8:1::2"), banner("2001:db8:2::1")] == ["220", "421", "220"]


def test_a_domain_may_have_a_check_off(start: Start, hop: NextHop) -> None:
    off = Rules(checks=defaults.CHECKS | {"client_networks": CheckRule(mode=Mode.OFF)})
    policy = enforcing(hop, blocked=("127.0.1.0/24",))
    open_domain = DomainPolicy(route="inner", rules=off, recipients={"alice": RecipientPolicy()})
    gateway = start(msgspec.structs.replace(policy, domains={**policy.domains, "open.test": open_domain}))

    with gateway.client(source=BLOCKED) as client:
        refused, taken = client.open("them@other.test", "alice@example.test", "alice@open.test")

    assert refused.startswith("554")
    assert taken.startswith("250")


def test_received_names_the_client_as_dns_does(hop: NextHop, serve: Serve) -> None:
    zone = {"1.0.0.127.in-addr.arpa": {"PTR": ["one.other.test."]}, "one.other.test": {"A": ["127.0.0.1"]}}
    with serving(zone) as nameserver, serve(snapshot(hop.port), **dns(nameserver)).client() as client:
        client.open("them@other.test", "alice@example.test")
        assert client.data(mail()).startswith("250")

    assert b"from client.test (one.other.test [127.0.0.1])" in hop.kept[0].content
