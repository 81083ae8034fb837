"""docs/precedence.md, line by line: what beats what among lists of senders, findings and verdicts."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateway.mail.client import Client
from gateway.mail.decisions import Action, Decision
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.mail.trace import RecipientTrace, Trace
from gateway.policy import precedence
from gateway.policy.decide import decide
from gateway.policy.defaults import CHECKS
from gateway.policy.matching import Policy
from gateway.policy.snapshot import (
    CheckRule,
    DomainPolicy,
    Forwarder,
    ListVerdict,
    Mode,
    RecipientPolicy,
    Rules,
    Snapshot,
    Thresholds,
)

DOCS = Path(__file__).resolve().parents[3] / "docs" / "precedence.md"
ALICE = "alice@example.test"
ALLOW, BLOCK = ListVerdict.ALLOW, ListVerdict.BLOCK
ENFORCE = CheckRule(mode=Mode.ENFORCE, action=Action.REJECT)
Entries = dict[str, ListVerdict]


def policy(
    own: Entries | None = None,
    domain: Entries | None = None,
    node: Entries | None = None,
    checks: dict[str, CheckRule] | None = None,
) -> Policy:
    """A policy with lists of senders; checks are by their defaults where nothing else is said."""
    rules = Rules(Thresholds(5, 8, 15, 30), {**CHECKS, **(checks or {})})
    people = {"alice": RecipientPolicy(senders=own or {}), "postmaster": RecipientPolicy(senders=own or {})}
    ours = DomainPolicy("inner", rules, people, senders=domain or {})
    forwarders = {"partner": Forwarder(("198.51.100.0/24",))}
    return Policy(Snapshot(1, "now", "test", domains={"example.test": ours}, forwarders=forwarders, senders=node or {}))


def seen(check: str, *findings: Finding, outcome: Outcome = Outcome.HIT, stage: Stage = Stage.DATA) -> Observation:
    return Observation(check, stage, outcome, findings or (Finding(check.upper(), 1.0, "found"),))


def proof(check: str, domain: str, result: str = "pass", identity: str = "mailfrom") -> Observation:
    facts = {"result": result, "domain": domain, "identity": identity}
    return seen(check, Finding(check.upper(), facts=facts, informs=True), outcome=Outcome.MISS)


SPF = proof("spf", "shop.example")
DKIM = proof("dkim", "shop.example")
SPAM = seen("spam", Finding("WORDS", 9.0))
BLOCKED = seen("sender_lists", Finding("BLOCKED_SENDER", 10.0, "the node's list blocks it"))


def judge(  # noqa: PLR0913 - a message, all it is about
    rules: Policy,
    *observations: Observation,
    sender: str = "news@shop.example",
    header_from: str = "",
    recipient: str = ALICE,
    ip: str = "192.0.2.1",
    forwarder: str = "",
) -> Decision:
    trace = Trace("1", 0.0, "mx", 1, "inbound", Client(ip, forwarder=forwarder), sender)
    trace.header_from = header_from
    trace.recipients.append(RecipientTrace(recipient))
    trace.observations += observations
    return decide(trace, rules, recipient)


def lifted(rules: Policy, *observations: Observation, **more: str) -> bool:
    """Whether mail that is spam, and blocked by a list where one blocks it, is delivered all the same."""
    return judge(rules, SPAM, *observations, **more).action is Action.DELIVER


# -- lists among themselves -----------------------------------------------------------------------------------------


def line_1() -> None:
    rules = policy(own={"shop.example": ALLOW}, domain={"news@shop.example": BLOCK})
    strict = policy(own={"shop.example": BLOCK}, domain={"news@shop.example": ALLOW})
    assert lifted(rules, SPF, BLOCKED)
    assert judge(strict, SPF, BLOCKED).action is Action.REJECT


def line_2() -> None:
    assert lifted(policy(domain={"shop.example": ALLOW}, node={"news@shop.example": BLOCK}), SPF, BLOCKED)
    assert not lifted(policy(domain={"shop.example": BLOCK}, node={"news@shop.example": ALLOW}), SPF)


def line_3() -> None:
    assert lifted(policy(own={"news@shop.example": ALLOW, "shop.example": BLOCK}), SPF)
    assert not lifted(policy(own={"news@shop.example": BLOCK, "shop.example": ALLOW}), SPF)


def line_4() -> None:
    far = {"sender": "news@eu.shop.example"}
    proven = proof("spf", "eu.shop.example")
    assert lifted(policy(own={"eu.shop.example": ALLOW, ".shop.example": BLOCK}), proven, **far)
    assert lifted(policy(own={".shop.example": ALLOW, ".example": BLOCK}), proven, **far)
    assert not lifted(policy(own={".shop.example": BLOCK, ".example": ALLOW}), proven, **far)
    assert lifted(policy(own={".shop.example": ALLOW}), SPF)  # with all below it, and itself
    assert not lifted(policy(own={"shop.example": ALLOW}), proven, **far)


def line_5() -> None:
    assert not lifted(policy(own={".example": BLOCK, "192.0.2.1/32": ALLOW}))
    assert lifted(policy(own={"192.0.2.0/24": ALLOW, "192.0.0.0/16": BLOCK}))
    assert not lifted(policy(own={"192.0.2.0/24": BLOCK, "192.0.0.0/16": ALLOW}))


def line_6() -> None:
    both = {"sender": "bounce@esp.example", "header_from": "News <news@shop.example>"}
    entries = {"bounce@esp.example": BLOCK, "news@shop.example": ALLOW}
    assert not lifted(policy(own=entries), DKIM, **both)
    assert lifted(policy(own={"news@shop.example": ALLOW}), DKIM, **both)


def line_7() -> None:
    rules = policy(own={"shop.example": ALLOW}, node={"shop.example": BLOCK})
    got = judge(rules, SPAM, BLOCKED)
    assert got.action is Action.REJECT
    assert got.because.endswith("shop.example is listed as allowed, but nothing proves the sender")
    for weak in (proof("spf", "shop.example", "softfail"), proof("dkim", "shop.example", "fail")):
        assert not lifted(policy(own={"shop.example": ALLOW}), weak)


def line_8() -> None:
    rules = policy(own={"news@shop.example": ALLOW})
    got = judge(rules, SPAM, SPF)
    assert got.because.startswith("the recipient's own list allows news@shop.example, proven by SPF; else: quarantine")
    assert not lifted(rules, proof("spf", "shop.example", identity="helo"))
    assert not lifted(rules, proof("spf", "eu.shop.example"))
    assert not lifted(rules, SPF, sender="x@other.test", header_from="news@shop.example.org")


def line_9() -> None:
    far = {"sender": "news@eu.shop.example"}
    rules = policy(own={"news@eu.shop.example": ALLOW})
    assert lifted(rules, proof("dkim", "eu.shop.example"), **far)
    assert lifted(rules, DKIM, **far)
    for other in ("x.eu.shop.example", "example", "hop.example", "", "other.test"):
        assert not lifted(rules, proof("dkim", other), **far)


def line_10() -> None:
    rules = policy(own={"news@shop.example": ALLOW})
    by_from = {"sender": "bounce@esp.example", "header_from": '"Shop, the" <News@Shop.example>'}
    assert lifted(rules, proof("dmarc", "shop.example"), **by_from)
    assert not lifted(rules, proof("dmarc", "shop.example"))  # it proves From, and there is none
    assert not lifted(rules, proof("dmarc", "esp.example"), **by_from)
    assert not lifted(rules, DKIM, sender="x@other.test", header_from="news@shop.example, x@other.test")


def line_11() -> None:
    rules = policy(own={"192.0.2.0/24": ALLOW, "2001:db8::/32": ALLOW})
    assert judge(rules, SPAM).because.startswith("the recipient's own list allows 192.0.2.0/24, where the client is")
    assert lifted(rules, ip="2001:db8::1")
    assert not lifted(rules, ip="198.51.100.1")
    assert not lifted(rules, forwarder="partner")


# -- lists against checks -------------------------------------------------------------------------------------------


def kind(checks: dict[str, CheckRule] | None = None) -> Policy:
    """A policy by which alice's own list allows the sender."""
    return policy(own={"shop.example": ALLOW}, checks=checks)


