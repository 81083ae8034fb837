"""What lists of backscatterers, and rates of null-sender mail, mean to a bounce and to its judge."""

import asyncio

import pytest

from gateway.backscatter.ledger import NoLedger
from gateway.backscatter.words import Evidence, Force, Judged, Kind, Verdict
from gateway.checks.base import Check, Seen, View
from gateway.checks.judging import Judging
from gateway.checks.null_sender_lists import NO_ANSWER, NullSenderLists
from gateway.checks.null_sender_rate import NullSenderRate
from gateway.mail.address import parse_mailbox
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.message import Content
from gateway.mail.stages import Stage
from gateway.services.counters import CountersUnreachable, LocalCounters
from gateway.services.dns import Resolver
from tests.gateway.checks.listed import NULL, asked, view, zone

KIM, LEE = "kim@example.test", "lee@example.test"
BOUNCE = (
    b"From: Mail Delivery System <MAILER-DAEMON@elsewhere.test>\r\nTo: kim@example.test\r\n"
    b"Subject: Undelivered Mail Returned to Sender\r\n\r\nIt could not be delivered.\r\n"
)


def lists(resolver: Resolver) -> Check:
    return NullSenderLists(resolver, Judging(NoLedger(), lambda _: None))


def observed(check: str, stage: Stage, seen: Seen, recipient: str | None = None) -> Observation:
    return Observation(check, stage, seen.outcome, seen.findings, recipient)


def at_data(earlier: Observation, verdicts: dict[str, Verdict]) -> View:
    """Give the view at DATA, where the verdict has fallen."""
    content = Content(0, "", b"", memory=b"")
    made = view(sender="", earlier=(earlier,), content=content, recipients=tuple(verdicts))
    made.shared["judge"] = {each: Judged(verdict, Kind.BOUNCE) for each, verdict in verdicts.items()}
    return made


def listed() -> Observation:
    seen, _ = asked(lists, view(sender=""), zone(null="127.0.0.2"))
    return observed("null_sender_lists", Stage.MAIL, seen)


def test_lists_are_asked_for_the_null_sender_only() -> None:
    said, questions = asked(lists, view(sender="alice@elsewhere.test"), zone(null="127.0.0.2"))

    assert said.outcome is Outcome.SKIPPED
    assert not questions


def test_a_listing_is_no_hit_before_the_judge_has_spoken() -> None:
    seen = listed()

    assert seen.outcome is Outcome.MISS
    assert [(each.symbol, each.weight, each.facts) for each in seen.findings] == [
        ("NULL_SENDER_LISTED", 3.0, {"list": NULL, "code": "127.0.0.2"})
    ]


def test_a_listing_weighs_on_what_is_not_proven_genuine() -> None:
    verdicts = {KIM: Verdict.FORGED, LEE: Verdict.GENUINE, "postmaster@example.test": Verdict.FORGED}

    said, _ = asked(lists, at_data(listed(), verdicts), {})

    assert said.outcome is Outcome.HIT
    assert [(each.recipient, each.weight, each.informs) for each in said.findings] == [(KIM, 3.0, False)]


def test_lists_that_do_not_answer_are_told() -> None:
    said, _ = asked(lists, view(sender=""), {f"7.2.0.192.{NULL}": "servfail"})

    assert (said.outcome, said.detail) == (Outcome.ERROR, NO_ANSWER)


def at_rcpt_of(recipient: str, sender: str = "") -> View:
    made = view(sender=sender, recipient=parse_mailbox(recipient))
    made.match = made.policy.match(parse_mailbox(recipient))
    return made


def rate(counters: object, seen: View) -> Seen:
    check = NullSenderRate(counters, Judging(NoLedger(), lambda _: None))  # type: ignore[arg-type] # some are broken
    answer = check.look(seen)
    return answer if isinstance(answer, Seen) else asyncio.run(_wait(answer))


async def _wait(answer: object) -> Seen:
    return await answer  # type: ignore[misc] # it is a coroutine


def test_mail_to_one_recipient_is_counted_and_above_the_limit_it_weighs_at_data() -> None:
    counters = LocalCounters()
    at_rcpt = at_rcpt_of(KIM)
    seen = [rate(counters, at_rcpt) for _ in range(61)]

    said = rate(counters, at_data(observed("null_sender_rate", Stage.RCPT, seen[-1], KIM), {KIM: Verdict.UNVERIFIABLE}))

    assert {each.outcome for each in seen} == {Outcome.MISS}, "nothing is refused at RCPT: call-outs keep working"
    assert [bool(each.findings) for each in seen] == [False] * 60 + [True]
    assert said.outcome is Outcome.HIT
    assert said.findings[0].detail == "61 from the null sender within an hour, over the limit of 60"


def test_each_recipient_is_counted_for_itself_without_its_case() -> None:
    counters = LocalCounters()
    for _ in range(60):
        rate(counters, at_rcpt_of(KIM))

    assert rate(counters, at_rcpt_of("Kim@Example.TEST")).findings
    assert not rate(counters, at_rcpt_of(LEE)).findings


def test_a_genuine_bounce_is_never_weighed_by_a_rate() -> None:
    over = Seen(Outcome.MISS, (Finding("NULL_SENDER_RATE", 2.0, "99", facts={"count": "99"}, informs=True),))

    said = rate(LocalCounters(), at_data(observed("null_sender_rate", Stage.RCPT, over, KIM), {KIM: Verdict.GENUINE}))

    assert said.outcome is Outcome.MISS


def test_mail_that_has_a_sender_is_not_counted() -> None:
    assert rate(None, at_rcpt_of(KIM, "alice@elsewhere.test")).outcome is Outcome.SKIPPED


def test_counters_that_can_not_be_reached_are_told() -> None:
    class Away:
        async def count(self, key: str, window: float) -> int:
            raise CountersUnreachable(key, window)

    said = rate(Away(), at_rcpt_of(KIM))

    assert said.outcome is Outcome.ERROR


@pytest.mark.parametrize("name", ["null_sender_lists", "null_sender_rate"])
def test_both_are_evidence_for_the_judge_and_turn_no_verdict(name: str) -> None:
    finding = Finding("ANY", 3.0, "listed by null.test", facts={"list": NULL}, informs=True)
    seen = Observation(name, Stage.MAIL, Outcome.MISS, (finding,))
    content = Content(len(BOUNCE), "", BOUNCE, memory=BOUNCE)
    made = view(sender="", earlier=(seen,), content=content, recipients=(KIM,))

    judged = Judging(NoLedger(), lambda _: None).of(made)[KIM]  # type: ignore[index] # small ones are judged at once

    what = {"null_sender_lists": "backscatter_list"}.get(name, name)
    assert Evidence(what, Force.AGAINST, "listed by null.test") in judged.evidence
    assert judged.verdict is Verdict.UNVERIFIABLE, "the domain does not mark its mail, so that absence can't count"
