"""The decision: findings in, one action with its reason out."""

import msgspec
import pytest

from gateway.mail.client import Client
from gateway.mail.decisions import Action
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.mail.trace import RecipientTrace, Trace
from gateway.policy.decide import decide
from gateway.policy.defaults import CHECKS, OUTBOUND_CHECKS
from gateway.policy.learned import DomainStage, Learned
from gateway.policy.learned import Stage as GuidedStage
from gateway.policy.matching import Policy
from gateway.policy.snapshot import (
    CheckRule,
    DomainPolicy,
    Forwarder,
    Mode,
    Outbound,
    RecipientPolicy,
    Rules,
    Snapshot,
    Thresholds,
)

ALICE = "alice@example.test"
OUTBOUND = Outbound(rules=Rules(checks=OUTBOUND_CHECKS))


def policy(rules: Rules | None = None, **changes: object) -> Policy:
    domain = DomainPolicy(
        route="next",
        rules=rules or Rules(checks=CHECKS),
        recipients={
            "alice": RecipientPolicy(),
            "strict": RecipientPolicy(rules=Rules(thresholds=Thresholds(5, 5, 5), checks=CHECKS)),
        },
    )
    return Policy(Snapshot(1, "2026-01-01T00:00:00Z", "test", domains={"example.test": domain}, **changes))  # type: ignore[arg-type]


def trace(*observations: Observation, forwarder: str = "") -> Trace:
    return Trace(
        id="T",
        started=0.0,
        node="mx.example.test",
        revision=1,
        listener="inbound",
        client=Client("192.0.2.1", forwarder=forwarder),
        sender="them@other.test",
        recipients=[RecipientTrace(ALICE)],
        observations=list(observations),
    )


def found(check: str, symbol: str, weight: float = 1.0, **more: object) -> Observation:
    return Observation(check, Stage.DATA, Outcome.HIT, (Finding(symbol, weight, "detail"),), **more)  # type: ignore[arg-type]


def broken(check: str, outcome: Outcome = Outcome.TIMEOUT) -> Observation:
    return Observation(check, Stage.DATA, outcome, detail="no answer within 1.0 s")


VIRUS = found("clamav", "VIRUS")


def test_a_message_without_findings_is_delivered() -> None:
    decision = decide(trace(), policy(), ALICE)

    assert decision.action is Action.DELIVER
    assert decision.because == "nothing speaks against it"


def test_a_virus_is_rejected_and_the_reply_names_it() -> None:
    decision = decide(trace(VIRUS), policy(), ALICE)

    assert decision.action is Action.REJECT
    assert decision.because == "clamav found VIRUS (detail)"
    assert str(decision.reply) == "550 5.7.1 message contains a virus: detail"


def test_where_in_the_message_something_was_found_is_not_told_to_the_client() -> None:
    finding = Finding("VIRUS", 20.0, "Eicar, part 1.2 read as base64", facts={"told": "Eicar"})
    seen = Observation("clamav", Stage.DATA, Outcome.HIT, (finding,))

    decision = decide(trace(seen), policy(), ALICE)

    assert decision.because == "clamav found VIRUS (Eicar, part 1.2 read as base64)"
    assert str(decision.reply) == "550 5.7.1 message contains a virus: Eicar"


@pytest.mark.parametrize(
    ("score", "action"),
    [
        (4.9, Action.DELIVER),
        (5.0, Action.TAG),
        (8.0, Action.QUARANTINE),
        (14.9, Action.QUARANTINE),
        (15.0, Action.REJECT),
        (99.0, Action.REJECT),
    ],
)
def test_the_score_decides_by_the_thresholds(score: float, action: Action) -> None:
    assert decide(trace(found("spam", "A", score)), policy(), ALICE).action is action


