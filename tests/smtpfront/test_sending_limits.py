"""What may leave is limited by account, client and domain, exactly over all processes: over a real SMTP front."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from gateway.policy.learned import Learned, Unblocked
from gateway.policy.snapshot import Outbound, SendingLimits, Snapshot
from tests.smtpfront.conftest import prepare
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, snapshot, until

NONE = SendingLimits()


def limited(next_hop: int, **limits: SendingLimits) -> Snapshot:
    policy = snapshot(next_hop)
    outbound = Outbound(
        ("127.0.0.0/8",),
        "inner",
        policy.outbound.rules,
        per_client=limits.get("client", NONE),
        per_domain=limits.get("domain", NONE),
    )
    return msgspec.structs.replace(policy, outbound=outbound)


@pytest.fixture
def front(tmp_path_factory: pytest.TempPathFactory, module_hop: NextHop, clamd: str) -> Iterator[Gateway]:
    home = prepare(tmp_path_factory.mktemp("limits"))
    with Gateway(home, limited(module_hop.port), clamd, processes=4) as running:
        yield running


def begin(gateway: Gateway, sender: str, *recipients: str, source: str = "127.0.0.1") -> list[str]:
    """Begin one transaction on a connection of its own; gives the replies from MAIL on."""
    with gateway.client("outbound", source=source) as client:
        client.say("EHLO client.test")
        replies = [client.say(f"MAIL FROM:<{sender}>")]
        replies += [client.say(f"RCPT TO:<{each}>") for each in recipients]
        client.say("QUIT")
        return replies


def apply(gateway: Gateway, policy: Snapshot, revision: int) -> None:
    """Put a policy in force in all processes."""
    gateway.publish(msgspec.structs.replace(policy, revision=revision))
    until("every process applies it", lambda: all(each["revision"] == revision for each in gateway.statuses()))


def test_messages_of_a_client_are_limited_exactly_over_four_processes(front: Gateway, module_hop: NextHop) -> None:
    apply(front, limited(module_hop.port, client=SendingLimits(messages=10)), 2)
    with ThreadPoolExecutor(8) as many:
        replies = list(many.map(lambda _: begin(front, "alice@example.test")[0], range(24)))
    assert sum(each.startswith("250") for each in replies) == 10
    held_back = next(each for each in replies if not each.startswith("250"))
    assert held_back.startswith("451 4.7.1 the sending limit is reached, please try later")
    assert front.trace_of(held_back).because == (
        "sending_limits found SENDING_LIMIT (client 127.0.0.1 has sent 10 messages within 1 h)"
    )


def test_distinct_senders_are_counted_once_each(front: Gateway, module_hop: NextHop) -> None:
    apply(front, limited(module_hop.port, client=SendingLimits(senders=3)), 2)
    who = ["alice", "bob", "alice", "carol", "dave", "bob"]
    replies = [begin(front, f"{name}@example.test", source="127.0.0.2")[0][:3] for name in who]
    assert replies == ["250", "250", "250", "250", "451", "250"]


def test_recipients_are_limited_and_the_rest_is_deferred(front: Gateway, module_hop: NextHop) -> None:
    apply(front, limited(module_hop.port, domain=SendingLimits(recipients=3)), 2)
    replies = begin(front, "alice@example.test", *(f"r{number}@far.test" for number in range(5)), source="127.0.0.3")
    assert [each[:3] for each in replies] == ["250", "250", "250", "250", "451", "451"]


def test_refused_recipients_hold_their_sender_back(front: Gateway, module_hop: NextHop) -> None:
    apply(front, limited(module_hop.port, client=SendingLimits(refused=2)), 2)
    module_hop.script.rcpt = {f"gone{number}": "550 5.1.1 no such user" for number in range(9)}
    replies = begin(front, "alice@example.test", *(f"gone{number}@far.test" for number in range(4)), source="127.0.0.4")
    assert [each[:3] for each in replies] == ["250", "550", "550", "451", "451"]
    assert begin(front, "alice@example.test", source="127.0.0.4")[0].startswith("451")


def test_who_is_unblocked_begins_anew(front: Gateway, module_hop: NextHop) -> None:
    apply(front, limited(module_hop.port, client=SendingLimits(messages=1)), 2)
    assert begin(front, "alice@example.test", source="127.0.0.5")[0].startswith("250")
    reply = begin(front, "alice@example.test", source="127.0.0.5")[0]
    assert reply.startswith("451")
    at = front.trace_of(reply).started + 0.5
    front.learn(Learned(1, unblocked={"client:127.0.0.5": Unblocked(1, at)}))
    until("the client may send again", lambda: begin(front, "alice@example.test", source="127.0.0.5")[0][:3] == "250")
