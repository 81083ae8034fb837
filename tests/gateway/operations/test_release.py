"""Releasing: asked for at the console, delivered by a worker, once, and never answered with a bounce."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from msgspec import structs

from gateway.mail.envelope import MailParameters
from gateway.models import Alarm, AuditEntry, QuarantinedCopy
from gateway.models.quarantine import CopyState
from gateway.operations import adopt, release
from gateway.operations.attempt import Result
from gateway.operations.release import deliver, ring_due
from gateway.policy import codec
from gateway.policy.snapshot import BatvKey, DomainPolicy, Marking
from gateway.services import secrets
from gateway.spool.quarantine import MESSAGE, Quarantine, place_of
from gateway.spool.staging import Spool
from tests import samples
from tests.smtpfront.nexthop import NextHop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung")]


def keep(spool: Spool, message: str = "01a", *recipients: str, **changes: object) -> QuarantinedCopy:
    """Put a message into quarantine; gives its first copy."""
    octets = changes.pop("octets", samples.MESSAGE)
    spool.stage(samples.item(message, *recipients, octets=octets, **changes), samples.content(octets)).commit()
    adopt.adopt()
    return QuarantinedCopy.objects.filter(message=message).order_by("id")[0]


def release_all() -> int:
    return release.release(QuarantinedCopy.objects.all(), "admin")


def state_of(copy: QuarantinedCopy) -> str:
    copy.refresh_from_db()
    return copy.state


def later(**delay: float) -> None:
    """Let the time pass that the copies have to wait."""
    wait = timedelta(**delay)
    for copy in QuarantinedCopy.objects.filter(state=CopyState.RELEASING):
        copy.next_attempt -= wait
        copy.claimed = copy.claimed and copy.claimed - wait
        copy.save()


def test_a_release_is_asked_for_once_with_an_audit_entry_and_a_ring(
    spool: Spool, rung: list[int], django_capture_on_commit_callbacks: pytest.FixtureRequest
) -> None:
    copy = keep(spool)

    with django_capture_on_commit_callbacks(execute=True):
        assert release_all() == 1
        assert release_all() == 0

    assert state_of(copy) == "releasing"
    assert rung == [copy.pk]
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.verb, entry.target) == ("admin", "release", "01a for bob@example.test")


def test_a_released_copy_is_delivered_as_it_came_with_its_mark_in_front(spool: Spool, next_hop: NextHop) -> None:
    copy = keep(spool)
    release_all()

    assert deliver(copy.pk) == CopyState.RELEASED

    (kept,) = next_hop.kept
    head, received, rest = kept.content.partition(b"Received: from mail.example.org ([192.0.2.1])")
    assert head == b"X-Backstop-Released: gateway.example.test; 01a\r\n"
    assert received
    assert rest.endswith(b"\r\nAuthentication-Results: gateway.example.test; none\r\n" + samples.MESSAGE)
    assert kept.recipients == ["bob@example.test"]
    assert kept.sender.startswith("MAIL FROM:<ann@example.org>")
    assert state_of(copy) == "released"
    assert copy.next_hop_reply == "250 2.0.0 kept"
    assert list(AuditEntry.objects.order_by("id").values_list("who", "verb")) == [
        ("admin", "release"),
        ("release", "released"),
    ]


def test_the_bytes_go_once_the_last_copy_is_released(spool: Spool, quarantine: Quarantine, next_hop: NextHop) -> None:
    keep(spool, "01a", "b@example.test", "c@example.test")
    release_all()
    first, second = QuarantinedCopy.objects.order_by("id")

    deliver(first.pk)
    assert quarantine.exists("01a")
    deliver(second.pk)

    assert not quarantine.exists("01a")
    assert [each.recipients for each in next_hop.kept] == [["b@example.test"], ["c@example.test"]]


def test_a_task_that_runs_twice_delivers_once(spool: Spool, next_hop: NextHop) -> None:
    copy = keep(spool)
    release_all()

    assert deliver(copy.pk) == CopyState.RELEASED
    assert deliver(copy.pk) is None

    assert len(next_hop.kept) == 1


def test_a_copy_that_nobody_released_is_not_delivered(spool: Spool, next_hop: NextHop) -> None:
    copy = keep(spool)

    assert deliver(copy.pk) is None
    assert deliver(copy.pk + 1000) is None

    assert next_hop.kept == []


def test_a_copy_that_a_worker_has_in_hand_is_left_to_it(spool: Spool, next_hop: NextHop) -> None:
    copy = keep(spool)
    release_all()
    QuarantinedCopy.objects.update(claimed=timezone.now())

    assert deliver(copy.pk) is None
    assert ring_due() == 0
    assert next_hop.kept == []


def test_the_claim_of_a_killed_worker_is_taken_over_after_15_minutes(
    spool: Spool, next_hop: NextHop, rung: list[int]
) -> None:
    copy = keep(spool)
    release_all()
    QuarantinedCopy.objects.update(claimed=timezone.now() - timedelta(minutes=14))
    assert deliver(copy.pk) is None

    later(minutes=2)

    assert ring_due() == 1
    assert rung == [copy.pk]
    assert deliver(copy.pk) == CopyState.RELEASED
    assert len(next_hop.kept) == 1


def test_a_worker_that_was_too_slow_does_not_overrule_the_one_that_took_over(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = keep(spool)
    release_all()

    def slow(_: QuarantinedCopy) -> Result:
        QuarantinedCopy.objects.update(state=CopyState.RELEASED, next_hop_reply="250 by the other")
        return Result(trouble="too late", final=True)

    monkeypatch.setattr(release, "attempt", slow)

    assert deliver(copy.pk) is None

    assert state_of(copy) == "released"
    assert copy.next_hop_reply == "250 by the other"


@pytest.mark.django_db(transaction=True)
def test_a_result_that_the_database_does_not_take_at_once_is_written_down_later(
    spool: Spool, next_hop: NextHop, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = keep(spool)
    release_all()
    real = release.audit.record
    refusals = [OperationalError("database is locked"), InterfaceError("connection already closed")]

    def record(*arguments: str) -> None:
        if refusals:
            raise refusals.pop()
        real(*arguments)

    monkeypatch.setattr(release.audit, "record", record)
    monkeypatch.setattr(release, "_PAUSES", (0.0, 0.0))

    assert deliver(copy.pk) == CopyState.RELEASED

    assert state_of(copy) == "released"
    assert len(next_hop.kept) == 1


def test_a_temporary_answer_is_tried_again_later(spool: Spool, next_hop: NextHop) -> None:
    copy = keep(spool)
    release_all()
    next_hop.script.rcpt["bob"] = "450 4.2.1 greylisted"

    assert deliver(copy.pk) == CopyState.RELEASING
    assert state_of(copy) == "releasing"
    assert copy.next_hop_reply == "450 4.2.1 greylisted"
    assert timedelta(seconds=55) < copy.next_attempt - timezone.now() <= timedelta(minutes=1)
    assert deliver(copy.pk) is None

    next_hop.script.rcpt.clear()
    later(minutes=1)

    assert deliver(copy.pk) == CopyState.RELEASED


def test_the_pauses_grow_to_an_hour_and_end_after_five_days(spool: Spool, next_hop: NextHop) -> None:
    copy = keep(spool)
    release_all()
    next_hop.script.dot["bob"] = "451 4.3.0 busy"
    pauses = []

    for attempt in (1, 2, 3, 4, 50):
        QuarantinedCopy.objects.update(attempts=attempt - 1, next_attempt=timezone.now())
        deliver(copy.pk)
        copy.refresh_from_db()
        pauses.append(round((copy.next_attempt - timezone.now()).total_seconds() / 60))
    assert pauses == [1, 5, 15, 60, 60]
    total = timedelta(minutes=21) + timedelta(hours=1) * (release.ATTEMPTS - 4)
    assert timedelta(days=4, hours=22) < total <= timedelta(days=5)

    QuarantinedCopy.objects.update(attempts=release.ATTEMPTS - 1, next_attempt=timezone.now())

    assert deliver(copy.pk) == CopyState.FAILED
    assert state_of(copy) == "failed"
    assert copy.next_hop_reply == "451 4.3.0 busy"


@pytest.mark.parametrize("step", ["rcpt", "dot"])
def test_a_permanent_answer_fails_the_release_and_keeps_the_message(
    spool: Spool, quarantine: Quarantine, next_hop: NextHop, step: str
) -> None:
    copy = keep(spool)
    release_all()
    getattr(next_hop.script, step)["bob"] = "550 5.1.1 no such user"

    assert deliver(copy.pk) == CopyState.FAILED

    assert state_of(copy) == "failed"
    assert copy.next_hop_reply == "550 5.1.1 no such user"
    assert quarantine.exists("01a")
    assert not any("FROM:<>" in line for line in next_hop.log)


def test_a_failed_release_can_be_asked_for_again(spool: Spool, next_hop: NextHop) -> None:
    copy = keep(spool)
    release_all()
    next_hop.script.rcpt["bob"] = "550 5.1.1 no such user"
    deliver(copy.pk)
    next_hop.script.rcpt.clear()

    assert release_all() == 1

    assert deliver(copy.pk) == CopyState.RELEASED


def test_a_next_hop_that_is_down_means_waiting_and_an_alarm(spool: Spool, next_hop: NextHop) -> None:
    copy = keep(spool)
    release_all()
    next_hop.stop()

    assert deliver(copy.pk) == CopyState.RELEASING

    assert state_of(copy) == "releasing"
    assert copy.next_hop_reply.startswith("route main: 127.0.0.1:")
    assert Alarm.objects.get().text == copy.next_hop_reply


def test_a_route_that_is_not_published_means_waiting_and_an_alarm(spool: Spool, home: Path) -> None:
    samples.publish_route(home, 25, name="other")
    copy = keep(spool)
    release_all()

    assert deliver(copy.pk) == CopyState.RELEASING

    assert state_of(copy) == "releasing"
    assert copy.next_hop_reply == "route main is not in policy revision 3: make it again, and publish"
    assert Alarm.objects.count() == 1


def test_without_any_published_policy_it_waits(spool: Spool) -> None:
    copy = keep(spool)
    release_all()

    assert deliver(copy.pk) == CopyState.RELEASING

    assert "current.json" in Alarm.objects.get().text


def test_a_message_that_cannot_be_read_fails_with_an_alarm(spool: Spool, next_hop: NextHop) -> None:
    copy = keep(spool)
    release_all()
    (place_of(spool.folder, "01a") / MESSAGE).write_bytes(b"")

    assert deliver(copy.pk) == CopyState.FAILED

    assert next_hop.kept == []
    assert "damaged" in Alarm.objects.get().text


def test_the_next_hop_is_asked_for_no_report(spool: Spool, next_hop: NextHop) -> None:
    next_hop.script.ehlo = "250-inner.test\r\n250-DSN\r\n250 8BITMIME"
    copy = keep(spool)
    release_all()

    deliver(copy.pk)

    assert "RCPT TO:<bob@example.test> NOTIFY=NEVER" in next_hop.log


def test_null_sender_and_parameters_are_passed_on(spool: Spool, next_hop: NextHop) -> None:
    copy = keep(spool, sender="", parameters=MailParameters(body="8BITMIME"))
    release_all()

    deliver(copy.pk)

    assert next_hop.kept[0].sender.startswith("MAIL FROM:<>")
    assert "BODY=8BITMIME" in next_hop.kept[0].sender


def publish_marking(home: Path, port: int) -> None:
    """Publish a route, a domain of ours, a key and a seal."""
    samples.publish_route(home, port)
    file = home / "policy" / "current.json"
    marking = Marking(keys=(BatvKey(1, "batv-1"),), seal="seal-1")
    domains = {"example.org": DomainPolicy(route="main")}
    file.write_bytes(codec.encode(structs.replace(codec.load(file), marking=marking, domains=domains)))
    for name in ("batv-1", "seal-1"):
        secrets.write(home / "secrets", name, f"secret of {name}")


def test_a_released_copy_that_leaves_is_marked(spool: Spool, next_hop: NextHop, home: Path) -> None:
    publish_marking(home, next_hop.port)
    octets = b"Message-ID: <1@example.org>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n" + samples.MESSAGE
    copy = keep(spool, "01m", "bob@far.test", octets=octets, listener="outbound")
    release_all()

    assert deliver(copy.pk) == CopyState.RELEASED

    (kept,) = next_hop.kept
    assert kept.sender.startswith("MAIL FROM:<prvs=1")
    assert b"\r\nX-Backstop-Seal: 1-" in kept.content
    assert kept.content.endswith(octets)


def test_a_released_copy_waits_while_it_can_not_be_marked(spool: Spool, next_hop: NextHop, home: Path) -> None:
    publish_marking(home, next_hop.port)
    secrets.destroy(home / "secrets", "seal-1")
    copy = keep(spool, "01m", "bob@far.test", listener="outbound")
    release_all()

    deliver(copy.pk)

    assert state_of(copy) == "releasing"
    assert not next_hop.kept
    assert "can't be marked" in Alarm.objects.get().text