def test_scores_add_up_and_weights_can_be_set_by_policy() -> None:
    rules = Rules(checks={**CHECKS, "spam": CheckRule(mode=Mode.SCORE, weights={"A": 6.0})})

    decision = decide(trace(found("spam", "A", 1.0), found("spam", "B", 2.5)), policy(rules), ALICE)

    assert (decision.score, decision.action) == (8.5, Action.QUARANTINE)


def test_a_score_too_low_for_anything_is_still_told() -> None:
    seen = Observation("spf", Stage.MAIL, Outcome.HIT, (Finding("SPF_FAIL", 4.0), Finding("SPF", 0.0, informs=True)))
    checks = {"spf": CheckRule(mode=Mode.SCORE)}

    decision = decide(trace(seen), policy(Rules(checks=checks)), ALICE)

    assert decision.action is Action.DELIVER
    assert decision.because == "the score 4.0 (SPF_FAIL 4.0) stays below 5.0 (tag)"


def test_drop_by_score_happens_only_above_an_explicit_line() -> None:
    rules = Rules(thresholds=Thresholds(drop=50.0), checks=CHECKS)

    assert decide(trace(found("spam", "A", 60.0)), policy(rules), ALICE).action is Action.DROP


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.TIMEOUT])
def test_a_check_that_can_not_tell_defers(outcome: Outcome) -> None:
    decision = decide(trace(broken("clamav", outcome)), policy(), ALICE)

    assert decision.action is Action.DEFER
    assert decision.reply is not None
    assert decision.reply.code == 451


def test_a_domain_may_choose_to_go_on_without_a_check() -> None:
    rules = Rules(checks={**CHECKS, "clamav": CheckRule(mode=Mode.ENFORCE, on_failure=Action.DELIVER)})

    assert decide(trace(broken("clamav")), policy(rules), ALICE).action is Action.DELIVER


def test_a_definite_refusal_goes_before_can_not_tell() -> None:
    loop = found("loops", "LOOP")

    assert decide(trace(broken("clamav"), loop), policy(), ALICE).action is Action.REJECT


def test_can_not_tell_goes_before_quarantine() -> None:
    assert decide(trace(broken("clamav"), found("spam", "A", 9.0)), policy(), ALICE).action is Action.DEFER


def test_a_recipients_own_rules_replace_the_domains() -> None:
    seen = trace(found("spam", "A", 6.0))

    assert decide(seen, policy(), ALICE).action is Action.TAG
    assert decide(seen, policy(), "strict@example.test").action is Action.REJECT


def test_what_was_seen_of_one_recipient_does_not_touch_another() -> None:
    other = found("recipient_known", "UNKNOWN_RECIPIENT", recipient="bob@example.test")

    assert decide(trace(other), policy(), ALICE).action is Action.DELIVER
    assert decide(trace(other), policy(), "bob@example.test").action is Action.REJECT


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.OBSERVE])
def test_an_observed_check_decides_nothing(mode: Mode) -> None:
    rules = Rules(checks={**CHECKS, "clamav": CheckRule(mode=mode)})

    assert decide(trace(VIRUS, broken("clamav")), policy(rules), ALICE).action is Action.DELIVER


@pytest.mark.parametrize("whole_node", [True, False])
def test_observe_mode_delivers_and_says_what_would_have_been(whole_node: bool) -> None:
    rules = Rules(checks=CHECKS, observe=not whole_node)

    decision = decide(trace(VIRUS), policy(rules, observe=whole_node), ALICE)

    assert (decision.action, decision.observed) == (Action.DELIVER, Action.REJECT)
    assert "only observes; else: reject, because clamav found VIRUS" in decision.because


def test_observe_mode_does_not_lift_node_wide_rules() -> None:
    decision = decide(trace(found("loops", "LOOP")), policy(observe=True), ALICE)

    assert (decision.action, decision.observed) == (Action.REJECT, None)


