"""What is learned from traces reaches the SMTP side as one file."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from gateway.backscatter.words import Evidence, Force, Judged, Kind, Verdict
from gateway.checks.judging import findings_of
from gateway.mail.address import parse_mailbox
from gateway.mail.client import Client
from gateway.mail.decisions import Disposition
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage as At
from gateway.mail.trace import RecipientTrace, Trace
from gateway.models import DomainStage, NeverTag
from gateway.operations import learning
from gateway.operations.learning import judgements
from gateway.policy import defaults
from gateway.policy.feed import LearnedFeed
from gateway.policy.learned import FORGED, Stage
from gateway.policy.matching import Policy
from gateway.policy.snapshot import DomainPolicy, Mode, Rules, Snapshot

pytestmark = pytest.mark.django_db


def trace_of(verdict: Verdict, *evidence: Evidence, recipient: str = "prvs=1001abcdef=Kim@example.test") -> Trace:
    """Give a trace of a bounce that was judged so."""
    judged = Judged(verdict, Kind.BOUNCE, evidence, "so it is")
    seen = Observation(FORGED, At.DATA, Outcome.MISS, tuple(findings_of("ANY", 0.0, judged, recipient)))
    return Trace(
        id="01T",
        started=1_700_000_000.0,
        node="mx",
        revision=1,
        listener="inbound",
        client=Client(ip="192.0.2.7", helo="mx.reporter.test"),
        sender="",
        recipients=[RecipientTrace(recipient, disposition=Disposition.REJECTED)],
        observations=[seen],
    )


def test_a_verdict_becomes_a_row_with_the_plain_recipient() -> None:
    (row,) = judgements.of_trace(trace_of(Verdict.FORGED, Evidence("batv", Force.AGAINST, "none")))
    assert (row.recipient, row.domain) == ("kim@example.test", "example.test")
    assert (row.verdict, row.kind) == ("forged", "bounce")
    assert (row.client_ip, row.helo, row.null_sender, row.refused) == ("192.0.2.7", "mx.reporter.test", True, True)
    assert not row.hinted
    assert not row.past_gateway


def test_evidence_of_mail_past_the_gateway_and_hints_are_kept_with_it() -> None:
    evidence = (Evidence("past_gateway", Force.NEUTRAL, "<a@example.test>"), Evidence("pair", Force.HINT, "wrote"))
    (row,) = judgements.of_trace(trace_of(Verdict.UNVERIFIABLE, *evidence))
    assert row.past_gateway
    assert row.hinted


def test_what_is_learned_is_published_once_and_again_when_it_changes() -> None:
    now = timezone.now()
    NeverTag.objects.create(destination="lists.test", since=now, expires=now + timedelta(days=1), because="it said so")
    assert learning.publish()
    assert not learning.publish()
    feed = LearnedFeed(settings.CONFIG.learned_folder)
    assert feed.current is not None
    assert feed.current.never_tag["lists.test"].because == "it said so"
    first = feed.current.serial
    NeverTag.objects.all().delete()
    assert learning.publish()
    assert feed.check()
    assert feed.current.serial == first + 1
    assert not feed.current.never_tag


def test_a_lost_file_is_written_again() -> None:
    now = timezone.now()
    DomainStage.objects.create(domain="example.test", stage=Stage.REJECT, since=now)
    learning.publish()
    (settings.CONFIG.learned_folder / "current.json").unlink()
    assert learning.publish()


def test_where_nothing_was_learned_there_is_no_file_and_no_error() -> None:
    (settings.CONFIG.learned_folder / "current.json").unlink(missing_ok=True)
    assert not learning.publish()
    feed = LearnedFeed(settings.CONFIG.learned_folder)
    assert feed.current is not None
    assert feed.current.serial == 0
    assert feed.last_error is None


def test_the_stage_of_a_guided_domain_sets_what_happens_to_forged_bounces() -> None:
    DomainStage.objects.create(domain="example.test", stage=Stage.REJECT, since=timezone.now())
    learning.publish()
    learned = LearnedFeed(settings.CONFIG.learned_folder).current
    assert learned is not None
    domains = {
        "example.test": DomainPolicy("inner", Rules(checks=defaults.CHECKS), guided=True),
        "own.test": DomainPolicy("inner", Rules(checks=defaults.CHECKS)),
    }
    policy = Policy(Snapshot(1, "2026-01-01T00:00:00Z", "test", domains=domains), learned)
    guided, own = (policy.match(parse_mailbox(f"kim@{name}")) for name in domains)
    assert guided is not None
    assert own is not None
    assert guided.rules.checks[FORGED].mode is Mode.ENFORCE
    assert guided.rules.checks[FORGED].action == "reject"
    assert own.rules.checks[FORGED].mode is Mode.OBSERVE


def test_a_delivered_reply_to_mail_past_the_gateway_is_a_row_too_and_a_refused_one_is_none() -> None:
    finding = Finding("PAST_GATEWAY", recipient="kim@example.test", facts={"name": "past_gateway"})
    seen = Observation("past_gateway", At.DATA, Outcome.HIT, (finding,))
    for disposition, rows in ((Disposition.DELIVERED, 1), (Disposition.QUARANTINED, 0)):
        trace = trace_of(Verdict.NOT_AUTOMATIC)
        trace.observations = [seen]
        trace.recipients = [RecipientTrace("kim@example.test", disposition=disposition)]
        assert [row.past_gateway for row in judgements.of_trace(trace)] == [True] * rows