def stays(decision: Decision, check: str, action: Action = Action.REJECT) -> None:
    """The check's verdict holds, and the sentence says that an entry is there."""
    assert (decision.action, decision.check) == (action, check)
    assert decision.because.endswith(
        "the recipient's own list allows shop.example, proven by SPF, which does not lift this"
    )


def line_12() -> None:
    for points, action in ((5.0, Action.TAG), (8.0, Action.QUARANTINE), (15.0, Action.REJECT), (30.0, Action.DROP)):
        found = seen("spam", Finding("WORDS", points))
        assert judge(policy(), found, SPF).action is action
        assert judge(kind(), found, SPF).action is Action.DELIVER


def line_13() -> None:
    for name in precedence.LIFTED & CHECKS.keys():
        assert judge(policy(checks={name: ENFORCE}), seen(name), SPF).action is Action.REJECT
        assert judge(kind({name: ENFORCE}), seen(name), SPF).action is Action.DELIVER


def line_14() -> None:
    deferring = CheckRule(mode=Mode.ENFORCE, on_failure=Action.DEFER)
    broken = seen("dns_lists", outcome=Outcome.TIMEOUT)
    assert judge(policy(checks={"dns_lists": deferring}), broken, SPF).action is Action.DEFER
    assert judge(kind({"dns_lists": deferring}), broken, SPF).action is Action.DELIVER


def line_15() -> None:
    stays(judge(kind(), seen("clamav", Finding("VIRUS", 10.0)), SPAM, SPF, DKIM), "clamav")


def line_16() -> None:
    stays(judge(kind(), seen("clamav", outcome=Outcome.ERROR), SPF), "clamav", Action.DEFER)


def line_17() -> None:
    for name in ("loops", "message_size", "line_ends"):
        stays(judge(kind(), seen(name), SPF), name)