def test_in_observe_mode_a_node_wide_rule_speaks_for_itself() -> None:
    """What only would have refused neither answers in its place nor lifts it."""
    seen = (VIRUS, found("loops", "LOOP"))

    for observations in (seen, seen[::-1]):
        decision = decide(trace(*observations), policy(observe=True), ALICE)
        assert (decision.action, decision.check) == (Action.REJECT, "loops")


def test_in_observe_mode_a_trusted_forwarders_loop_is_not_delivered() -> None:
    partner = policy(observe=True, forwarders={"partner": Forwarder(("192.0.2.0/24",))})

    assert decide(trace(found("loops", "LOOP"), forwarder="partner"), partner, ALICE).action is Action.QUARANTINE


def test_a_trusted_forwarder_never_gets_a_reject() -> None:
    partner = policy(forwarders={"partner": Forwarder(("192.0.2.0/24",))})

    def decided(observation: Observation) -> Action:
        return decide(trace(observation, forwarder="partner"), partner, ALICE).action

    assert decided(VIRUS) is Action.DROP
    assert decided(found("spam", "A", 20.0)) is Action.QUARANTINE
    assert decided(found("recipient_known", "UNKNOWN_RECIPIENT")) is Action.DROP


def test_postmaster_is_never_refused_for_a_score() -> None:
    seen = trace(found("spam", "GTUBE", 1000.0))

    assert decide(seen, policy(), "postmaster@example.test").action is Action.TAG
    assert decide(trace(VIRUS), policy(), "postmaster@example.test").action is Action.REJECT


def test_the_same_trace_and_policy_always_give_the_same_decision() -> None:
    seen = trace(VIRUS, found("spam", "A", 9.0))
    stored = msgspec.json.decode(msgspec.json.encode(seen), type=Trace)

    assert decide(stored, policy(), ALICE) == decide(seen, policy(), ALICE)


def test_the_reason_cites_the_stage_of_a_guided_domain() -> None:
    stages = {"example.test": DomainStage(3, 1_793_491_200.0, GuidedStage.QUARANTINE)}
    domain = DomainPolicy("next", Rules(checks=CHECKS), {"alice": RecipientPolicy()}, guided=True)
    snapshot = Snapshot(1, "2026-01-01T00:00:00Z", "test", domains={"example.test": domain})
    seen = trace(found("forged_bounce", "FORGED_BOUNCE"))

    decision = decide(seen, Policy(snapshot, Learned(stages=stages)), ALICE)

    assert decision.action is Action.QUARANTINE
    assert decision.because.endswith(
        "; example.test is at stage quarantine since 2026-11-01, entry 3 of what was learned"
    )
    assert decide(seen, Policy(snapshot), ALICE).action is Action.DELIVER


@pytest.mark.parametrize("symbol", ["SCAN_LIMITS", "SCAN_TOO_LARGE", "ENCRYPTED", "HEURISTIC"])
def test_what_could_not_be_scanned_as_a_whole_is_quarantined_and_is_no_virus_to_a_forwarder(symbol: str) -> None:
    seen = found("clamav", symbol)
    refusing = {**CHECKS, "clamav": CheckRule(mode=Mode.ENFORCE, actions={symbol: Action.REJECT})}
    partner = policy(Rules(checks=refusing), forwarders={"partner": Forwarder(("192.0.2.0/24",))})

    assert decide(trace(seen), policy(), ALICE).action is Action.QUARANTINE
    assert decide(trace(seen, VIRUS), policy(), ALICE).action is Action.REJECT
    assert decide(trace(seen, forwarder="partner"), partner, ALICE).action is Action.QUARANTINE
    assert "virus:" not in str(decide(trace(seen), policy(Rules(checks=refusing)), ALICE).reply)


def test_what_our_own_senders_encrypt_leaves_and_the_reason_is_told() -> None:
    decision = decide(trace(found("clamav", "ENCRYPTED")), policy(outbound=OUTBOUND), "them@other.test")

    assert decision.action is Action.DELIVER
    assert "ENCRYPTED" in decision.because
