"""A stored transaction decided again: same, changed, or not decidable."""

import msgspec
import pytest

from gateway.checks.catalog import classes
from gateway.checks.judging import JudgedCheck
from gateway.mail.client import Client
from gateway.mail.decisions import Action, Decision
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.mail.trace import RecipientTrace, Trace
from gateway.policy import defaults
from gateway.policy.matching import Policy
from gateway.policy.snapshot import (
    BatvKey,
    CheckRule,
    ClientRules,
    DnsList,
    DomainPolicy,
    ListVerdict,
    Marking,
    Mode,
    NextHop,
    RecipientPolicy,
    Route,
    Rules,
    Snapshot,
    Thresholds,
)
from gateway.what_if import Again, Answer, decide_again

KIM = "kim@example.test"
JUDGED = [name for name, kind in classes().items() if issubclass(kind, JudgedCheck)]


def policy(checks: dict[str, CheckRule] | None = None, thresholds: Thresholds = Thresholds(), **more: object) -> Policy:  # noqa: B008 - frozen
    """A policy of one domain with the recipient kim; ``checks`` differ from the defaults, ``more`` is the node's."""
    rules = Rules(thresholds, {**defaults.CHECKS, **(checks or {})})
    domain = DomainPolicy("inner", rules, {"kim": RecipientPolicy()})
    snapshot = Snapshot(
        1, "2026-01-01T00:00:00Z", "test", {"example.test": domain}, {"inner": Route((NextHop("127.0.0.1", 9),))}
    )
    return Policy(msgspec.structs.replace(snapshot, **more))


def seen(check: str, stage: Stage, *findings: Finding) -> Observation:
    return Observation(check, stage, Outcome.HIT if findings else Outcome.MISS, findings)


def accepted(*seen_at_data: Observation, header_from: str = "Lee <lee@far.test>") -> Trace:
    """A message that came to DATA; checks that it does not name saw nothing."""
    names = {each.check for each in seen_at_data}
    rest = [seen(name, Stage.DATA) for name in defaults.CHECKS if name not in names]
    return Trace(
        id="T1", started=0.0, node="mx", revision=1, listener="inbound", client=Client("192.0.2.9"),
        sender="lee@far.test", recipients=[RecipientTrace(KIM, route="inner", accepted=True)],
        observations=[*seen_at_data, *rest], sha256="00", size=100, header_from=header_from,
    )  # fmt: skip


def refused_at_rcpt(*seen_before: Observation) -> Trace:
    decision = Decision(Action.REJECT, "found", seen_before[0].check if seen_before else "next_hop")
    return Trace(
        id="T2", started=0.0, node="mx", revision=1, listener="inbound", client=Client("192.0.2.9"),
        sender="lee@far.test", recipients=[RecipientTrace(KIM, route="inner", decision=decision)],
        observations=list(seen_before),
    )  # fmt: skip


def again(trace: Trace, after: Policy, before: Policy | None = None) -> Again:
    (answer,) = decide_again(trace, before or policy(), after)
    return answer


SPAM = seen("spam", Stage.DATA, Finding("MISSING_FROM", 6.0))


def test_the_same_policy_changes_nothing() -> None:
    answer = again(accepted(SPAM), policy())
    assert (answer.answer, answer.before, answer.after) == (Answer.SAME, Action.TAG, Action.TAG)


def test_a_lower_threshold_changes_what_reaches_it() -> None:
    answer = again(accepted(SPAM), policy(thresholds=Thresholds(reject=6.0, quarantine=5.5)))
    assert (answer.answer, answer.before, answer.after) == (Answer.CHANGED, Action.TAG, Action.REJECT)
    assert "reaches 6.0 (reject)" in answer.because


def test_a_check_that_nobody_ran_can_not_be_decided() -> None:
    before = policy({"spam": CheckRule(Mode.OFF)})
    trace = accepted()
    trace.observations = [one for one in trace.observations if one.check != "spam"]
    answer = again(trace, policy(), before)
    assert answer.answer is Answer.UNDECIDABLE
    assert answer.after is None
    assert "spam" in answer.because


