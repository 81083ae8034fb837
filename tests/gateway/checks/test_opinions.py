"""What the checks that ask spam engines tell them, and make of their answers."""

import asyncio

import pytest

from gateway.checks.authenticating import Authenticating
from gateway.checks.base import Check, Seen, View
from gateway.checks.rspamd import Rspamd
from gateway.checks.spamassassin import SpamAssassin
from gateway.config import Dns
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.mail.decisions import Action
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.message import Content
from gateway.mail.stages import Stage
from gateway.mail.trace import RecipientTrace, Trace
from gateway.policy import defaults
from gateway.policy.decide import decide
from gateway.policy.matching import Policy
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, Rules, Snapshot
from gateway.services.dns import DnsResolver
from gateway.services.engines import EngineError, EngineTimeout, Known, Opinion, Symbol
from tests import samples

ALICE = "alice@example.test"
CLIENT = Client("192.0.2.7", helo="mail.shop.example", esmtp=True)
EARLIER = [
    Observation(
        "reverse_dns",
        Stage.CONNECT,
        Outcome.MISS,
        (Finding("REVERSE_DNS", facts={"name": "mail.shop.example"}, informs=True),),
    ),
    Observation(
        "spf",
        Stage.MAIL,
        Outcome.MISS,
        (
            Finding("SPF", facts={"identity": "helo", "result": "none"}, informs=True),
            Finding("SPF", facts={"identity": "mailfrom", "result": "pass"}, informs=True),
        ),
    ),
]


class Told:
    """An engine that answers what it is given, and keeps what it was told."""

    max_size = 1000

    def __init__(self, answer: Opinion | Exception) -> None:
        self.answer = answer
        self.known: list[Known] = []

    async def judge(self, content: Content, known: Known) -> Opinion:
        assert content.kept
        self.known.append(known)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def learn(self, content: Content, *, spam: bool) -> str:
        raise NotImplementedError

    async def about(self) -> str:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


def policy(mode: Mode = Mode.SCORE, **weights: float) -> Policy:
    rules = Rules(checks={"rspamd": CheckRule(mode=mode, weights=weights), "spamassassin": CheckRule(mode=mode)})
    return Policy(Snapshot(1, "", "", domains={"example.test": DomainPolicy("inner", rules, accept_unknown=True)}))


def view(octets: bytes = samples.MESSAGE, sender: str = "ann@shop.example") -> View:
    return View(
        policy=policy(),
        node="mx.example.test",
        listener="inbound",
        client=CLIENT,
        sender=parse_mailbox(sender) if sender else None,
        content=samples.content(octets),
        recipients=(ALICE,),
        earlier=EARLIER,
        id="01a",
    )


def ask(engine: Told, seen: View | None = None, kind: type[Rspamd | SpamAssassin] = Rspamd) -> Seen:
    check = kind(engine, Authenticating(DnsResolver(Dns())))

    async def asked() -> Seen:
        answer = check.look(seen or view())
        return answer if isinstance(answer, Seen) else await answer

    return asyncio.run(asked())


def decided(seen: Seen, rules: Policy, *more: Observation) -> tuple[Action, float]:
    observed = Observation("rspamd", Stage.DATA, seen.outcome, seen.findings, detail=seen.detail)
    trace = Trace("01a", 0.0, "mx", 1, "inbound", CLIENT, recipients=[RecipientTrace(ALICE)])
    trace.observations = [observed, *more]
    decision = decide(trace, rules, ALICE)
    return decision.action, decision.score


MIXED = Opinion(8.5, (Symbol("A", 9.0, "a"), Symbol("NOTHING", 0.0), Symbol("FRIEND", -0.5)), "reject")


def test_each_symbol_is_a_finding_and_the_action_only_informs() -> None:
    seen = ask(Told(MIXED))
    assert seen.outcome is Outcome.HIT
    assert [(each.symbol, each.weight, each.informs) for each in seen.findings] == [
        ("A", 9.0, False),
        ("NOTHING", 0.0, True),
        ("FRIEND", -0.5, False),
        ("RSPAMD_ACTION", 0.0, True),
    ]


