"""A client that tries out who exists: slow replies, then none about recipients; counted over all processes."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.policy.snapshot import ClientRules, Forwarder, Rules, Snapshot
from smtpfront.harvest import seconds_for
from tests.smtpfront.conftest import Serve
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import FORWARDER, Gateway, snapshot

Start = Callable[..., Gateway]
HARVESTER, ALLOWED = "127.0.2.1", "127.0.2.2"


@pytest.fixture
def start(hop: NextHop, serve: Serve) -> Start:
    """Starts a gateway that holds clients off after so many unknown recipients."""

    def begin(
        limit: int | None, processes: int = 1, change: Callable[[Snapshot], Snapshot] = lambda one: one
    ) -> Gateway:
        rules = ClientRules(unknown_per_hour=limit, allowed=(f"{ALLOWED}/32",), connections_per_minute=None)
        return serve(change(snapshot(hop.port, clients=rules)), processes=processes)

    return begin


def codes(gateway: Gateway, *recipients: str, source: str = HARVESTER) -> list[str]:
    """The codes that one session of the client gets for its recipients."""
    with gateway.client(source=source) as client:
        return [reply[:9] for reply in client.open("them@other.test", *recipients)]


def test_from_half_of_the_limit_on_replies_come_slower_and_slower() -> None:
    assert [seconds_for(count, 8) for count in (1, 4, 5, 6, 7, 8)] == [0, 0, 2, 3, 4, 5]
    assert seconds_for(1, 1) == 5


def test_above_the_limit_the_client_learns_nothing_about_any_recipient(start: Start) -> None:
    gateway = start(2)

    began = time.monotonic()
    told = codes(gateway, *(f"nobody-{number}@example.test" for number in range(3)), "alice@example.test")

    assert told == ["550 5.1.1", "550 5.1.1", "450 4.7.1", "450 4.7.1"]
    assert time.monotonic() - began > 4.9
    assert codes(gateway, "alice@example.test") == ["450 4.7.1"]  # in another session too
    assert codes(gateway, "alice@example.test", source="127.0.2.3") == ["250 2.1.5"]


def test_what_the_next_hop_says_it_does_not_know_counts_and_other_refusals_do_not(start: Start, hop: NextHop) -> None:
    hop.script.rcpt = {"gone": "550 5.1.1 no such user", "bob": "554 5.7.1 not today", "full": "452 4.2.2 full"}
    gateway = start(1)

    refused = codes(gateway, *("bob@example.test", "full@example.test") * 3)
    unknown = codes(gateway, "gone@example.test", "gone@example.test", "alice@example.test")

    assert refused == ["554 5.7.1", "452 4.2.2"] * 3
    assert unknown == ["550 5.1.1", "450 4.7.1", "450 4.7.1"]


def test_the_limit_is_exact_over_four_processes(start: Start) -> None:
    gateway = start(8, processes=4)

    def session(number: int) -> list[str]:
        return codes(gateway, f"nobody-{number}@example.test", f"nobody-{number}-again@example.test")

    with ThreadPoolExecutor(20) as pool:
        told = Counter(code for answers in pool.map(session, range(20)) for code in answers)

    assert told == {"550 5.1.1": 8, "450 4.7.1": 32}


@pytest.mark.parametrize("source", [ALLOWED, FORWARDER])
def test_allowed_networks_and_trusted_forwarders_are_spared(start: Start, source: str) -> None:
    gateway = start(0)

    told = codes(gateway, "nobody@example.test", "nobody-2@example.test", "alice@example.test", source=source)

    assert told == (["250 2.1.5"] * 3 if source == FORWARDER else ["550 5.1.1", "550 5.1.1", "250 2.1.5"])


def test_a_forwarder_whose_unknown_recipients_are_deferred_never_sees_a_5xx(start: Start) -> None:
    def deferring(one: Snapshot) -> Snapshot:
        partner = Forwarder((f"{FORWARDER}/32",), unknown_recipient=Action.DEFER)
        return msgspec.structs.replace(one, forwarders={"partner": partner})

    gateway = start(0, change=deferring)

    told = codes(gateway, "nobody@example.test", "alice@example.test", source=FORWARDER)

    assert told[0].startswith("45")
    assert told[1] == "250 2.1.5"


def test_a_domain_that_only_observes_holds_nobody_off(start: Start, hop: NextHop) -> None:
    hop.script.rcpt = {"gone": "550 5.1.1 no such user"}

    def observing(one: Snapshot) -> Snapshot:
        domain = one.domains["example.test"]
        rules: Rules = msgspec.structs.replace(domain.rules, observe=True)
        return msgspec.structs.replace(one, domains={"example.test": msgspec.structs.replace(domain, rules=rules)})

    gateway = start(0, change=observing)

    assert codes(gateway, "gone@example.test", "gone@example.test", "alice@example.test") == [
        "550 5.1.1",
        "550 5.1.1",
        "250 2.1.5",
    ]


def test_the_trace_says_why(start: Start) -> None:
    gateway = start(0)

    with gateway.client(source=HARVESTER) as client:
        (reply,) = client.open("them@other.test", "nobody@example.test")
        client.say("QUIT")
    trace = gateway.trace_of(reply)

    assert trace.because == "this client has named too many unknown recipients within an hour"
    assert any("1 unknown recipients within an hour, 0 are allowed" in event.what for event in trace.events)
