"""Spam engines from Debian, really running, asked by the real SMTP front."""

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.mail.findings import Observation
from gateway.policy import defaults
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, RecipientPolicy, Rules, Snapshot
from tests.fixtures_rspamd import RunningRspamd, running
from tests.fixtures_spamd import RunningSpamd
from tests.gateway.services.engines.letters import GTUBE
from tests.ports import octets_wait
from tests.smtpfront.conftest import Serve, prepare
from tests.smtpfront.dialogues import dialogues, play
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import PATIENCE, Gateway, mail, snapshot, until

OFF, SCORE, OBSERVE = (CheckRule(mode=mode) for mode in (Mode.OFF, Mode.SCORE, Mode.OBSERVE))
GOING_ON = CheckRule(mode=Mode.SCORE, on_failure=Action.DELIVER)
_numbers = itertools.count()
BOTH = ("rspamd", "spamassassin")


def policy(next_hop: int) -> Snapshot:
    """Domains by the engines that they ask; the built-in scorer is off, so that none but engines knows spam."""
    checks = {
        "rspamd.test": {"rspamd": SCORE},
        "spamassassin.test": {"spamassassin": SCORE},
        "both.test": {"rspamd": SCORE, "spamassassin": SCORE},
        "observing.test": {"rspamd": OBSERVE},
        "going-on.test": {"rspamd": GOING_ON, "spamassassin": GOING_ON},
    }
    domains = {
        name: DomainPolicy("inner", Rules(checks={**defaults.CHECKS, "spam": OFF, **on}), {"kim": RecipientPolicy()})
        for name, on in checks.items()
    }
    return msgspec.structs.replace(snapshot(next_hop), domains=domains, max_size=5_000_000)


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    module_hop: NextHop,
    clamd: str,
    rspamd: RunningRspamd,
    spamd: RunningSpamd,
) -> Iterator[Gateway]:
    addresses = {
        "BACKSTOP_RSPAMD__URL": rspamd.settings.url,
        "BACKSTOP_SPAMASSASSIN__ADDRESS": spamd.settings.address,
        "BACKSTOP_RSPAMD__SECONDS": f"{PATIENCE:g}",
    }
    home = prepare(tmp_path_factory.mktemp("engines"))
    with Gateway(home, policy(module_hop.port), clamd, **addresses) as running_gateway:
        yield running_gateway


def send(gateway: Gateway, content: bytes, to: str) -> str:
    """Send a message; gives the reply."""
    with gateway.client() as client:
        client.open("them@other.test", to)
        return client.data(content)


def letter(text: str = "Shall we meet?") -> bytes:
    """A message that nobody has sent before."""
    return mail(f"{text}\r\n", Message_ID=f"<{next(_numbers)}@other.test>")


def seen(gateway: Gateway, reply: str, check: str) -> Observation:
    return next(each for each in gateway.trace_of(reply).observations if each.check == check)


@dialogues("engines")
def test_dialogue(gateway: Gateway, path: Path) -> None:
    play(gateway, path)


def test_the_trace_names_each_symbol_of_each_engine(gateway: Gateway) -> None:
    reply = send(gateway, letter(GTUBE), "kim@both.test")
    assert reply.startswith("550 5.7.1")
    for check in BOTH:
        assert seen(gateway, reply, check).findings[0].symbol == "GTUBE"
    decision = gateway.trace_of(reply).recipients[0].decision
    assert decision is not None
    assert decision.score > 1990
    assert "GTUBE 1000.0, GTUBE 1000.0" in decision.because


def test_rspamd_knows_the_connection_from_us(gateway: Gateway) -> None:
    reply = send(gateway, letter(), "kim@rspamd.test")
    symbols = {each.symbol for each in seen(gateway, reply, "rspamd").findings}
    assert {"RSPAMD_ACTION", "FROM_EQ_ENVFROM"} <= symbols


