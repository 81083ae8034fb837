"""A bounce's two stages over a real SMTP front: suspect at RCPT, judged at the end of DATA."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.backscatter import batv, seal
from gateway.mail.decisions import Action
from gateway.mail.findings import Observation, Outcome
from gateway.mail.trace import Trace
from gateway.policy import defaults
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, RecipientPolicy, Rules, Snapshot
from gateway.services.ledger import open_ledger
from tests.smtpfront.bouncing import KEY, LONG_AGO, MARKING, SEAL, SECRETS, false_bounce
from tests.smtpfront.conftest import Serve, prepare
from tests.smtpfront.dialogues import dialogues, play
from tests.smtpfront.nexthop import NextHop
from tests.smtpfront.running import ROOT, Gateway, mail, snapshot

ALICE, BOB = "alice@marks.test", "bob@marks.test"
TODAY = int(time.time() // 86400)
DATE = "Fri, 20 Nov 2026 10:00:00 +0000"
BOUNCE = false_bounce(f"Alice <{ALICE}>", f"Date: {DATE}\r\nMessage-ID: <out-1@marks.test>\r\n")
VACATION = mail("I am on vacation.\r\n", From="carol@far.test", Subject="Out of office", Auto_Submitted="auto-replied")


def sealed(sender: str) -> str:
    return seal.make(SEAL, message_id="<out-1@marks.test>", date=DATE, sender=sender, now=time.time())


def policy(next_hop: int) -> Snapshot:
    """Two domains that mark all their mail, one of which refuses forged bounces; the third doesn't mark."""
    strict = defaults.CHECKS | {"forged_bounce": CheckRule(mode=Mode.ENFORCE, action=Action.REJECT)}
    people = {"alice": RecipientPolicy(), "bob": RecipientPolicy()}
    made = snapshot(next_hop, marking=MARKING)
    domains = {
        "marks.test": DomainPolicy("inner", Rules(checks=strict), people, marks_since=LONG_AGO),
        "new.test": DomainPolicy("inner", Rules(checks=defaults.CHECKS), people, marks_since=LONG_AGO),
        "unmarked.test": DomainPolicy("inner", Rules(checks=defaults.CHECKS), people),
    }
    return msgspec.structs.replace(made, domains={**made.domains, **domains})


@pytest.fixture(scope="module")
def marks(tmp_path_factory: pytest.TempPathFactory, module_hop: NextHop, clamd: str) -> Iterator[Gateway]:
    home = prepare(tmp_path_factory.mktemp("bounces"), SECRETS)
    with Gateway(home, policy(module_hop.port), clamd) as running:
        yield running


@dialogues("bounces")
def test_dialogue(marks: Gateway, path: Path) -> None:
    play(
        marks,
        path,
        valid=batv.sign(ALICE, KEY, TODAY),
        expired=batv.sign(ALICE, KEY, TODAY - 20),
        forged=f"prvs=1{(TODAY + 3) % 1000:03d}00ff00={ALICE}",
        seal=sealed(ALICE),
        bobs=sealed(BOB),
    )


def trace_of(marks: Gateway, content: bytes, *recipients: str, sender: str = "") -> Trace:
    with marks.client() as client:
        assert all(each.startswith("250") for each in client.open(sender, *recipients))
        return marks.trace_of(client.data(content))


def seen(trace: Trace, check: str) -> Observation:
    return next(each for each in trace.observations if each.check == check)


def told(trace: Trace, check: str) -> set[str]:
    return {each.detail.partition(" (")[0] for each in seen(trace, check).findings if each.symbol == "EVIDENCE"}


def test_a_forged_bounce_is_observed_first(marks: Gateway, module_hop: NextHop) -> None:
    trace = trace_of(marks, BOUNCE, "alice@new.test")

    assert trace.disposition == "delivered"
    assert seen(trace, "forged_bounce").findings[0].symbol == "FORGED_BOUNCE"
    assert module_hop.kept


def test_the_trace_holds_every_piece_of_evidence(marks: Gateway) -> None:
    refused = trace_of(marks, BOUNCE, BOB)
    proven = trace_of(marks, BOUNCE, batv.sign(BOB, KEY, TODAY))

    assert told(refused, "forged_bounce") == {"batv", "past_gateway", "marking"}
    assert seen(proven, "forged_bounce").outcome is Outcome.MISS
    assert seen(proven, "forged_bounce").findings[0].symbol == "GENUINE_BOUNCE"
    assert "batv" in told(proven, "forged_bounce")


def test_each_recipient_of_one_bounce_has_a_verdict_of_its_own(marks: Gateway) -> None:
    trace = trace_of(marks, BOUNCE, batv.sign(ALICE, KEY, TODAY), BOB)
    first, second = trace.recipients

    assert first.decision is not None
    assert second.decision is not None
    assert first.decision.action is Action.TAG  # the null sender has several recipients
    assert second.decision.action is Action.QUARANTINE  # refused, while another one takes it
    assert second.decision.check == "forged_bounce"