def test_a_check_that_would_only_observe_decides_nothing_and_so_is_not_missed() -> None:
    before = policy({"spam": CheckRule(Mode.OFF)})
    trace = accepted()
    trace.observations = [one for one in trace.observations if one.check != "spam"]
    assert again(trace, policy({"spam": CheckRule(Mode.OBSERVE)}), before).answer is Answer.SAME


def test_what_nobody_ran_under_both_policies_is_no_difference() -> None:
    trace = accepted(SPAM)
    trace.observations = [one for one in trace.observations if one.check != "dkim"]
    assert again(trace, policy()).answer is Answer.SAME


def test_what_an_enforced_finding_rejects_needs_nothing_else() -> None:
    trace = accepted(seen("clamav", Stage.DATA, Finding("VIRUS", 20.0, "Eicar")))
    trace.observations = [one for one in trace.observations if one.check != "spam"]
    after = policy({"spam": CheckRule(Mode.SCORE, weights={"GTUBE": 3.0})})
    assert again(trace, after).answer is Answer.SAME


def test_a_refusal_at_rcpt_that_the_other_policy_would_not_make_is_not_decidable() -> None:
    listed = seen("dns_lists", Stage.CONNECT, Finding("DNS_LISTED", 4.0))
    before = policy({"dns_lists": CheckRule(Mode.ENFORCE, Action.REJECT)})
    answer = again(refused_at_rcpt(listed), policy(), before)
    assert answer.answer is Answer.UNDECIDABLE
    assert "before its content came" in answer.because


def test_a_refusal_at_rcpt_that_both_make_is_the_same() -> None:
    listed = seen("dns_lists", Stage.CONNECT, Finding("DNS_LISTED", 4.0))
    strict = policy({"dns_lists": CheckRule(Mode.ENFORCE, Action.REJECT)})
    assert again(refused_at_rcpt(listed), strict, strict).answer is Answer.SAME


def test_what_was_accepted_can_be_refused_at_rcpt() -> None:
    listed = seen("dns_lists", Stage.CONNECT, Finding("DNS_LISTED", 4.0))
    answer = again(accepted(listed), policy({"dns_lists": CheckRule(Mode.ENFORCE, Action.REJECT)}))
    assert (answer.answer, answer.after) == (Answer.CHANGED, Action.REJECT)


@pytest.mark.parametrize(
    ("who", "after"),
    [("lee@far.test", Action.REJECT), ("far.test", Action.REJECT), ("192.0.2.0/24", Action.REJECT)],
)
def test_a_new_entry_of_a_list_of_senders_is_looked_up_again(who: str, after: Action) -> None:
    trace = accepted(seen("sender_lists", Stage.RCPT))
    answer = again(trace, policy(senders={who: ListVerdict.BLOCK}))
    assert (answer.answer, answer.after) == (Answer.CHANGED, after)


def test_an_entry_about_the_header_s_from_is_looked_up_again() -> None:
    trace = accepted(seen("sender_lists", Stage.DATA), header_from="Mallory <mallory@near.test>")
    answer = again(trace, policy(senders={"near.test": ListVerdict.BLOCK}))
    assert (answer.answer, answer.after) == (Answer.CHANGED, Action.REJECT)


def test_an_entry_about_somebody_else_changes_nothing() -> None:
    trace = accepted(seen("sender_lists", Stage.RCPT))
    assert again(trace, policy(senders={"other.test": ListVerdict.BLOCK})).answer is Answer.SAME


def test_an_entry_that_allows_a_proven_sender_lifts_points_again() -> None:
    proven = seen(
        "spf", Stage.MAIL, Finding("SPF", facts={"result": "pass", "domain": "far.test", "identity": "mailfrom"})
    )
    answer = again(accepted(SPAM, proven), policy(senders={"lee@far.test": ListVerdict.ALLOW}))
    assert (answer.answer, answer.after) == (Answer.CHANGED, Action.DELIVER)


