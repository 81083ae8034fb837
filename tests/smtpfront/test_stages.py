"""What was learned of a guided domain decides over a real SMTP front what happens to forged bounces."""

import datetime
import itertools
import time
from collections.abc import Iterator

import msgspec
import pytest

from gateway.mail.trace import Trace
from gateway.policy import defaults, learned
from gateway.policy.learned import DomainStage, Learned, Stage
from gateway.policy.snapshot import BatvKey, DomainPolicy, Marking, RecipientPolicy, Rules, Snapshot
from gateway.services import secrets
from tests.smtpfront.conftest import prepare
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, snapshot, until
from tests.smtpfront.test_bounces import BOUNCE, KEY, SEAL

ALICE = "alice@guided.test"
numbers = itertools.count()
SINCE = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC).timestamp()


def policy(next_hop: int) -> Snapshot:
    """A guided domain that has marked its mail for long."""
    long_ago = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=100)).date().isoformat()
    made = snapshot(next_hop, marking=Marking((BatvKey(1, "batv-1"),), "seal"))
    people = {"alice": RecipientPolicy()}
    guided = DomainPolicy("inner", Rules(checks=defaults.CHECKS), people, marks_since=long_ago, guided=True)
    return msgspec.structs.replace(made, domains={**made.domains, "guided.test": guided})


@pytest.fixture(scope="module")
def hop() -> Iterator[NextHop]:
    own = NextHop()
    yield own
    own.close()


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory, hop: NextHop, clamd: str) -> Iterator[Gateway]:
    home = prepare(tmp_path_factory.mktemp("stages"))
    secrets.write(home / "secrets", "batv-1", KEY.secret.decode())
    secrets.write(home / "secrets", "seal", SEAL.decode())
    running = Gateway(home, policy(hop.port), clamd)
    yield running
    running.stop()
    assert "Traceback" not in running.log, running.log


def put(gateway: Gateway, text: bytes) -> None:
    """Put a file of what was learned in place."""
    folder = gateway.home / "learned"
    folder.mkdir(exist_ok=True)
    (folder / "new").write_bytes(text)
    (folder / "new").replace(folder / learned.FILE)


def forged(gateway: Gateway) -> tuple[str, Trace]:
    """Bring a forged bounce to the guided domain; gives the reply and the trace."""
    with gateway.client() as client:
        assert client.open("", ALICE)[0].startswith("250")
        # Each is another one: what was accepted before is not judged again.
        reply = client.data(BOUNCE.replace(b"failure notice", b"failure notice %d" % next(numbers)))
        client.say("QUIT")
        return reply, gateway.trace_of(reply)


def learn(gateway: Gateway, serial: int, stage: Stage) -> tuple[str, Trace]:
    """Have a stage learned; gives what then becomes of a forged bounce."""
    put(gateway, learned.encode(Learned(serial, stages={"guided.test": DomainStage(3, SINCE, stage)})))
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

    put(guided, b'{"serial": 11, "stages": {"guided.test": ')
    until("the alarm", lambda: any("what was learned can not be read" in each for each in guided.alarms()))
    assert forged(guided)[1].learned == 10
    assert forged(guided)[0].startswith("550")

    (guided.home / "learned" / learned.FILE).unlink()
    time.sleep(1.2)  # the file is looked at each second, and nothing tells that it was
    assert forged(guided)[1].learned == 10

    assert learn(guided, 12, Stage.OBSERVE)[0].startswith("250")