def test_several_recipients_of_the_null_sender_are_told_where_no_mail_is_marked_too(marks: Gateway) -> None:
    trace = trace_of(marks, BOUNCE, "alice@unmarked.test", "bob@unmarked.test")

    assert [(each.symbol, each.detail) for each in seen(trace, "unverifiable_bounce").findings] == [
        ("NULL_SENDER_RECIPIENTS", "2 recipients")
    ]
    assert {each.decision.action for each in trace.recipients if each.decision is not None} == {Action.TAG}


def test_one_recipient_of_the_null_sender_is_worth_no_word_where_no_mail_is_marked(marks: Gateway) -> None:
    assert not seen(trace_of(marks, BOUNCE, "alice@unmarked.test"), "unverifiable_bounce").findings


def test_an_answer_to_a_user_who_did_not_write_is_tagged(marks: Gateway) -> None:
    trace = trace_of(marks, VACATION, ALICE, sender="carol@far.test")

    assert trace.recipients[0].decision is not None
    assert trace.recipients[0].decision.action is Action.TAG
    assert trace.recipients[0].decision.check == "unsolicited"


def test_an_answer_to_a_user_who_wrote_is_delivered(marks: Gateway) -> None:
    ledger, store = open_ledger(marks.home, marks.home / "secrets")
    ledger.sent("<out-2@marks.test>", BOB, ["carol@far.test"], time.time())
    store.close()
    trace = trace_of(marks, VACATION, BOB, sender="carol@far.test")

    assert trace.recipients[0].decision is not None
    assert trace.recipients[0].decision.action is Action.DELIVER


def test_postmaster_takes_every_bounce(marks: Gateway) -> None:
    assert trace_of(marks, BOUNCE, "postmaster@marks.test").disposition == "delivered"


def test_ordinary_mail_is_not_judged(marks: Gateway) -> None:
    trace = trace_of(marks, mail(), ALICE, sender="them@other.test")
    assert seen(trace, "forged_bounce").detail == "it is no automatic mail"


def test_a_large_bounce_is_judged_too(marks: Gateway) -> None:
    trace = trace_of(marks, BOUNCE + b"padding padding padding\r\n" * 10_000, ALICE)
    assert trace.disposition == "rejected"


def test_what_was_sent_by_this_gateway_comes_back_as_genuine(marks: Gateway, module_hop: NextHop) -> None:
    before = len(module_hop.kept)
    with marks.client("outbound") as client:
        client.open(ALICE, "carol@far.test")
        assert client.data(mail(From=ALICE, Message_ID="<out-9@marks.test>")).startswith("250")
        client.say("QUIT")
    (left,) = module_hop.kept[before:]
    quoted = left.content.partition(b"\r\n\r\n")[0]
    bounce = BOUNCE.partition(b"From: Alice")[0] + quoted + b"\r\n\r\n"

    trace = trace_of(marks, bounce, ALICE)

    assert trace.disposition == "delivered"
    assert {"seal", "message_id"} <= told(trace, "forged_bounce")


def test_the_command_line_gives_the_same_verdict(marks: Gateway, tmp_path: Path) -> None:
    (tmp_path / "bounce.eml").write_bytes(BOUNCE)
    command = [sys.executable, str(ROOT / "manage.py"), "judge", str(tmp_path / "bounce.eml"), "--json"]
    command += ["--home", str(marks.home), "--sender", "", "--recipient"]

    def verdict(recipient: str) -> object:
        return json.loads(subprocess.run([*command, recipient], capture_output=True, check=True).stdout)["verdict"]

    dora = "dora@marks.test"
    assert verdict(dora) == "forged"
    assert verdict(batv.sign(dora, KEY, TODAY)) == "genuine"
    assert verdict(batv.sign(dora, KEY, TODAY - 20)) == "unverifiable"


@pytest.mark.parametrize("how", ["not there", "not readable"])
@pytest.mark.parametrize("lost", ["batv-1", "seal"])
def test_a_bounce_waits_where_a_secret_is_lost_that_might_prove_it(
    tmp_path: Path, module_hop: NextHop, serve: Serve, lost: str, how: str
) -> None:
    prepare(tmp_path, {name: secret for name, secret in SECRETS.items() if name != lost})
    if how == "not readable":
        (tmp_path / "secrets" / lost).mkdir()  # also root can't read it
    gateway = serve(policy(module_hop.port))
    recipient = batv.sign(ALICE, KEY, TODAY) if lost == "batv-1" else ALICE
    before = len(module_hop.kept)

    with gateway.client() as client:
        client.open("", recipient)
        answer = client.data(BOUNCE)

    assert answer.startswith("451")
    assert len(module_hop.kept) == before
    assert any(f"secrets/{lost}" in alarm for alarm in gateway.alarms()), gateway.alarms()
