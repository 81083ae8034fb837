"""Refusals are counted by what decided, as traces come in; each once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.mail.decisions import Action, Decision, Disposition
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.reply import Reply
from gateway.mail.stages import Stage
from gateway.mail.trace import Event, RecipientTrace, Trace
from gateway.models import RefusalCount
from gateway.operations import refusals
from gateway.operations.ingest import ingest_once
from gateway.operations.refusals import Reason, reasons
from tests import samples

pytestmark = pytest.mark.django_db

Ingest = Callable[..., None]
THEN = datetime.fromtimestamp(samples.STARTED, UTC)


def refused(
    message: str, check: str | None = None, symbol: str | None = None, to: Disposition = Disposition.REJECTED
) -> Trace:
    """A trace of one recipient that met this for that reason."""
    decision = Decision(Action.REJECT, "so it is", check, symbol)
    each = RecipientTrace("kim@example.test", decision=decision, disposition=to)
    return msgspec.structs.replace(samples.trace(message), recipients=[each], disposition=to.value)


def test_reasons_are_counted_by_check_and_symbol_most_first(ingest: Ingest) -> None:
    ingest(
        refused("01a", "spf", "SPF_FAIL"),
        refused("01b", "dns_lists", "DNS_LISTED"),
        refused("01c", "dns_lists", "DNS_LISTED"),
        refused("01d", "dns_lists", "DNS_LISTED", Disposition.QUARANTINED),
    )

    assert reasons(THEN) == [
        Reason("dns_lists", "DNS_LISTED", {"rejected": 2, "quarantined": 1}),
        Reason("spf", "SPF_FAIL", {"rejected": 1}),
    ]


def test_each_recipient_counts(ingest: Ingest) -> None:
    trace = refused("01a", "recipient_known", "UNKNOWN")
    trace.recipients.append(RecipientTrace("lee@example.test", disposition=Disposition.DEFERRED))
    ingest(trace)

    assert {(each.check, each.total) for each in reasons(THEN)} == {("recipient_known", 1), ("", 1)}


def test_what_was_delivered_is_not_counted(ingest: Ingest) -> None:
    ingest(samples.trace("01a", "kim@example.test"))

    assert not RefusalCount.objects.exists()


def test_a_refusal_before_any_recipient_counts_for_the_check_that_answered(ingest: Ingest) -> None:
    hit = Observation("rates", Stage.MAIL, Outcome.HIT, (Finding("MESSAGE_RATE"),))
    trace = msgspec.structs.replace(
        samples.trace("01a"), recipients=[], observations=[hit], disposition=Disposition.DEFERRED.value
    )
    ingest(trace)

    assert reasons(THEN) == [Reason("rates", "MESSAGE_RATE", {"deferred": 1})]


def test_what_no_check_refused_counts_by_the_codes_of_its_reply(ingest: Ingest) -> None:
    bare = {"recipients": [], "observations": [], "disposition": Disposition.REJECTED.value}
    said = (Event(1.0, "EHLO x", "250 2.0.0 hello"), Event(2.0, "MAIL FROM:<a@@b>", "553 5.1.7 domain is malformed"))
    session = msgspec.structs.replace(samples.trace("01a"), **bare, events=[*said, Event(3.0, "QUIT")], reply=None)
    rights = msgspec.structs.replace(samples.trace("01b"), **bare, reply=Reply(553, "5.7.1", "none of ours"))
    told = refused("01c")
    told.recipients[0].reply = Reply(550, "5.7.1", "no relaying")
    ingest(session, rights, told)

    assert {(each.check, each.symbol) for each in reasons(THEN)} == {
        ("", "553 5.1.7"),
        ("", "553 5.7.1"),
        ("", "550 5.7.1"),
    }


def test_counts_add_up_over_batches_and_a_line_that_is_read_again_counts_once(ingest: Ingest, journals: Path) -> None:
    ingest(refused("01a", "spf", "SPF_FAIL"))
    ingest(refused("01b", "spf", "SPF_FAIL"), refused("01a", "spf", "SPF_FAIL"))
    ingest_once(journals)

    assert [each.total for each in reasons(THEN)] == [2]


def test_a_span_leaves_out_what_is_older(ingest: Ingest) -> None:
    ingest(refused("01a", "spf", "SPF_FAIL"))

    assert reasons(THEN + timedelta(hours=2)) == []


def test_old_counts_are_forgotten(ingest: Ingest) -> None:
    ingest(refused("01a", "spf", "SPF_FAIL"))

    refusals.forget(THEN + timedelta(hours=2))

    assert not RefusalCount.objects.exists()
