"""The sweep that makes spool and database agree."""

import pytest

from gateway.models import Alarm, QuarantinedCopy, Transaction
from gateway.operations import rows
from gateway.operations.adopt import adopt
from gateway.spool.quarantine import ITEM, Quarantine, place_of
from gateway.spool.staging import Spool
from tests import samples

pytestmark = pytest.mark.django_db


def keep(spool: Spool, message: str, *recipients: str) -> None:
    spool.stage(samples.item(message, *recipients), samples.content()).commit()


def test_a_message_without_rows_gets_them_from_its_item(spool: Spool) -> None:
    keep(spool, "01a", "b@example.test", "c@example.test")

    assert adopt() == 1

    copies = QuarantinedCopy.objects.order_by("recipient")
    assert [copy.recipient for copy in copies] == ["b@example.test", "c@example.test"]
    first = copies[0]
    assert (first.message, first.route, first.sender, first.state) == ("01a", "main", "ann@example.org", "quarantined")
    assert (first.subject, first.check_name, first.symbol, first.score) == ("hello", "spam", "GTUBE", 9.0)
    assert first.received.timestamp() == samples.STARTED


def test_it_is_adopted_as_its_trace_would_have_been_ingested() -> None:
    adopted = rows.copies_of_item(samples.item("01a"))
    ingested = rows.copies_of(samples.trace("01a", quarantined=True))

    def columns(copy: QuarantinedCopy) -> dict[str, object]:
        return {name: value for name, value in vars(copy).items() if name != "_state"}

    assert [columns(copy) for copy in adopted] == [columns(copy) for copy in ingested]


def test_a_second_sweep_adopts_nothing(spool: Spool) -> None:
    keep(spool, "01a")
    adopt()

    assert adopt() == 0
    assert QuarantinedCopy.objects.count() == 1


def test_a_staged_message_is_not_adopted(spool: Spool) -> None:
    spool.stage(samples.item("01a"), samples.content())

    assert adopt() == 0


def test_a_damaged_item_raises_an_alarm_and_holds_no_other_up(spool: Spool) -> None:
    keep(spool, "01a")
    keep(spool, "01b")
    (place_of(spool.folder, "01a") / ITEM).write_bytes(b"{")

    assert adopt() == 1

    assert QuarantinedCopy.objects.get().message == "01b"
    assert "can't be adopted" in Alarm.objects.get().text


def test_copies_without_a_message_keep_their_state_and_raise_an_alarm(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a")
    adopt()
    quarantine.delete("01a")

    adopt()
    adopt()

    assert QuarantinedCopy.objects.get().state == "quarantined"
    alarm = Alarm.objects.get()
    assert "quarantined message 01a is not in the spool" in alarm.text
    assert alarm.count == 2


def test_copies_whose_message_lies_on_another_node_raise_none(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a")
    adopt()
    quarantine.delete("01a")
    row = rows.transaction_of(samples.trace("01a", node="other.example.test"), {})
    Transaction.objects.bulk_create([row])

    adopt()

    assert not Alarm.objects.exists()


def test_bytes_that_no_copy_needs_are_removed(spool: Spool, quarantine: Quarantine) -> None:
    keep(spool, "01a")
    adopt()
    QuarantinedCopy.objects.update(state="deleted")

    assert adopt() == 0

    assert not quarantine.exists("01a")


def test_what_a_killed_deletion_left_is_removed(spool: Spool) -> None:
    keep(spool, "01a")
    place = place_of(spool.folder, "01a")
    place.rename(place.with_name(".deleted-01a"))

    adopt()

    assert [path for path in spool.folder.rglob("*") if path.is_file()] == []
