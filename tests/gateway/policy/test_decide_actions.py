"""Redirect and strip, as decided: their strength, and what they come to where they can't be carried out."""

from gateway.mail.decisions import Action
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.policy.decide import decide, to_strip
from gateway.policy.defaults import CHECKS
from gateway.policy.snapshot import AttachmentRule, CheckRule, Forwarder, Mode, Rules, Thresholds
from tests.gateway.policy.test_decide import ALICE, VIRUS, found, policy, trace

STRIPS = {"attachments": CheckRule(mode=Mode.ENFORCE, action=Action.QUARANTINE, actions={"MACROS": Action.STRIP})}
REDIRECTS = Rules(thresholds=Thresholds(redirect=6.0), checks={"spam": CheckRule()}, redirect_to="spam@example.test")


def attached(*findings: Finding) -> Observation:
    return Observation("attachments", Stage.DATA, Outcome.HIT, findings)


def macros(part: str = "1.2", recipient: str | None = None) -> Finding:
    return Finding("MACROS", 0.0, "a.docm", recipient, facts={"names": "a.docm", "type": "x/y", "part": part})


def test_a_score_between_the_lines_is_redirected() -> None:
    rules = policy(REDIRECTS)
    assert decide(trace(found("spam", "X", 5.5)), rules, ALICE).action is Action.TAG
    decision = decide(trace(found("spam", "X", 6.5)), rules, ALICE)
    assert (decision.action, decision.reply) == (Action.REDIRECT, None)
    assert decision.because == "the score 6.5 (X 6.5) reaches 6.0 (redirect)"
    assert decide(trace(found("spam", "X", 9.0)), rules, ALICE).action is Action.QUARANTINE


def test_the_mailbox_that_gets_what_is_redirected_keeps_its_own_mail_tagged() -> None:
    decision = decide(trace(found("spam", "X", 6.5)), policy(REDIRECTS), "spam@example.test")
    assert decision.action is Action.TAG
    assert "to which such mail is redirected" in decision.because


def test_a_redirect_that_leads_nowhere_is_a_quarantine() -> None:
    nowhere = Rules(thresholds=Thresholds(redirect=6.0), checks={"spam": CheckRule()})
    assert decide(trace(found("spam", "X", 6.5)), policy(nowhere), ALICE).action is Action.QUARANTINE


def test_each_attachment_asks_for_its_own_action_and_the_strongest_wins() -> None:
    rules = policy(Rules(checks=STRIPS))
    assert decide(trace(attached(macros())), rules, ALICE).action is Action.STRIP
    assert decide(trace(attached(macros(), Finding("PROGRAM"))), rules, ALICE).action is Action.QUARANTINE
    both = {**CHECKS, **STRIPS}
    assert decide(trace(attached(macros()), VIRUS), policy(Rules(checks=both)), ALICE).action is Action.REJECT


def test_the_parts_to_strip_are_those_whose_action_says_so_for_that_recipient() -> None:
    rules = policy(Rules(checks={"attachments": CheckRule(Mode.ENFORCE, Action.STRIP)}))
    seen = trace(attached(macros("1.2"), macros("1.3", ALICE), macros("1.4", "bob@example.test")))
    assert [each.facts["part"] for each in to_strip(seen, rules, ALICE)] == ["1.2", "1.3"]
    assert to_strip(seen, policy(Rules(checks={"attachments": CheckRule(Mode.OBSERVE, Action.STRIP)})), ALICE) == ()


def test_an_attachment_rule_goes_before_what_the_check_says() -> None:
    own = (AttachmentRule("macros", names=("*.docm",), action=Action.STRIP),)
    rules = policy(Rules(checks={"attachments": CheckRule(Mode.ENFORCE, Action.REJECT)}, attachments=own))
    finding = Finding("ATTACHMENT_MACROS", facts={"part": "1.2", "names": "a.docm"})
    assert decide(trace(attached(finding)), rules, ALICE).action is Action.STRIP


def test_an_observed_domain_neither_strips_nor_redirects() -> None:
    for rules, seen in (
        (Rules(checks=STRIPS, observe=True), attached(macros())),
        (
            Rules(REDIRECTS.thresholds, REDIRECTS.checks, observe=True, redirect_to="spam@example.test"),
            found("spam", "X", 6.5),
        ),
    ):
        decision = decide(trace(seen), policy(rules), ALICE)
        assert decision.action is Action.DELIVER
        assert decision.observed in {Action.STRIP, Action.REDIRECT}


def test_a_trusted_forwarder_may_bring_what_is_stripped_or_redirected() -> None:
    forwarders = {"backup": Forwarder(("192.0.2.0/24",))}
    stripping = policy(Rules(checks=STRIPS), forwarders=forwarders)
    assert decide(trace(attached(macros()), forwarder="backup"), stripping, ALICE).action is Action.STRIP
    redirecting = policy(REDIRECTS, forwarders=forwarders)
    assert decide(trace(found("spam", "X", 6.5), forwarder="backup"), redirecting, ALICE).action is Action.REDIRECT


def test_no_score_drops_below_the_line_for_drop() -> None:
    without = policy(Rules(checks={"spam": CheckRule()}))
    assert decide(trace(found("spam", "X", 1000)), without, ALICE).action is Action.REJECT
    line = policy(Rules(Thresholds(drop=30), {"spam": CheckRule()}))
    assert decide(trace(found("spam", "X", 29.9)), line, ALICE).action is Action.REJECT
    assert decide(trace(found("spam", "X", 30)), line, ALICE).action is Action.DROP
