"""What each check sees, one line of mail at a time; and that the catalogue and the policy know the same names."""

import hashlib
from pathlib import Path

import pytest

from gateway.backscatter.ledger import NoLedger
from gateway.checks import catalog
from gateway.checks.base import Check, View
from gateway.checks.line_ends import LineEnds
from gateway.checks.loops import Loops
from gateway.checks.message_size import MessageSize
from gateway.checks.recipient_known import RecipientKnown
from gateway.checks.skeleton import Skeleton
from gateway.checks.spam import GTUBE, Spam
from gateway.config import Dns
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.mail.findings import Outcome
from gateway.mail.message import Content, head_of
from gateway.mail.message import LineEnds as Ends
from gateway.mail.stages import Stage
from gateway.policy import defaults
from gateway.policy.matching import Policy
from gateway.policy.snapshot import DomainPolicy, RecipientPolicy, Snapshot
from gateway.services.clamd import Clamd
from gateway.services.counters import LocalCounters
from gateway.services.dns import DnsResolver
from gateway.services.ldap import Directory

POLICY = Policy(
    Snapshot(
        1,
        "2026-01-01T00:00:00Z",
        "test",
        domains={
            "example.test": DomainPolicy(route="next", recipients={"alice": RecipientPolicy()}),
            "open.test": DomainPolicy(route="next", accept_unknown=True),
        },
        max_size=10_000,
        normalise_line_ends=("10.0.0.0/8",),
    )
)
PROPER = {
    "From": "Alice <alice@other.test>",
    "To": "bob@example.test",
    "Date": "Fri, 20 Nov 2026 10:00:00 +0000",
    "Message-ID": "<1@other.test>",
    "Subject": "Lunch",
}


def view(raw: bytes = b"", *, ends: Ends = Ends(), ip: str = "192.0.2.1", recipient: str = "") -> View:  # noqa: B008 - frozen
    content = Content(len(raw), hashlib.sha256(raw).hexdigest(), head_of(raw), ends, memory=raw)
    address = parse_mailbox(recipient) if recipient else None
    return View(
        policy=POLICY,
        node="mx.example.test",
        listener="inbound",
        client=Client(ip),
        recipient=address,
        match=POLICY.match(address) if address is not None else None,
        content=None if recipient else content,
    )


def mail(body: bytes = b"hello", **changes: str | None) -> bytes:
    fields = {**PROPER, **{name.replace("_", "-"): value for name, value in changes.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return head.encode() + b"\r\n" + body + b"\r\n"


def symbols(check: Check, seen: View) -> set[str]:
    answer = check.look(seen)
    return {finding.symbol for finding in answer.findings}  # type: ignore[union-attr]


def outcome(check: Check, seen: View) -> Outcome:
    return check.look(seen).outcome  # type: ignore[union-attr]


def test_every_check_of_the_catalogue_has_a_default_rule_and_the_other_way_round() -> None:
    checks = {check.name for stage in built().values() for check in stage}

    assert checks == set(defaults.CHECKS) == set(defaults.OUTBOUND_CHECKS)


def built() -> catalog.Catalog:
    return catalog.build(
        catalog.Services(Clamd("unused", 1.0, 1), lambda _: None, NoLedger(), DnsResolver(Dns()), LocalCounters())
    )


def test_every_check_runs_only_at_the_stages_that_it_names() -> None:
    for stage, checks in built().items():
        assert all(stage in check.stages for check in checks)


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ("alice@example.test", Outcome.MISS),
        ("nobody@example.test", Outcome.HIT),
        ("postmaster@example.test", Outcome.MISS),
        ("anyone@open.test", Outcome.SKIPPED),
        ("anyone@elsewhere.test", Outcome.SKIPPED),
    ],
)
def test_recipient_known(recipient: str, expected: Outcome) -> None:
    assert outcome(RecipientKnown(Directory(lambda _: None)), view(recipient=recipient)) is expected


def test_message_size_is_that_of_the_content() -> None:
    assert outcome(MessageSize(), view(b"x" * 10_000)) is Outcome.MISS
    assert outcome(MessageSize(), view(b"x" * 10_001)) is Outcome.HIT


@pytest.mark.parametrize(
    ("ends", "ip", "expected"),
    [
        (Ends(), "192.0.2.1", set()),
        (Ends(bare_lf=2), "192.0.2.1", {"BARE_LF"}),
        (Ends(bare_lf=1, bare_cr=1), "192.0.2.1", {"BARE_LF", "BARE_CR"}),
        (Ends(bare_lf=2), "10.1.1.1", set()),
        (Ends(bare_lf=1, lone_dot="LF . CRLF"), "10.1.1.1", {"SMUGGLED_DOT"}),
    ],
)
def test_line_ends(ends: Ends, ip: str, expected: set[str]) -> None:
    assert symbols(LineEnds(), view(mail(), ends=ends, ip=ip)) == expected


def received(by: str, times: int) -> bytes:
    return f"Received: from a\r\n\tby {by} (Backstop) with ESMTP; date\r\n".encode() * times


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (received("other.test", 50), Outcome.MISS),
        (received("other.test", 51), Outcome.HIT),
        (received("mx.example.test", 2) + received("other.test", 3), Outcome.MISS),
        (received("mx.example.test", 3), Outcome.HIT),
        (received("mx.example.test.evil.test", 3), Outcome.MISS),
    ],
)
def test_loops(lines: bytes, expected: Outcome) -> None:
    assert outcome(Loops(), view(lines + mail())) is expected


def test_proper_mail_scores_nothing() -> None:
    assert outcome(Spam(), view(mail())) is Outcome.MISS


@pytest.mark.parametrize(
    ("raw", "symbol"),
    [
        (mail(GTUBE), "GTUBE"),
        (mail(From=None), "MISSING_FROM"),
        (b"From: x@y.test\r\n" + mail(), "MULTIPLE_FROM"),
        (mail(Date=None), "MISSING_DATE"),
        (mail(Date="Fri, 20 Nov 2099 10:00:00 +0000"), "DATE_IN_FUTURE"),
        (mail(Message_ID=None), "MISSING_MESSAGE_ID"),
        (mail(To=None), "MISSING_RECIPIENTS"),
        (mail(Subject=None), "MISSING_SUBJECT"),
        (mail(Subject="BUY THIS RIGHT NOW"), "SUBJECT_CAPITALS"),
        (mail(Subject="win $$$ now"), "SUBJECT_MARKS"),
        (mail(From='"bank@bank.test" <x@evil.test>'), "FROM_NAME_IS_OTHER_ADDRESS"),
        (b"no field at all\r\n" + mail(), "MALFORMED_HEADER"),
    ],
)
def test_each_spam_rule_hits_what_it_is_about(raw: bytes, symbol: str) -> None:
    assert symbols(Spam(), view(raw)) == {symbol}


@pytest.mark.parametrize("date", ["yesterday", "Fri, 99 Nov 2026 99:00:00 +9999", "\x00", "0" * 500])
def test_a_hostile_date_is_no_error(date: str) -> None:
    assert outcome(Spam(), view(mail(Date=date))) is Outcome.MISS


def test_the_skeleton_works_as_it_stands(tmp_path: Path) -> None:
    del tmp_path

    assert symbols(Skeleton(), view(b"X-Skeleton: yes\r\n" + mail())) == {"SKELETON"}
    assert Stage.DATA in Skeleton.stages
