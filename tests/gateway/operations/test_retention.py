"""How long things are kept."""

import os
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from django.conf import settings
from django.utils import timezone

from gateway.models import Alarm, AuditEntry, QuarantinedCopy, Transaction, TransactionRecipient
from gateway.operations import adopt, audit, rows
from gateway.operations.retention import expire
from gateway.spool.deliveries import Deliveries
from gateway.spool.quarantine import Quarantine
from gateway.spool.staging import Spool
from tests import samples

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


def ago(**time: float) -> float:
    return (timezone.now() - timedelta(**time)).timestamp()


def keep(
    spool: Spool, message: str, octets: bytes = samples.MESSAGE, recipients: tuple[str, ...] = (), **age: float
) -> None:
    item = samples.item(message, *recipients, octets=octets, received=ago(**age))
    spool.stage(item, samples.content(octets)).commit()
    adopt.adopt()


def bound(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    retention = msgspec.structs.replace(settings.CONFIG.retention, **limits)
    monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(settings.CONFIG, retention=retention))


def record(message: str, **age: float) -> None:
    trace = samples.trace(message, started=ago(**age))
    Transaction.objects.bulk_create([rows.transaction_of(trace, {})])
    TransactionRecipient.objects.bulk_create(rows.recipients_of(trace))


def state_of(message: str) -> str:
    return QuarantinedCopy.objects.get(message=message).state


def test_an_old_copy_expires_and_its_bytes_go(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a", days=31)
    keep(spool, "01b", days=29)

    assert expire().aged == 1

    assert (state_of("01a"), state_of("01b")) == ("expired", "quarantined")
    assert list(quarantine.ids()) == ["01b"]
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.verb, entry.target) == ("retention", "expire", "1 quarantined copies")


def test_a_copy_that_is_being_released_does_not_expire(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a", days=99)
    QuarantinedCopy.objects.update(state="releasing")

    assert expire().aged == 0

    assert quarantine.exists("01a")


def test_a_failed_release_expires_too(spool: Spool) -> None:
    keep(spool, "01a", days=31)
    QuarantinedCopy.objects.update(state="failed")

    assert expire().aged == 1


def test_when_there_is_too_much_the_oldest_go_first(
    spool: Spool, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day, message in enumerate(["01d", "01c", "01b", "01a"], start=2):
        keep(spool, message, b"x" * 10_000, days=day)
    bound(monkeypatch, quarantine_bytes=25_000)

    assert expire().evicted == 2

    assert set(quarantine.ids()) == {"01c", "01d"}
    assert (state_of("01a"), state_of("01c")) == ("expired", "quarantined")


def test_there_is_room_again_before_all_of_it_is_taken(
    spool: Spool, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day, message in enumerate(["01b", "01a"], start=2):
        keep(spool, message, b"x" * 10_000, days=day)
    bound(monkeypatch, quarantine_bytes=quarantine.usage())

    assert expire().evicted == 1

    assert list(quarantine.ids()) == ["01b"]


def test_that_messages_go_before_their_time_is_an_alarm(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(spool, "01a", days=2)
    bound(monkeypatch, quarantine_bytes=1)

    expire()

    assert "the oldest go before their time; raise it" in Alarm.objects.get().text
    assert AuditEntry.objects.get().target == "1 quarantined copies"


def test_no_copy_goes_where_that_makes_no_room(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(spool, "01a", recipients=("bob@example.test", "eve@example.test"), days=4)
    QuarantinedCopy.objects.filter(recipient="eve@example.test").update(state="releasing")
    keep(spool, "01b", days=3)
    on_another_node = QuarantinedCopy.objects.get(message="01b")
    on_another_node.pk, on_another_node.message = None, "01c"
    on_another_node.save()
    bound(monkeypatch, quarantine_bytes=1)

    assert expire().evicted == 1

    assert set(QuarantinedCopy.objects.values_list("message", "recipient", "state")) == {
        ("01a", "bob@example.test", "quarantined"),
        ("01a", "eve@example.test", "releasing"),
        ("01b", "bob@example.test", "expired"),
        ("01c", "bob@example.test", "quarantined"),
    }


def test_what_is_younger_than_a_day_stays_however_much_there_is(
    spool: Spool, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(spool, "01a", b"x" * 10_000, hours=23)
    keep(spool, "01b", b"x" * 10_000, hours=25)
    bound(monkeypatch, quarantine_bytes=1)

    assert expire().evicted == 1

    assert list(quarantine.ids()) == ["01a"]


def test_old_traces_go_with_their_recipients_and_the_audit_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, trace_days=7)
    audit.record("admin", "delete", "something")
    record("01a", days=8)
    record("01b", days=6)

    assert expire().traces == 1

    assert Transaction.objects.get().id == "01b"
    assert TransactionRecipient.objects.count() == 1
    assert AuditEntry.objects.count() == 1


def test_the_trace_of_a_message_that_is_still_kept_stays(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, trace_days=7)
    keep(spool, "01a", days=8)
    record("01a", days=8)

    assert expire().traces == 0


def test_settled_rows_are_forgotten_after_a_time(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a", days=1)
    keep(spool, "01b", days=1)
    QuarantinedCopy.objects.filter(message="01a").update(state="deleted", changed=timezone.now() - timedelta(days=31))
    QuarantinedCopy.objects.filter(message="01b").update(state="deleted")
    quarantine.delete("01a")

    expire()

    assert QuarantinedCopy.objects.get().message == "01b"


def test_a_settled_row_stays_while_its_bytes_do_so_that_nothing_comes_back_to_life(spool: Spool) -> None:
    keep(spool, "01a", days=1)
    QuarantinedCopy.objects.update(state="deleted", changed=timezone.now() - timedelta(days=31))

    expire()

    assert state_of("01a") == "deleted"


def test_deliveries_that_no_client_tries_again_are_forgotten(spool: Spool, home: Path) -> None:
    keep(spool, "01a")
    names = Deliveries(home / "spool")
    for name in ("old", "new"):
        names.announce(name, "01a")
    os.utime(home / "spool" / "deliveries" / "old", (ago(days=6), ago(days=6)), follow_symlinks=False)

    expire()

    assert (names.find("old"), names.find("new")) == (None, "01a")


def test_alarms_that_were_cleared_long_ago_are_forgotten() -> None:
    now = timezone.now()
    Alarm.objects.create(text="old", first=now, last=now, cleared=now - timedelta(days=31))
    Alarm.objects.create(text="open", first=now - timedelta(days=99), last=now - timedelta(days=99))

    expire()

    assert Alarm.objects.get().text == "open"
