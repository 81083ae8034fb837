"""What a policy may say of actions: only what can be done, and what leads to an end."""

from collections.abc import Iterator

import msgspec
import pytest

from gateway.mail.decisions import Action
from gateway.policy.defaults import CHECKS
from gateway.policy.snapshot import (
    AttachmentRule,
    CheckRule,
    DomainPolicy,
    Mode,
    NextHop,
    Outbound,
    RecipientPolicy,
    Route,
    Rules,
    Snapshot,
    Thresholds,
    Validation,
)
from gateway.policy.validity import faults
from gateway.policy.wellformed import Fault

SPAM = "spam@example.org"


def snapshot(rules: Rules, own: Rules | None = None, outbound: Rules | None = None, **domain: object) -> Snapshot:
    """One domain that knows alice and spam, under these rules; alice's own ones replace them."""
    people = {"alice": RecipientPolicy(rules=own), "spam": RecipientPolicy(), "junk": RecipientPolicy(alias=SPAM)}
    return Snapshot(
        1,
        "2026-11-21T00:00:00Z",
        "test",
        domains={"example.org": DomainPolicy("inside", rules, people, **domain)},
        routes={"inside": Route((NextHop("mail.example.org"),))},
        outbound=Outbound(rules=outbound or Rules()),
    )


def wrong(policy: Snapshot) -> Iterator[tuple[str, str]]:
    """Give each fault as the end of its place, and its reason."""
    for fault in faults(policy, CHECKS.keys()):
        assert isinstance(fault, Fault)
        assert fault.remedy
        yield str(fault.place[-1]), fault.reason


def checked(name: str, **rule: object) -> Rules:
    return Rules(checks={name: CheckRule(mode=Mode.ENFORCE, **rule)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rules",
    [
        Rules(thresholds=Thresholds(redirect=6.0)),
        checked("clamav", action=Action.REDIRECT),
        checked("clamav", actions={"VIRUS": Action.REDIRECT}),
        Rules(attachments=(AttachmentRule("images", names=("*.iso",), action=Action.REDIRECT),)),
    ],
)
def test_whatever_redirects_needs_an_address_to_redirect_to(rules: Rules) -> None:
    assert [place for place, _ in wrong(snapshot(rules))] == ["redirect_to"]
    assert list(wrong(snapshot(msgspec.structs.replace(rules, redirect_to=SPAM)))) == []


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("them@other.test", "is no address of ours"),
        ("nobody@example.org", "is not in the list of recipients"),
        ("Spam@Example.org", "is not in lower case"),
        ("spam", "is no address"),
    ],
)
def test_what_is_redirected_or_copied_stays_with_recipients_of_ours(address: str, reason: str) -> None:
    ((place, why),) = wrong(snapshot(Rules(redirect_to=address)))
    assert (place, reason in why) == ("redirect_to", True), why
    ((place, why),) = wrong(snapshot(Rules(copy_to=(SPAM, address))))
    assert (place, reason in why) == ("1", True), why


def test_where_the_next_hop_knows_the_recipients_any_address_of_the_domain_will_do() -> None:
    rules = Rules(redirect_to="nobody@example.org")
    assert list(wrong(snapshot(rules, validation=(Validation.LIST, Validation.NEXT_HOP)))) == []


@pytest.mark.parametrize("address", ["alice@example.org", "alice+more@example.org"])
def test_nobody_is_redirected_or_copied_to_himself(address: str) -> None:
    own = Rules(redirect_to=SPAM, copy_to=("alice@example.org",))
    assert [place for place, _ in wrong(snapshot(Rules(), own))] == ["copy_to"]
    own = Rules(redirect_to=address)
    expected = ["redirect_to"] if address.startswith("alice@") else []
    assert [place for place, _ in wrong(snapshot(Rules(), own))] == expected


def test_the_mailbox_of_a_whole_domain_may_be_in_that_domain() -> None:
    assert list(wrong(snapshot(Rules(redirect_to=SPAM, copy_to=("junk@example.org",))))) == []


def test_a_copy_is_made_for_few_and_for_each_once() -> None:
    assert [place for place, _ in wrong(snapshot(Rules(copy_to=(SPAM, SPAM))))] == ["1"]
    many = tuple(f"spam+{number}@example.org" for number in range(6))
    assert [place for place, _ in wrong(snapshot(Rules(copy_to=many)))] == ["copy_to"]


def test_only_the_check_of_attachments_can_strip() -> None:
    assert [place for place, _ in wrong(snapshot(checked("clamav", action=Action.STRIP)))] == ["action"]
    assert [place for place, _ in wrong(snapshot(checked("dkim", actions={"X": Action.STRIP})))] == ["X"]
    stripping = Rules(attachments=(AttachmentRule("images", names=("*.iso",), action=Action.STRIP),))
    assert list(wrong(snapshot(stripping))) == []


def test_outbound_rules_are_checked_alike() -> None:
    assert [place for place, _ in wrong(snapshot(Rules(), outbound=Rules(copy_to=("them@other.test",))))] == ["0"]


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (AttachmentRule("", names=("*.iso",)), "name"),
        (AttachmentRule("images"), "names"),
        (AttachmentRule("images", names=(" ",)), "names"),
        (AttachmentRule("images", types=("iso",)), "types"),
        (AttachmentRule("images", names=("*.iso",), action=Action.DEFER), "action"),
        (AttachmentRule("images", names=("*",), action=Action.DELIVER), "names"),
        (AttachmentRule("images", names=("a", "*.*"), types=("*/*",), action=Action.DELIVER), "names"),
    ],
)
def test_an_attachment_rule_has_a_name_and_fits_something(rule: AttachmentRule, field: str) -> None:
    assert [place for place, _ in wrong(snapshot(Rules(attachments=(rule,))))] == [field]


@pytest.mark.parametrize(
    "rule",
    [
        AttachmentRule("none at all", names=("*",), action=Action.REJECT),
        AttachmentRule("pictures", names=("*",), types=("image/*",), action=Action.DELIVER),
    ],
)
def test_a_rule_may_refuse_whatever_there_is_but_not_let_it_pass(rule: AttachmentRule) -> None:
    assert list(wrong(snapshot(Rules(attachments=(rule,))))) == []


def test_two_attachment_rules_have_two_names() -> None:
    rule = AttachmentRule("images", names=("*.iso",))
    assert [place for place, _ in wrong(snapshot(Rules(attachments=(rule, rule))))] == ["name"]


def test_redirect_lies_between_tag_and_quarantine() -> None:
    rules = Rules(thresholds=Thresholds(redirect=9.0), redirect_to=SPAM)
    assert [place for place, _ in wrong(snapshot(rules))] == ["quarantine"]
    rules = Rules(thresholds=Thresholds(redirect=4.0), redirect_to=SPAM)
    assert [place for place, _ in wrong(snapshot(rules))] == ["redirect"]
