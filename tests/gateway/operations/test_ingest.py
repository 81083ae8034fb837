"""Journals into the database: all of it, once, whatever a line holds."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest

from gateway.mail.client import Client
from gateway.mail.decisions import Disposition
from gateway.models import Alarm, JournalPosition, QuarantinedCopy, Transaction, TransactionRecipient
from gateway.operations import ingest
from gateway.operations.ingest import ingest_once, tidy, waiting
from gateway.spool.journal import JournalWriter
from gateway.spool.records import AlarmRecord, TraceRecord, encode
from tests import samples

pytestmark = pytest.mark.django_db


def line(message: str = "01a", *recipients: str, quarantined: bool = False, **changes: object) -> bytes:
    return encode(TraceRecord(samples.trace(message, *recipients, quarantined=quarantined, **changes)))


def age(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_nothing_to_read_is_nothing_to_do(journals: Path) -> None:
    assert ingest_once(journals) == 0


def test_what_waits_is_what_nobody_has_ingested(journals: Path, writer: JournalWriter) -> None:
    assert waiting(journals) == 0
    writer.append(line("01a"))
    whole = waiting(journals)
    assert whole >= len(line("01a"))

    ingest_once(journals)
    assert waiting(journals) == 0

    writer.append(line("01b"))
    assert 0 < waiting(journals) < 2 * whole


def test_a_trace_becomes_a_transaction_and_its_recipients(journals: Path, writer: JournalWriter) -> None:
    writer.append(line("01a", "b@example.test", "c@example.test"))

    assert ingest_once(journals) == 1

    row = Transaction.objects.get()
    assert (row.id, row.sender, row.client_ip, row.disposition) == ("01a", "ann@example.org", "192.0.2.1", "delivered")
    assert row.reply == "250 2.0.0 accepted as 01a"
    assert row.started.timestamp() == samples.STARTED
    assert [each.address for each in row.recipients.all()] == ["b@example.test", "c@example.test"]
    assert not QuarantinedCopy.objects.exists()


def test_the_trace_is_kept_whole(journals: Path, writer: JournalWriter) -> None:
    trace = samples.trace("01a")
    writer.append(encode(TraceRecord(trace)))

    ingest_once(journals)

    assert msgspec.convert(Transaction.objects.get().trace, type(trace)) == trace


def test_the_null_sender_is_not_the_same_as_no_mail_command(journals: Path, writer: JournalWriter) -> None:
    writer.append(line("01a", sender=""))
    writer.append(line("01b", sender=None))

    ingest_once(journals)

    assert dict(Transaction.objects.values_list("id", "sender")) == {"01a": "", "01b": None}


def test_a_quarantined_recipient_becomes_a_copy(journals: Path, writer: JournalWriter) -> None:
    trace = samples.trace("01a", "b@example.test", "c@example.test", quarantined=True)
    trace.recipients[0].disposition = Disposition.DELIVERED
    writer.append(encode(TraceRecord(trace)))

    ingest_once(journals)

    copy = QuarantinedCopy.objects.get()
    assert (copy.message, copy.recipient, copy.route, copy.state) == ("01a", "c@example.test", "main", "quarantined")
    assert (copy.check_name, copy.symbol, copy.score, copy.because) == ("spam", "GTUBE", 9.0, "its score is 9.0")


def test_reading_again_from_the_start_changes_nothing(journals: Path, writer: JournalWriter) -> None:
    writer.append(line("01a", quarantined=True))
    ingest_once(journals)
    QuarantinedCopy.objects.update(state="deleted")
    JournalPosition.objects.all().delete()

    assert ingest_once(journals) == 1

    assert (Transaction.objects.count(), TransactionRecipient.objects.count()) == (1, 1)
    assert QuarantinedCopy.objects.get().state == "deleted"


def test_what_was_read_is_not_read_again(journals: Path, writer: JournalWriter) -> None:
    writer.append(line("01a"))
    ingest_once(journals)
    assert ingest_once(journals) == 0

    writer.append(line("01b"))

    assert ingest_once(journals) == 1
    assert JournalPosition.objects.get().offset == writer.path.stat().st_size


def test_more_lines_than_a_batch_arrive(journals: Path, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "BATCH", 7)
    for number in range(50):
        writer.append(line(f"{number:04d}"))

    assert ingest_once(journals) == 50

    assert Transaction.objects.count() == 50


def test_it_stops_between_two_batches_when_asked(
    journals: Path, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH", 2)
    for number in range(10):
        writer.append(line(f"{number:04d}"))
    answers = iter([False, False, True])

    assert ingest_once(journals, lambda: next(answers)) == 4


def test_the_journals_of_all_processes_are_read(journals: Path, writer: JournalWriter) -> None:
    other = JournalWriter(journals, "smtp-1", max_octets=100)
    writer.append(line("01a"))
    other.append(line("01b"))
    other.append(line("01c"))

    assert ingest_once(journals) == 3


def test_an_unfinished_last_line_waits(journals: Path, writer: JournalWriter) -> None:
    whole = line("01a")
    writer.path.write_bytes(whole[:40])
    assert ingest_once(journals) == 0

    writer.path.write_bytes(whole + b"\n")

    assert ingest_once(journals) == 1
    assert Transaction.objects.count() == 1


def test_rows_and_position_are_kept_together_or_not_at_all(
    journals: Path, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.append(line("01a"))

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(ingest.alarms, "raise_all", broken)
        with pytest.raises(RuntimeError):
            ingest_once(journals)
    assert not Transaction.objects.exists()
    assert not JournalPosition.objects.exists()

    assert ingest_once(journals) == 1


def test_an_adopted_copy_and_its_late_trace_are_one(journals: Path, writer: JournalWriter) -> None:
    from gateway.operations.rows import copies_of_item  # noqa: PLC0415 - only here

    QuarantinedCopy.objects.bulk_create(copies_of_item(samples.item("01a")))
    writer.append(line("01a", quarantined=True))

    ingest_once(journals)

    assert QuarantinedCopy.objects.count() == 1
    assert Transaction.objects.count() == 1


# What a line may hold.


def test_nul_characters_and_values_without_end_are_stored(journals: Path, writer: JournalWriter) -> None:
    writer.append(
        line(
            "01a", "r" * 999 + "\0@example.test", quarantined=True, sender="s" * 999, subject="a\0b\\u0000\\",
            client=Client("fe80::1%eth0", helo="h\0" * 999, account="x" * 999), revision=2**40, size=2**70,
            node="n" * 999, listener="l" * 99, disposition="d" * 99,
        )
    )  # fmt: skip

    ingest_once(journals)

    row = Transaction.objects.get()
    assert row.subject == "a\ufffdb\\u0000\\"
    assert row.trace["subject"] == "a\ufffdb\\u0000\\"
    assert row.sender == "s" * 320
    assert row.client_ip == "fe80::1"
    assert QuarantinedCopy.objects.get().recipient == "r" * 320


@pytest.mark.parametrize("ip", ["", "unix", "999.1.1.1"])
def test_a_client_without_an_address_is_stored(journals: Path, writer: JournalWriter, ip: str) -> None:
    writer.append(line("01a", client=Client(ip)))

    ingest_once(journals)

    assert Transaction.objects.get().client_ip == "0.0.0.0"


@pytest.mark.parametrize(
    "damaged",
    [
        b"half a li",
        b"[]",
        b'{"kind":"nonsense"}',
        b'{"kind":"trace","trace":{"id":"x"}}',
        b"\xff\xfe\x00",
        line("01x", started=1e30),
        b'{"kind":"alarm","at":1,"node":"n","text":"\\ud800"}',
    ],
)
def test_a_damaged_line_is_set_aside_with_an_alarm_and_the_next_ones_are_read(
    journals: Path, writer: JournalWriter, damaged: bytes
) -> None:
    for each in (line("01a"), damaged, line("01b")):
        writer.append(each)

    ingest_once(journals)

    assert set(Transaction.objects.values_list("id", flat=True)) == {"01a", "01b"}
    bad = writer.path.with_name(writer.path.name + ".bad")
    assert bad.read_bytes() == b"%d %s\n" % (len(line("01a")) + 1, damaged)
    assert bad.name in Alarm.objects.get().text


def test_a_damaged_line_is_set_aside_once(journals: Path, writer: JournalWriter) -> None:
    writer.append(b"nonsense")
    ingest_once(journals)
    JournalPosition.objects.all().delete()

    ingest_once(journals)

    assert len(writer.path.with_name(writer.path.name + ".bad").read_bytes().splitlines()) == 1


def test_a_row_that_the_database_refuses_holds_no_other_up(
    journals: Path, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ingest.rows.transaction_of

    def spoil(trace: object, record: object) -> Transaction:
        row = real(trace, record)
        if row.id == "01b":
            row.node = None
        return row

    monkeypatch.setattr(ingest.rows, "transaction_of", spoil)
    for name in ("01a", "01b", "01c"):
        writer.append(line(name))

    ingest_once(journals)

    assert set(Transaction.objects.values_list("id", flat=True)) == {"01a", "01c"}
    assert b"01b" in writer.path.with_name(writer.path.name + ".bad").read_bytes()


# Alarms.


def test_an_alarm_is_counted_while_it_lasts(journals: Path, writer: JournalWriter) -> None:
    for at in (10.0, 20.0, 30.0):
        writer.append(encode(AlarmRecord(at, samples.NODE, "clamd does not answer")))
    writer.append(line("01a", alarms=["route main: refused"]))

    ingest_once(journals)

    alarm = Alarm.objects.get(text="clamd does not answer")
    assert (alarm.count, alarm.node, alarm.last.timestamp()) == (3, samples.NODE, 30.0)
    assert Alarm.objects.filter(text="route main: refused").exists()


# Files that are done.


def test_a_finished_journal_goes_an_hour_after_it_was_read(journals: Path, writer: JournalWriter) -> None:
    writer.append(line("01a"))
    old = writer.path
    JournalWriter(journals, "smtp-0").append(line("01b"))
    ingest_once(journals)
    assert tidy(journals) == 0

    age(old, 3601)

    assert tidy(journals) == 1
    assert not old.exists()
    assert JournalPosition.objects.count() == 1


def test_a_journal_that_is_still_written_or_was_not_read_stays(journals: Path, writer: JournalWriter) -> None:
    writer.append(line("01a"))
    unread = writer.path
    second = JournalWriter(journals, "smtp-0")
    second.append(line("01b"))
    JournalPosition.objects.create(name=f"{samples.NODE}/{unread.name}", offset=0)
    age(unread, 7200)
    age(second.path, 7200)

    assert tidy(journals) == 0

    assert unread.exists()
    assert second.path.exists()


def test_a_journal_that_ends_in_a_half_line_is_finished_too(journals: Path, writer: JournalWriter) -> None:
    writer.append(line("01a"))
    with writer.path.open("ab") as file:
        file.write(b'{"kind":"tr')
    JournalWriter(journals, "smtp-0").append(line("01b"))
    age(writer.path, 3601)
    ingest_once(journals)

    assert tidy(journals) == 1

    assert writer.path.with_name(writer.path.name + ".bad").read_bytes().endswith(b'{"kind":"tr\n')


def test_many_traces_are_ingested_by_few_queries(
    journals: Path,
    writer: JournalWriter,
    django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    for number in range(1500):
        writer.append(line(f"{number:08d}", quarantined=number % 3 == 0))

    with django_assert_max_num_queries(150):
        assert ingest_once(journals) == 1500