def line_18() -> None:
    stays(judge(kind(), seen("recipient_known"), SPF), "recipient_known")


def line_19() -> None:
    for name in ("forged_bounce", "unverifiable_bounce", "unsolicited", "bounce_storm"):
        stays(judge(kind({name: ENFORCE}), seen(name), SPF), name)


def line_20() -> None:
    for name in ("client_networks", "early_talker"):
        stays(judge(kind(), seen(name), SPF), name)
    stays(judge(kind(), seen("rates"), SPF), "rates", Action.DEFER)


def line_21() -> None:
    scored = kind({"clamav": CheckRule(mode=Mode.SCORE)})
    got = judge(scored, seen("clamav", Finding("VIRUS", 10.0)), SPAM, SPF)
    assert got.action is Action.QUARANTINE
    assert "the score 10.0 (VIRUS 10.0)" in got.because


def line_22() -> None:
    got = judge(policy(node={"shop.example": BLOCK}), BLOCKED, SPF)
    assert (got.action, got.check) == (Action.REJECT, "sender_lists")
    assert str(got.reply) == "550 5.7.1 sender is not accepted here"


# -- verdicts -------------------------------------------------------------------------------------------------------


def line_23() -> None:
    names = ("helo", "spf", "dns_lists", "reverse_dns", "spam")
    actions = (Action.REJECT, Action.DROP, Action.DEFER, Action.QUARANTINE, Action.TAG)
    rules = {name: CheckRule(mode=Mode.ENFORCE, action=action) for name, action in zip(names, actions, strict=True)}
    for at, action in enumerate(actions):
        assert judge(policy(checks=rules), *reversed([seen(name) for name in names[at:]])).action is action


def line_24() -> None:
    got = judge(policy(node={"shop.example": BLOCK}), BLOCKED, forwarder="partner", ip="198.51.100.1")
    assert got.action is Action.QUARANTINE


def line_25() -> None:
    looking = policy(node={"shop.example": BLOCK})
    looking = Policy(msgspec.structs.replace(looking.snapshot, observe=True))
    got = judge(looking, BLOCKED)
    assert (got.action, got.observed) == (Action.DELIVER, Action.REJECT)
    for name in ("loops", "message_size"):
        assert judge(looking, seen(name)).action is Action.REJECT


def line_26() -> None:
    to = {"recipient": "postmaster@example.test"}
    assert judge(policy(), seen("spam", Finding("WORDS", 20.0)), **to).action is Action.TAG
    assert judge(policy(node={"shop.example": BLOCK}), BLOCKED, **to).action is Action.REJECT


LINES: dict[int, Callable[[], None]] = {
    int(name.removeprefix("line_")): each for name, each in list(globals().items()) if name.startswith("line_")
}


@pytest.mark.parametrize("line", sorted(LINES))
def test_line_of_the_table(line: int) -> None:
    LINES[line]()


def test_every_line_of_the_table_has_a_test_and_no_other() -> None:
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", DOCS.read_text(), re.MULTILINE)] == sorted(LINES)


def test_every_check_is_lifted_or_never() -> None:
    """Who adds a check says in ``precedence`` whether an allowed sender is spared it."""
    assert not precedence.LIFTED & precedence.NEVER_LIFTED
    assert CHECKS.keys() <= precedence.LIFTED | precedence.NEVER_LIFTED


def test_a_decision_over_a_stored_trace_follows_the_policy_that_it_is_asked_by() -> None:
    assert judge(policy(), SPAM, SPF).action is Action.QUARANTINE
    assert judge(kind(), SPAM, SPF).action is Action.DELIVER


@pytest.mark.parametrize(
    "sender",
    [
        "prvs=1234abcdef=news@shop.example",
        "news+alice=example.test@shop.example",
        "NEWS-Alice=Example.test@SHOP.example",
        "prvs=news/1234abcdef@shop.example",
    ],
)
def test_an_entry_is_about_a_sender_without_tag_and_recipient(sender: str) -> None:
    assert lifted(policy(own={"news@shop.example": ALLOW}), SPF, sender=sender)


def test_a_rewritten_sender_needs_the_signature_of_its_own_domain() -> None:
    rules = policy(own={"news@shop.example": ALLOW})
    for sender in ("SRS0=Ab1=XY=shop.example=news@fwd.test", "SRS1=Cd2=one.test==Ab1=XY=shop.example=news@fwd.test"):
        assert not lifted(rules, proof("spf", "fwd.test"), sender=sender)
        assert lifted(rules, DKIM, sender=sender)


def test_an_alias_goes_by_the_list_of_whom_its_mail_is_for() -> None:
    made = kind().snapshot
    domain = made.domains["example.test"]
    people = {**domain.recipients, "ann": RecipientPolicy(alias=ALICE)}
    domain = msgspec.structs.replace(domain, recipients=people)
    rules = Policy(msgspec.structs.replace(made, domains={"example.test": domain}))
    assert lifted(rules, SPF, recipient="ann@example.test")
