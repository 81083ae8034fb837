"""Attachment rules: which attachment each is about, and what the first that fits leads to."""

import pytest

from gateway.mail.decisions import Action
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.policy.attachments import rule_for
from gateway.policy.decide import decide, to_strip
from gateway.policy.snapshot import AttachmentRule, CheckRule, Mode, Rules
from tests.gateway.policy.test_decide import ALICE, policy, trace

CHECK = CheckRule(
    Mode.ENFORCE,
    Action.QUARANTINE,
    actions={"ATTACHMENT_ENCRYPTED": Action.TAG, "ATTACHMENT_MACROS": Action.QUARANTINE},
)


def plain(name: str, kind: str = "application/pdf", **facts: str) -> Finding:
    return Finding("ATTACHMENT", detail=name, facts={"part": "1.2", "names": name, "type": kind, **facts}, informs=True)


def macros(name: str = "plan.docm", **facts: str) -> Finding:
    return Finding("ATTACHMENT_MACROS", 8.0, name, facts={"part": "1.2", "names": name, "type": "x/y", **facts})


def decided(rules: tuple[AttachmentRule, ...], *findings: Finding, mode: Mode = Mode.ENFORCE) -> tuple[Action, str]:
    hits = any(not each.informs for each in findings)
    seen = Observation("attachments", Stage.DATA, Outcome.HIT if hits else Outcome.MISS, findings)
    check = CheckRule(mode, CHECK.action, actions=CHECK.actions)
    decision = decide(trace(seen), policy(Rules(checks={"attachments": check}, attachments=rules)), ALICE)
    return decision.action, decision.because


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (AttachmentRule("r", names=("*.PDF",)), True),
        (AttachmentRule("r", names=("*.iso", "report.?df")), True),
        (AttachmentRule("r", names=("*.iso",)), False),
        (AttachmentRule("r", types=("application/*",)), True),
        (AttachmentRule("r", names=("*.pdf",), types=("image/*",)), False),
        (AttachmentRule("r"), False),
    ],
)
def test_a_rule_fits_by_name_and_type_without_regard_to_case(rule: AttachmentRule, fits: bool) -> None:
    assert (rule_for(plain("Report.pdf"), [rule]) is rule) is fits


def test_any_name_that_a_reader_may_show_counts() -> None:
    rule = AttachmentRule("images", names=("*.iso",))

    assert rule_for(plain("a.txt\nb.iso"), [rule]) is rule


def test_what_lies_in_an_archive_counts_unless_the_rule_says_otherwise() -> None:
    within = plain("a.pdf", **{"in": "a.zip"})

    assert rule_for(within, [AttachmentRule("r", names=("*.pdf",))]) is not None
    assert rule_for(within, [AttachmentRule("r", names=("*.pdf",), inside=False)]) is None


def test_an_ordinary_attachment_that_a_rule_names_gets_the_rules_action() -> None:
    rules = (AttachmentRule("no pdf", names=("*.pdf",), action=Action.REJECT),)

    assert decided(rules, plain("a.pdf")) == (Action.REJECT, "the attachment rule 'no pdf' is about a.pdf")
    assert decided(rules, plain("a.png", "image/png"))[0] is Action.DELIVER


def test_the_first_rule_that_fits_decides() -> None:
    rules = (
        AttachmentRule("ours", names=("plan.docm",), action=Action.TAG),
        AttachmentRule("macros", names=("*.docm",), action=Action.REJECT),
    )

    assert decided(rules, macros("plan.docm"))[0] is Action.TAG
    assert decided(rules, macros("other.docm"))[0] is Action.REJECT


def test_deliver_exempts_that_attachment_and_no_other() -> None:
    rules = (AttachmentRule("ours", names=("plan.docm",), action=Action.DELIVER),)

    assert decided(rules, macros()) == (Action.DELIVER, "the attachment rule 'ours' lets pass plan.docm")
    assert decided(rules, macros(), macros("evil.docm", part="1.3"))[0] is Action.QUARANTINE


def test_an_archive_that_is_exempt_does_not_exempt_what_lies_in_it() -> None:
    rules = (AttachmentRule("archives", names=("*.zip",), action=Action.DELIVER),)

    assert decided(rules, plain("a.zip"), macros(**{"in": "a.zip"}))[0] is Action.QUARANTINE


def test_without_a_rule_the_symbol_decides() -> None:
    encrypted = Finding("ATTACHMENT_ENCRYPTED", 2.0, "a.zip", facts={"part": "1.2", "names": "a.zip"})

    assert decided((), encrypted)[0] is Action.TAG
    assert decided((), encrypted, macros())[0] is Action.QUARANTINE
    assert decided((), plain("a.pdf"))[0] is Action.DELIVER


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.OBSERVE, Mode.SCORE])
def test_rules_hold_only_where_the_check_is_enforced(mode: Mode) -> None:
    rules = (AttachmentRule("no pdf", names=("*.pdf",), action=Action.REJECT),)

    assert decided(rules, plain("a.pdf"), mode=mode)[0] is Action.DELIVER


def test_a_rule_may_strip_an_attachment_in_which_nothing_was_found() -> None:
    rules = Rules(
        checks={"attachments": CHECK}, attachments=(AttachmentRule("films", types=("video/*",), action=Action.STRIP),)
    )
    seen = Observation("attachments", Stage.DATA, Outcome.MISS, (plain("a.mp4", "video/mp4"), plain("b.pdf")))

    assert decide(trace(seen), policy(rules), ALICE).action is Action.STRIP
    assert [each.detail for each in to_strip(trace(seen), policy(rules), ALICE)] == ["a.mp4"]