def test_a_blocked_network_is_looked_up_again() -> None:
    trace = accepted(seen("client_networks", Stage.CONNECT))
    answer = again(trace, policy(clients=ClientRules(blocked=("192.0.2.0/24",))))
    assert (answer.answer, answer.after) == (Answer.CHANGED, Action.REJECT)


def test_another_dns_list_can_not_be_decided() -> None:
    answer = again(accepted(), policy(dns_lists={"list.test": DnsList()}))
    assert answer.answer is Answer.UNDECIDABLE
    assert "dns_lists" in answer.because


def test_another_limit_of_size_can_not_be_decided_where_nobody_scanned_what_was_larger() -> None:
    large = policy({"clamav": CheckRule(Mode.ENFORCE)}, max_size=200)
    small = policy({"clamav": CheckRule(Mode.ENFORCE)}, max_size=50)
    answer = again(accepted(), large, small)
    assert (answer.answer, answer.because) == (Answer.UNDECIDABLE, "nobody looked with this policy: clamav")


def test_a_domain_that_is_added_changes_nothing_for_those_who_do_not_name_it() -> None:
    domains = {**policy().snapshot.domains, "new.test": policy().snapshot.domains["example.test"]}
    assert again(accepted(SPAM), policy(domains=domains)).answer is Answer.SAME


def test_whether_a_sender_is_ours_is_not_decided_by_what_was_seen_when_it_was_not() -> None:
    domains = {**policy().snapshot.domains, "far.test": policy().snapshot.domains["example.test"]}
    answer = again(accepted(), policy(domains=domains))
    assert answer.answer is Answer.UNDECIDABLE
    assert "own_sender" in answer.because


def test_a_new_key_matters_to_bounces_alone() -> None:
    keyed = policy({"forged_bounce": CheckRule(Mode.ENFORCE)}, marking=Marking((BatvKey(1, "batv-1"),)))
    plain = policy({"forged_bounce": CheckRule(Mode.ENFORCE)})
    ordinary = accepted(*(Observation(name, Stage.DATA, Outcome.SKIPPED) for name in JUDGED))
    assert again(ordinary, keyed, plain).answer is Answer.SAME
    assert again(accepted(), keyed, plain).answer is Answer.UNDECIDABLE


def test_what_the_next_hop_refused_it_refuses_again() -> None:
    stricter = policy(thresholds=Thresholds(tag=1.0))
    assert again(refused_at_rcpt(), stricter).answer is Answer.SAME


def test_a_client_that_becomes_trusted_can_not_be_decided() -> None:
    answer = again(accepted(), policy(clients=ClientRules(allowed=("192.0.2.0/24",))))
    assert answer.answer is Answer.UNDECIDABLE
    assert "trusted" in answer.because


def test_a_domain_that_is_new_can_not_be_decided() -> None:
    trace = refused_at_rcpt()
    trace.recipients[0].address = "kim@new.test"
    before = policy()
    domains = {**before.snapshot.domains, "new.test": before.snapshot.domains["example.test"]}
    assert again(trace, policy(domains=domains), before).answer is Answer.UNDECIDABLE


def test_a_session_without_a_recipient_gives_no_answer() -> None:
    trace = accepted()
    trace.recipients.clear()
    assert list(decide_again(trace, policy(), policy())) == []


def test_deciding_again_leaves_the_trace_as_it_is() -> None:
    trace = accepted(SPAM, seen("sender_lists", Stage.RCPT))
    before = msgspec.json.encode(trace)
    again(trace, policy(senders={"far.test": ListVerdict.BLOCK}))
    assert msgspec.json.encode(trace) == before


def test_a_trace_from_before_acceptance_was_noted_tells_by_what_became_of_it() -> None:
    trace = accepted(SPAM)
    trace.recipients[0].accepted = False
    trace.recipients[0].decision = Decision(Action.TAG, "the score")
    assert again(trace, policy(thresholds=Thresholds(reject=6.0, quarantine=5.5))).answer is Answer.CHANGED
