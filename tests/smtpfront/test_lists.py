"""DNS lists and the null sender over a real SMTP front, with a real name server as the lists."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.policy import defaults
from gateway.policy.learned import Learned, ListOff
from gateway.policy.snapshot import (
    CheckRule,
    ClientRules,
    DnsList,
    DomainPolicy,
    ListKind,
    Mode,
    RecipientPolicy,
    Rules,
    Snapshot,
)
from smtpfront.lab.nameserver import Nameserver
from tests.nameserving import serving
from tests.smtpfront.conftest import Serve
from tests.smtpfront.dialogues import dialogues, play
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import ROOT, Gateway, dns, mail, raw, snapshot, until

LISTED, ERROR, SILENT, BOUNCER = "127.0.2.1", "127.0.2.2", "127.0.2.3", "127.0.2.4"
ZONE = {
    "1.2.0.127.bl.test": {"A": ["127.0.0.2"], "TXT": ['"see https://bl.test/127.0.2.1"']},
    "2.2.0.127.bl.test": {"A": ["127.255.255.254"]},
    "3.2.0.127.bl.test": "silent",
    "4.2.0.127.null.test": {"A": ["127.0.0.2"]},
    f"7{'.0' * 23}.8.b.d.0.1.0.0.2.bl.test": {"A": ["127.0.0.2"]},
}
CHECKS = ("dns_lists", "null_sender_lists", "null_sender_rate")


def policy(next_hop: int) -> Snapshot:
    """Four domains, by what the lists are good for to them."""
    people = {"kim": RecipientPolicy(), "lee": RecipientPolicy()}

    def domain(rule: CheckRule) -> DomainPolicy:
        return DomainPolicy("inner", Rules(checks=defaults.CHECKS | dict.fromkeys(CHECKS, rule)), people)

    enforce = CheckRule(Mode.ENFORCE, Action.REJECT, Action.DELIVER)
    insist = CheckRule(Mode.ENFORCE, Action.REJECT, Action.DEFER)
    domains = {
        "enforcing.test": domain(enforce),
        "insisting.test": domain(insist),
        "scoring.test": domain(CheckRule(Mode.SCORE, on_failure=Action.DELIVER)),
        "observing.test": domain(CheckRule(Mode.OBSERVE)),
    }
    made = snapshot(next_hop, clients=ClientRules(null_sender_per_hour=2))
    lists = {"bl.test": DnsList(), "null.test": DnsList(ListKind.NULL_SENDER)}
    return msgspec.structs.replace(made, domains=domains, dns_lists=lists)


@pytest.fixture
def nameserver() -> Iterator[Nameserver]:
    with serving(ZONE) as server:
        yield server


@pytest.fixture
def start(hop: NextHop, serve: Serve, nameserver: Nameserver) -> Callable[..., Gateway]:
    """Starts a gateway that asks the name server."""
    return lambda **asking: serve(
        policy(hop.port), **dns(nameserver, **asking), BACKSTOP_SMTP__BALANCERS='["127.0.0.5/32"]'
    )


@pytest.fixture
def gateway(start: Callable[..., Gateway]) -> Gateway:
    return start()


@dialogues("lists")
def test_dialogue(start: Callable[..., Gateway], path: Path) -> None:
    play(start(seconds=1) if path.stem == "silent" else start(), path)


def test_a_listing_weighs_and_the_trace_names_list_and_code(gateway: Gateway) -> None:
    with gateway.client(source=LISTED) as client:
        client.open("alice@elsewhere.test", "kim@scoring.test")
        trace = gateway.trace_of(client.data(mail("hello\r\n")))

    (found,) = [each for one in trace.observations if one.check == "dns_lists" for each in one.findings]
    assert (found.symbol, found.weight, found.facts) == ("DNS_LISTED", 4.0, {"list": "bl.test", "code": "127.0.0.2"})
    assert trace.recipients[0].decision is not None
    assert trace.recipients[0].decision.score >= 4.0


def test_an_ipv6_client_is_looked_up_by_its_nibbles(gateway: Gateway) -> None:
    with raw(gateway, b"PROXY TCP6 2001:db8::7 2001:db8::25 4321 25\r\n", "127.0.0.5") as client:
        refused = client.open("alice@elsewhere.test", "kim@enforcing.test")[-1]

    assert "listed by bl.test, id " in refused
    assert refused.startswith("550 5.7.1")


def test_the_judge_is_told_of_a_listed_host(gateway: Gateway) -> None:
    with gateway.client(source=BOUNCER) as client:
        client.open("", "kim@scoring.test")
        trace = gateway.trace_of(client.data(mail("It could not be delivered.\r\n", Subject="failure notice")))

    told = [
        each.facts.get("name") for one in trace.observations if one.check == "forged_bounce" for each in one.findings
    ]
    assert "backscatter_list" in told


def test_lists_that_never_answer_cost_their_budget_and_raise_one_alarm(start: Callable[..., Gateway]) -> None:
    gateway = start(seconds=1)
    for _ in range(3):
        with gateway.client(source=SILENT) as client:
            assert client.open("alice@elsewhere.test", "kim@enforcing.test")[-1].startswith("250")
            client.say("QUIT")

    until("the alarm", lambda: [each for each in gateway.alarms() if "dns_lists" in each])
    assert len([each for each in gateway.alarms() if "dns_lists" in each]) == 1


def test_a_list_that_is_off_is_not_asked_and_the_trace_cites_the_entry(gateway: Gateway) -> None:
    gateway.learn(Learned(7, lists_off={"bl.test": ListOff(3, time.time(), "it lists everything")}))

    def accepted() -> bool:
        with gateway.client(source=LISTED) as client:
            reply = client.open("alice@elsewhere.test", "kim@enforcing.test")[-1]
            client.say("QUIT")
        return reply.startswith("250")

    until("what was learned", accepted)
    until("the trace", lambda: gateway.traces()[-1].disposition == "abandoned")
    trace = gateway.traces()[-1]
    (found,) = [each for one in trace.observations if one.check == "dns_lists" for each in one.findings]
    assert (found.symbol, found.facts) == ("DNS_LIST_OFF", {"list": "bl.test", "entry": "3"})


def test_clear_cache_makes_the_processes_ask_again(gateway: Gateway, nameserver: Nameserver) -> None:
    def listed() -> bool:
        with gateway.client(source=LISTED) as client:
            reply = client.open("alice@elsewhere.test", "kim@enforcing.test")[-1]
            client.say("QUIT")
        return reply.startswith("550")

    assert listed()
    nameserver.zone = {}
    assert listed(), "the answer is good for five minutes"

    environment = {"BACKSTOP_NODE__HOME": str(gateway.home), "PATH": "/usr/bin:/bin"}
    for command in ("migrate", "clear-cache"):
        subprocess.run(
            [sys.executable, "manage.py", command], cwd=ROOT, env=environment, check=True, capture_output=True
        )

    until("the forgetting", lambda: not listed())