def test_the_thresholds_decide_and_not_the_engine() -> None:
    assert decided(ask(Told(MIXED)), policy()) == (Action.QUARANTINE, 8.5)
    assert decided(ask(Told(Opinion(1.0, (Symbol("A", 1.0),), "reject"))), policy()) == (Action.DELIVER, 1.0)


def test_points_of_several_engines_add_up() -> None:
    other = ask(Told(Opinion(7.0, (Symbol("B", 7.0),))), kind=SpamAssassin)
    second = Observation("spamassassin", Stage.DATA, other.outcome, other.findings)
    assert decided(ask(Told(MIXED)), policy(), second) == (Action.REJECT, 15.5)


def test_the_policy_weighs_a_symbol_of_an_engine_as_any_other() -> None:
    assert decided(ask(Told(MIXED)), policy(A=1.0)) == (Action.DELIVER, 0.5)


def test_what_speaks_for_a_message_counts_too() -> None:
    assert decided(ask(Told(Opinion(-3.0, (Symbol("BAYES_HAM", -3.0),)))), policy()) == (Action.DELIVER, -3.0)


@pytest.mark.parametrize(("points", "action"), [(0.1, Action.TAG), (-3.0, Action.DELIVER)])
def test_enforced_an_engine_tags_at_most(points: float, action: Action) -> None:
    seen = ask(Told(Opinion(points, (Symbol("A", points),))))
    assert decided(seen, policy(Mode.ENFORCE))[0] is action


def test_an_opinion_without_points_is_a_miss() -> None:
    assert ask(Told(Opinion(0.0, (Symbol("NOTHING", 0.0),)))).outcome is Outcome.MISS


@pytest.mark.parametrize(
    ("error", "outcome"), [(EngineError("down"), Outcome.ERROR), (EngineTimeout("slow"), Outcome.TIMEOUT)]
)
def test_an_engine_that_can_not_tell_defers(error: Exception, outcome: Outcome) -> None:
    seen = ask(Told(error))
    assert (seen.outcome, seen.detail) == (outcome, str(error))
    assert decided(seen, policy())[0] is Action.DEFER


@pytest.mark.parametrize("kind", [Rspamd, SpamAssassin])
def test_what_is_too_large_is_skipped_with_the_reason(kind: type[Rspamd | SpamAssassin]) -> None:
    engine = Told(MIXED)
    seen = ask(engine, view(b"x" * 1001), kind)
    assert seen.outcome is Outcome.SKIPPED
    assert seen.detail == f"larger than 1000 octets, which is all that {kind.name} is handed"
    assert not engine.known


def test_an_engine_is_told_what_is_known() -> None:
    engine = Told(MIXED)
    ask(engine)
    (known,) = engine.known
    assert (known.sender, known.recipients, known.id) == ("ann@shop.example", (ALICE,), "01a")
    assert (known.ip, known.helo, known.hostname) == ("192.0.2.7", "mail.shop.example", "mail.shop.example")
    assert known.spf == "pass"
    assert known.front.startswith(
        b"Return-Path: <ann@shop.example>\r\nReceived: from mail.shop.example (mail.shop.example [192.0.2.7])\r\n"
    )
    assert known.front.endswith(b"\r\n")


def test_of_the_null_sender_spf_is_that_of_the_greeting() -> None:
    engine = Told(MIXED)
    ask(engine, view(sender=""))
    assert (engine.known[0].sender, engine.known[0].spf) == ("", "none")


def test_both_engines_are_off_until_somebody_wants_them() -> None:
    for check in (Rspamd, SpamAssassin):
        assert issubclass(check, Check)
        assert defaults.CHECKS[check.name].mode is Mode.OFF
        assert defaults.CHECKS[check.name].on_failure is Action.DEFER
