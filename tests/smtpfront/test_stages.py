"""What was learned of a guided domain decides over a real SMTP front what happens to forged bounces."""

import datetime
import itertools
import time
from collections.abc import Iterator

import msgspec
import pytest

from gateway.mail.trace import Trace
from gateway.policy import defaults
from gateway.policy.learned import DomainStage, Learned, Stage
from gateway.policy.snapshot import DomainPolicy, RecipientPolicy, Rules, Snapshot
from tests.smtpfront.bouncing import LONG_AGO, MARKING, SECRETS, false_bounce
from tests.smtpfront.conftest import prepare
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, snapshot, until

ALICE = "alice@guided.test"
numbers = itertools.count()
SINCE = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC).timestamp()


def policy(next_hop: int) -> Snapshot:
    """A guided domain that has marked its mail for long."""
    made = snapshot(next_hop, marking=MARKING)
    people = {"alice": RecipientPolicy()}
    guided = DomainPolicy("inner", Rules(checks=defaults.CHECKS), people, marks_since=LONG_AGO, guided=True)
    return msgspec.structs.replace(made, domains={**made.domains, "guided.test": guided})


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory, module_hop: NextHop, clamd: str) -> Iterator[Gateway]:
    home = prepare(tmp_path_factory.mktemp("stages"), SECRETS)
    with Gateway(home, policy(module_hop.port), clamd) as running:
        yield running


def forged(gateway: Gateway) -> tuple[str, Trace]:
    """Bring a forged bounce to the guided domain; gives the reply and the trace."""
    with gateway.client() as client:
        assert client.open("", ALICE)[0].startswith("250")
        # Each is another one: what was accepted before is not judged again.
        bounce = false_bounce(f"Alice <{ALICE}>", "Message-ID: <out-1@guided.test>\r\n", str(next(numbers)))
        reply = client.data(bounce)
        client.say("QUIT")
        return reply, gateway.trace_of(reply)


def learn(gateway: Gateway, serial: int, stage: Stage) -> tuple[str, Trace]:
    """Have a stage learned; gives what then becomes of a forged bounce."""
    gateway.learn(Learned(serial, stages={"guided.test": DomainStage(3, SINCE, stage)}))
    found: list[tuple[str, Trace]] = []

    def applied() -> bool:
        found.append(forged(gateway))
        return found[-1][1].learned == serial

    until(f"serial {serial} applies", applied)
    return found[-1]


def because(trace: Trace) -> str:
    assert trace.recipients[0].decision is not None
    return trace.recipients[0].decision.because


def told(trace: Trace) -> list[str]:
    findings = next(each for each in trace.observations if each.check == "forged_bounce").findings
    return [each.detail for each in findings if each.symbol == "STAGE"]


def test_a_guided_domain_of_which_nothing_was_learned_observes(guided: Gateway) -> None:
    reply, trace = forged(guided)
    assert reply.startswith("250")
    assert trace.disposition == "delivered"
    assert told(trace) == ["guided.test is guided, and at stage observe"]


def test_each_stage_decides_and_is_cited(guided: Gateway) -> None:
    cited = "guided.test is at stage {} since 2026-11-01, entry 3 of what was learned"

    reply, trace = learn(guided, 1, Stage.OBSERVE)
    assert (reply[:3], trace.disposition) == ("250", "delivered")
    assert told(trace) == [cited.format("observe")]

    reply, trace = learn(guided, 2, Stage.QUARANTINE)
    assert (reply[:3], trace.disposition) == ("250", "quarantined")
    assert because(trace).endswith(cited.format("quarantine"))

    reply, trace = learn(guided, 3, Stage.REJECT)
    assert (reply[:3], trace.disposition) == ("550", "rejected")
    assert because(trace).endswith(cited.format("reject"))
    assert "entry 3" not in reply


def test_a_bad_or_a_lost_file_changes_nothing_of_what_was_known(guided: Gateway) -> None:
    learn(guided, 10, Stage.REJECT)

    guided.learn(b'{"serial": 11, "stages": {"guided.test": ')
    until("the alarm", lambda: any("what was learned can not be read" in each for each in guided.alarms()))
    assert forged(guided)[1].learned == 10
    assert forged(guided)[0].startswith("550")

    guided.forget()
    time.sleep(1.2)  # the file is looked at each second, and nothing tells that it was
    assert forged(guided)[1].learned == 10

    assert learn(guided, 12, Stage.OBSERVE)[0].startswith("250")
