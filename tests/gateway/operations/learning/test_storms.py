"""Storms open, count and close by what is ingested, and reach the SMTP side."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateway.backscatter.words import Kind, Verdict
from gateway.mail.client import Client
from gateway.mail.decisions import Disposition
from gateway.mail.trace import Trace
from gateway.models import Alarm, AuditEntry, Storm, Transaction
from gateway.operations import alarms, learning
from gateway.operations.ingest import ingest_once
from gateway.operations.learning import storms
from gateway.policy.feed import LearnedFeed
from gateway.spool.journal import JournalWriter
from gateway.spool.records import TraceRecord, encode
from tests.gateway.operations.learning.bounces import KIM, bounce

pytestmark = pytest.mark.django_db

Ingest = Callable[[Iterable[Trace]], None]


@pytest.fixture
def ingest(home: Path) -> Ingest:
    """Writes traces to a journal, and reads it."""
    writer = JournalWriter(home / "journal", "smtp-0")

    def ingest(traces: Iterable[Trace]) -> None:
        for trace in traces:
            writer.append(encode(TraceRecord(trace)))
        ingest_once(home / "journal")

    return ingest


def test_a_hundred_forged_bounces_open_one_storm_and_publish_it(ingest: Ingest) -> None:
    ingest(bounce(ago=100 - at) for at in range(100))

    learning.look_after(timezone.now())
    learning.publish()

    row = Storm.objects.get()
    assert (row.victim, row.domain, row.count, row.refused, row.closed) == (KIM, "example.test", 100, 100, None)
    assert Transaction.objects.get(pk=row.sample).started == row.started
    feed = LearnedFeed(settings.CONFIG.learned_folder)
    assert feed.current is not None
    published = feed.current.storms[KIM]
    assert published.number == row.pk
    assert published.until == pytest.approx(row.last.timestamp() + 3600, abs=1)


def test_nineteen_are_no_storm_and_the_next_batch_makes_it_one(ingest: Ingest) -> None:
    ingest(bounce(ago=60) for _ in range(19))
    assert not Storm.objects.exists()

    ingest([bounce(ago=1)])

    assert Storm.objects.get().count == 20


def test_it_counts_on_from_batch_to_batch_and_names_who_brings_most(ingest: Ingest) -> None:
    other = Client(ip="2001:db8::7", helo="mail.other.test")
    ingest(bounce() for _ in range(25))
    ingest([*(bounce(client=other) for _ in range(40)), bounce(disposition=Disposition.DELIVERED)])

    row = Storm.objects.get()
    assert (row.count, row.refused) == (66, 65)
    assert [(ip, each.helo, each.count) for ip, each in storms.reporters_of(row).items()] == [
        ("2001:db8::7", "mail.other.test", 40),
        ("192.0.2.7", "mx.reporter.test", 26),
    ]


def test_each_victim_has_a_storm_of_its_own(ingest: Ingest) -> None:
    ingest(bounce(Verdict.FORGED, KIM, "Prvs=1001ABCDEF=Lee@Example.Test") for _ in range(20))

    assert {row.victim for row in Storm.objects.all()} == {KIM, "lee@example.test"}


def test_genuine_bounces_hints_and_auto_replies_make_no_storm(ingest: Ingest) -> None:
    ingest(bounce(Verdict.GENUINE) for _ in range(150))
    ingest(bounce(Verdict.UNVERIFIABLE, hint=True) for _ in range(150))
    ingest(bounce(Verdict.UNVERIFIABLE, kind=Kind.AUTOREPLY) for _ in range(150))

    assert not Storm.objects.exists()


def test_where_nothing_can_be_proven_forged_a_hundred_bounces_are_a_storm(ingest: Ingest) -> None:
    ingest(bounce(Verdict.UNVERIFIABLE) for _ in range(99))
    assert not Storm.objects.exists()

    ingest([bounce(Verdict.UNVERIFIABLE)])

    assert Storm.objects.get().count == 100


def test_genuine_bounces_during_a_storm_are_not_counted(ingest: Ingest) -> None:
    ingest(bounce() for _ in range(20))
    ingest(bounce(Verdict.GENUINE) for _ in range(5))

    assert Storm.objects.get().count == 20


def test_it_closes_by_itself_an_hour_after_the_last_false_bounce(ingest: Ingest) -> None:
    ingest(bounce() for _ in range(20))
    now = timezone.now()
    learning.look_after(now + timedelta(minutes=59))
    assert Storm.objects.get().closed is None

    learning.look_after(now + timedelta(minutes=61))
    learning.publish()

    assert Storm.objects.get().closed is not None
    feed = LearnedFeed(settings.CONFIG.learned_folder)
    assert feed.current is not None
    assert not feed.current.storms


def test_after_it_has_closed_a_new_burst_is_a_new_storm(ingest: Ingest) -> None:
    ingest(bounce(ago=7300) for _ in range(20))
    learning.look_after(timezone.now())

    ingest(bounce() for _ in range(20))

    assert [row.closed is None for row in Storm.objects.all()] == [True, False]


def test_a_clock_that_is_ahead_keeps_no_storm_open(ingest: Ingest) -> None:
    ingest(bounce(ago=-86_400) for _ in range(20))

    learning.look_after(timezone.now() + timedelta(minutes=61))

    assert Storm.objects.get().closed is not None


def test_an_alarm_is_raised_when_it_opens_and_cleared_when_it_is_over(ingest: Ingest) -> None:
    ingest(bounce() for _ in range(20))
    ingest(bounce() for _ in range(20))
    alarm = Alarm.objects.get()
    assert f"of false bounces against {KIM} since " in alarm.text
    assert (alarm.count, alarm.cleared) == (1, None)

    learning.look_after(timezone.now() + timedelta(hours=2))

    alarm.refresh_from_db()
    assert alarm.cleared is not None
    assert AuditEntry.objects.get().who == "storms"


def test_an_alarm_that_somebody_has_cleared_stays_so(ingest: Ingest) -> None:
    ingest(bounce() for _ in range(20))
    alarms.clear(Alarm.objects.all(), "admin")

    ingest(bounce() for _ in range(20))
    learning.look_after(timezone.now() + timedelta(hours=2))

    assert [entry.who for entry in AuditEntry.objects.all()] == ["admin"]


def test_the_work_for_a_batch_does_not_grow_with_its_bounces(ingest: Ingest) -> None:
    ingest(bounce() for _ in range(20))
    with CaptureQueriesContext(connection) as few:
        ingest(bounce() for _ in range(5))
    with CaptureQueriesContext(connection) as many:
        ingest(bounce() for _ in range(400))

    inserts = [query for query in many if "INSERT" in query["sql"]]  # SQLite takes a number of rows at once
    assert len(many) - len(inserts) <= len(few)
    assert Storm.objects.get().count == 425


def test_storms_of_long_ago_are_forgotten(ingest: Ingest) -> None:
    ingest(bounce() for _ in range(20))
    learning.look_after(timezone.now() + timedelta(hours=2))
    assert Storm.objects.exists()

    learning.look_after(timezone.now() + timedelta(days=402))

    assert not Storm.objects.exists()
