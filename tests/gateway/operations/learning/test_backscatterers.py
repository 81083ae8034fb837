"""Hosts get on the private list by what they bring, and leave it by time, by genuine bounces, or by a person."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from django.conf import settings
from django.utils import timezone

from gateway.backscatter import backscatterers as bounds
from gateway.backscatter.words import Verdict
from gateway.mail.client import Client
from gateway.mail.trace import Trace
from gateway.models import AuditEntry, Backscatterer, Domain, NodePolicy, Route, RouteHost, Transaction
from gateway.operations import learning, rows
from gateway.operations.learning import backscatterers
from gateway.operations.mine import report_mine, take_back_mine
from gateway.policy.feed import LearnedFeed
from gateway.spool.records import TraceRecord, encode
from tests.gateway.operations.learning.bounces import KIM, bounce

pytestmark = pytest.mark.django_db

HOST, NAME = "192.0.2.7", "mx.reporter.test"


def learn(*traces: Trace) -> None:
    for trace in traces:
        plain = msgspec.json.decode(encode(TraceRecord(trace)))["trace"]
        rows.transaction_of(trace, plain).save()
    learning.take_in(traces)


def many(count: int, verdict: Verdict = Verdict.FORGED, **more: object) -> Sequence[Trace]:
    return [bounce(verdict, **more) for _ in range(count)]  # type: ignore[arg-type]


def names() -> set[str]:
    return {row.name for row in backscatterers.listed()}


def test_a_host_is_listed_by_its_address_and_later_by_its_name() -> None:
    learn(*many(3))
    assert names() == {HOST}

    learn(*many(9))
    assert names() == {HOST, NAME}
    row = Backscatterer.objects.get(name=HOST)
    assert row.count == 12
    assert row.points == pytest.approx(12, abs=0.01)
    assert Transaction.objects.filter(pk=row.sample).exists()


def test_what_is_listed_reaches_the_smtp_side() -> None:
    learn(*many(4))

    learning.publish()

    feed = LearnedFeed(settings.CONFIG.learned_folder)
    assert feed.current is not None
    entry = feed.current.backscatterers[HOST]
    assert entry.number == Backscatterer.objects.get(name=HOST).pk
    assert entry.points_now(timezone.now().timestamp()) == pytest.approx(4, abs=0.01)
    assert set(feed.current.backscatterers) == {HOST}


def test_doubt_lists_nobody() -> None:
    learn(*many(50, Verdict.UNVERIFIABLE))
    assert not Backscatterer.objects.exists()


def test_a_message_counts_once_whatever_the_number_of_its_recipients() -> None:
    learn(bounce(Verdict.FORGED, KIM, "lee@example.test", "max@example.test"))
    assert Backscatterer.objects.get(name=HOST).count == 1


def test_a_host_that_brings_genuine_bounces_more_often_is_never_listed() -> None:
    learn(*many(30, Verdict.GENUINE), *many(20))
    assert names() == set()

    learn(*many(9))
    assert names() == set()


def test_genuine_bounces_take_a_host_off_the_list() -> None:
    learn(*many(20))
    learn(*many(20, Verdict.GENUINE))
    assert names() == set()


@pytest.mark.parametrize(
    "client",
    [
        Client(ip=HOST, helo=NAME, forwarder="partner"),
        Client(ip=HOST, helo=NAME, account="alice"),
        Client(ip="10.1.2.3", helo=NAME),
        Client(ip="192.0.2.25", helo=NAME),
    ],
    ids=["trusted forwarder", "account", "network of ours", "next hop of ours"],
)
def test_what_comes_from_where_we_know_says_nothing_of_its_host(client: Client) -> None:
    node = NodePolicy.load()
    node.outbound_networks = ["10.0.0.0/8"]
    node.save()
    RouteHost.objects.create(route=Route.objects.create(name="inner"), host="192.0.2.25")

    learn(*many(20, client=client))

    assert not Backscatterer.objects.exists()


def test_a_name_of_ours_is_never_listed() -> None:
    Domain.objects.create(name="example.test", route=Route.objects.create(name="inner"))
    learn(*many(20, client=Client(ip=HOST, helo="mail.example.test")))
    assert names() == {HOST}


def test_points_are_worth_half_after_a_week_and_rows_worth_nothing_go() -> None:
    learn(*many(4))
    now = timezone.now()
    assert backscatterers.listed(now + timedelta(days=1))
    assert not backscatterers.listed(now + timedelta(days=7))

    backscatterers.look_after(now + timedelta(days=30))
    assert Backscatterer.objects.filter(name=HOST).exists()

    backscatterers.look_after(now + timedelta(days=50))
    assert not Backscatterer.objects.exists()


def test_what_comes_after_a_while_is_added_to_what_is_left() -> None:
    learn(*many(8, ago=7 * 86_400))
    learn(bounce())
    assert Backscatterer.objects.get(name=HOST).points == pytest.approx(5, abs=0.01)


def test_points_are_bounded_so_that_the_worst_host_leaves_the_list_too() -> None:
    learn(*many(20))
    Backscatterer.objects.update(points=bounds.MOST)
    learn(bounce())
    assert Backscatterer.objects.get(name=HOST).points == bounds.MOST
    assert not backscatterers.listed(timezone.now() + timedelta(days=56))


def test_the_number_of_hosts_is_bounded_and_those_with_least_points_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backscatterers, "ROWS", 10)
    learn(*many(5))
    learn(*(bounce(client=Client(ip=f"192.0.2.{number}")) for number in range(100, 140)))
    assert Backscatterer.objects.count() == 10
    assert names() == {HOST}


def test_what_somebody_calls_theirs_is_not_held_against_its_host_until_that_is_taken_back() -> None:
    learn(*(traces := many(3)))
    assert names() == {HOST}

    assert report_mine(traces[0].id, KIM, "admin")
    assert names() == set()

    assert take_back_mine(traces[0].id, KIM, "admin")
    assert names() == {HOST}
    assert Backscatterer.objects.get(name=HOST).points == pytest.approx(3, abs=0.01)


def test_a_host_is_forgotten_on_record() -> None:
    learn(*many(5))
    assert backscatterers.forget(HOST, "admin")
    assert not backscatterers.forget(HOST, "admin")
    assert names() == set()
    assert [(entry.who, entry.verb, entry.target) for entry in AuditEntry.objects.all()] == [
        ("admin", "forget backscatterer", HOST)
    ]