def test_what_is_too_large_for_spam_is_not_handed_over(gateway: Gateway) -> None:
    reply = send(gateway, letter("words and words and\r\n" * 30_000), "kim@both.test")
    assert reply.startswith("250")
    assert seen(gateway, reply, "spamassassin").outcome == "skipped"
    assert seen(gateway, reply, "spamassassin").detail.startswith("larger than 524288 octets")
    assert seen(gateway, reply, "rspamd").outcome != "skipped"


def test_a_hanging_engine_defers_and_is_well_again_afterwards(
    tmp_path: Path, hop: NextHop, serve: Serve, rspamd: RunningRspamd, spamd: RunningSpamd
) -> None:
    prepare(tmp_path)
    addresses = {
        "BACKSTOP_RSPAMD__URL": rspamd.settings.url,
        "BACKSTOP_SPAMASSASSIN__ADDRESS": spamd.settings.address,
    }
    own = serve(policy(hop.port), BACKSTOP_RSPAMD__SECONDS="1", **addresses)
    with rspamd.stopped():
        assert send(own, letter(), "kim@rspamd.test").startswith("451 4.7.1")
        assert send(own, letter(), "kim@spamassassin.test").startswith("250")
    until("it is well again", lambda: send(own, letter(), "kim@rspamd.test").startswith("250"))
    assert any("rspamd: timeout" in alarm for alarm in own.alarms())


NOBODY = {"BACKSTOP_RSPAMD__URL": "http://127.0.0.1:9", "BACKSTOP_SPAMASSASSIN__ADDRESS": "127.0.0.1:9"}


def test_engines_that_are_down_defer_or_are_gone_without_as_the_policy_says(
    tmp_path: Path, hop: NextHop, serve: Serve
) -> None:
    prepare(tmp_path)
    own = serve(policy(hop.port), **NOBODY)
    for domain in ("rspamd.test", "spamassassin.test", "both.test"):
        assert send(own, letter(), f"kim@{domain}").startswith("451 4.7.1")
    assert hop.kept == []
    assert any("rspamd: error: http://127.0.0.1:9/checkv2 refuses the connection" in alarm for alarm in own.alarms())
    reply = send(own, letter(), "kim@going-on.test")
    assert reply.startswith("250")
    assert {seen(own, reply, check).outcome for check in BOTH} == {"error"}
    assert len(hop.kept) == 1


def test_one_killed_in_mid_scan_defers_and_loses_nothing(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, hop: NextHop, serve: Serve
) -> None:
    prepare(tmp_path)
    with running(tmp_path_factory.mktemp("rspamd")) as killed:
        patient = {"BACKSTOP_RSPAMD__URL": killed.settings.url, "BACKSTOP_RSPAMD__SECONDS": f"{PATIENCE:g}"}
        own = serve(policy(hop.port), **patient)
        killed.signal(signal.SIGSTOP)
        with own.client() as client:
            client.open("them@other.test", "kim@rspamd.test")
            assert client.say("DATA").startswith("354")
            client.send(letter() + b".\r\n")
            until("rspamd has the message", lambda: octets_wait(killed.scans_at))
            killed.signal(signal.SIGKILL)
            assert client.reply().startswith("451 4.7.1")
    assert hop.kept == []
    assert own.staged() == []
    assert any("rspamd: error" in alarm for alarm in own.alarms())


def test_the_header_sums_up_what_several_engines_say_of_a_symbol_and_leaves_out_what_is_worth_nothing(
    gateway: Gateway, module_hop: NextHop
) -> None:
    taken = len(module_hop.kept)
    tagged = mail("words\r\n", Subject=None)
    assert send(gateway, tagged, "kim@both.test").startswith("250")
    head = module_hop.kept[taken].content.partition(b"From: Them")[0].decode()
    told = dict(line.strip().split("=") for line in head.partition("tests=")[2].split("\r\n\t")[1:])
    assert "MIME_GOOD" in told
    assert "MISSING_SUBJECT" in told
    assert all(float(points) for points in told.values())
    score = float(head.partition("X-Spam-Score: ")[2].split()[0])
    assert sum(map(float, told.values())) == pytest.approx(score, abs=0.1 * len(told))
