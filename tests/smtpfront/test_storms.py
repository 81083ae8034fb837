"""A storm over a real SMTP front: from the bounces that make it to the one that is quarantined."""

import itertools
import time
from pathlib import Path

import msgspec
import pytest
from django.conf import settings

from gateway.backscatter import batv
from gateway.mail.decisions import Action
from gateway.mail.trace import Trace
from gateway.models import Backscatterer, Storm
from gateway.operations import learning
from gateway.operations.ingest import ingest_once
from gateway.policy import defaults, learned
from gateway.policy.learned import Learned
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, RecipientPolicy, Rules, Snapshot
from tests.smtpfront.bouncing import KEY, LONG_AGO, MARKING, SECRETS, false_bounce
from tests.smtpfront.conftest import Serve, prepare
from tests.smtpfront.dialogues import dialogues, play
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import Gateway, snapshot, until

KIM, LEE = "kim@marks.test", "lee@marks.test"
numbers = itertools.count()


def bounce() -> bytes:
    """A bounce of a message that nobody here sent; each is another one."""
    return false_bounce(f"Kim <{KIM}>", "Subject: buy now\r\n", str(next(numbers)))


def policy(next_hop: int, **checks: CheckRule) -> Snapshot:
    """A domain that marks all its mail, with what a new domain has: forged bounces are observed only."""
    people = {name: RecipientPolicy() for name in ("kim", "lee")}
    made = snapshot(next_hop, revision=1 + len(checks), marking=MARKING)
    domain = DomainPolicy("inner", Rules(checks=defaults.CHECKS | checks), people, marks_since=LONG_AGO)
    return msgspec.structs.replace(made, domains={**made.domains, "marks.test": domain})


@pytest.fixture
def stormy(tmp_path: Path, hop: NextHop, serve: Serve) -> Gateway:
    prepare(tmp_path, SECRETS)
    return serve(policy(hop.port))


def valid(address: str) -> str:
    return batv.sign(address, KEY, int(time.time() // 86400))


def trace_of(gateway: Gateway, recipient: str, *, helo: str = "mx.far.test") -> Trace:
    with gateway.client() as client:
        assert client.open("", recipient, helo=helo)[0].startswith("250")
        reply = client.data(bounce())
        client.say("QUIT")
    return gateway.trace_of(reply)


def in_force(gateway: Gateway, serial: int, revision: int = 1) -> None:
    """Wait until the SMTP side has read what was learned, and the policy."""

    def read() -> bool:
        trace = trace_of(gateway, LEE)
        return (trace.learned, trace.revision) == (serial, revision)

    until("what was learned", read)


def test_under_a_storm_the_false_bounce_is_quarantined_and_the_genuine_one_delivered(
    stormy: Gateway, hop: NextHop
) -> None:
    stormy.learn(Learned(5, storms={KIM: learned.Storm(12, time.time() - 60, time.time() + 600)}))
    in_force(stormy, 5)
    before = len(hop.kept)

    false, genuine, other = (trace_of(stormy, each) for each in (KIM, valid(KIM), LEE))

    decision = false.recipients[0].decision
    assert decision is not None
    assert (decision.action, decision.check, decision.symbol) == (Action.QUARANTINE, "bounce_storm", "BOUNCE_STORM")
    assert "storm 12 since " in decision.because
    assert stormy.quarantined(false.id) is not None
    assert genuine.disposition == other.disposition == "delivered"
    assert len(hop.kept) == before + 2


def test_a_listed_host_adds_to_the_score_of_what_is_not_genuine(stormy: Gateway) -> None:
    stormy.learn(Learned(6, backscatterers={"mx.far.test": learned.Backscatterer(7, time.time(), 40.0, time.time())}))
    in_force(stormy, 6)

    listed, genuine, unlisted = (
        trace_of(stormy, each, helo=helo)
        for each, helo in ((LEE, "mx.far.test"), (valid(LEE), "mx.far.test"), (LEE, "mx.other.test"))
    )

    scores = [each.recipients[0].decision.score for each in (listed, genuine, unlisted) if each.recipients[0].decision]
    assert scores[0] > scores[1] == scores[2]
    assert any("backscatterer 7: mx.far.test" in found.detail for one in listed.observations for found in one.findings)


@dialogues("storms")
def test_dialogue(stormy: Gateway, hop: NextHop, path: Path) -> None:
    tightened = {"bounce_storm": CheckRule(mode=Mode.ENFORCE, action=Action.REJECT)}
    stormy.publish(policy(hop.port, **tightened))
    stormy.learn(Learned(5, storms={KIM: learned.Storm(12, time.time() - 60, time.time() + 600)}))
    in_force(stormy, 5, revision=2)

    play(stormy, path, valid=valid(KIM))


@pytest.mark.django_db
def test_false_bounces_make_the_storm_that_the_next_one_meets(stormy: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    node = msgspec.structs.replace(settings.CONFIG.node, home=stormy.home)
    monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(settings.CONFIG, node=node))
    for _ in range(20):
        assert trace_of(stormy, KIM).disposition == "delivered"

    ingest_once(stormy.home / "journal")
    learning.publish()
    row = Storm.objects.get()
    assert (row.victim, row.count, row.refused) == (KIM, 20, 0)
    assert Backscatterer.objects.filter(name="mx.far.test").exists()

    until("the storm", lambda: trace_of(stormy, KIM).disposition == "quarantined")
    last = trace_of(stormy, KIM).recipients[0].decision
    assert last is not None
    assert f"storm {row.pk} since {row.started:%Y-%m-%d %H:%M}" in last.because
