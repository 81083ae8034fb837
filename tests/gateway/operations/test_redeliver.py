"""What is redirected or copied leaves by itself: once, from the null sender, to a mailbox of ours and nowhere else."""

import pytest

from gateway.mail.decisions import Action, Decision, Disposition
from gateway.mail.stripped import Taken
from gateway.models import Alarm, QuarantinedCopy
from gateway.models.quarantine import CopyState
from gateway.operations import rows
from gateway.operations.adopt import adopt
from gateway.operations.ingest import ingest_once
from gateway.operations.release import deliver, release
from gateway.spool.deliveries import Deliveries
from gateway.spool.item import Copy, Purpose
from gateway.spool.journal import JournalWriter
from gateway.spool.quarantine import Quarantine
from gateway.spool.records import TraceRecord, encode
from gateway.spool.staging import Spool
from tests import samples
from tests.smtpfront.nexthop import NextHop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung")]

DECIDED = Decision(Action.REDIRECT, "the score 6.5 reaches 6.0 (redirect)", "spam", score=6.5)
REDIRECT = Copy("spam@example.test", "main", DECIDED, Purpose.REDIRECT, "alice@example.test, bob@example.test")
COPIED = Decision(Action.DELIVER, "nothing speaks against it")
COPY = Copy("archive@example.test", "main", COPIED, Purpose.COPY, "alice@example.test")


def keep(spool: Spool, *copies: Copy, octets: bytes = samples.MESSAGE, **changes: object) -> QuarantinedCopy:
    item = samples.item("01a", octets=octets, copies=copies, **changes)
    spool.stage(item, samples.content(octets)).commit()
    adopt()
    return QuarantinedCopy.objects.get()


@pytest.mark.parametrize(
    ("copy", "mark"),
    [
        (
            REDIRECT,
            (
                b"X-Backstop-Redirected: gateway.example.test; 01a;\r\n\tfrom=<ann@example.org>;\r\n"
                b"\tfor=<alice@example.test>;\r\n\tfor=<bob@example.test>\r\n"
            ),
        ),
        (
            COPY,
            (
                b"X-Backstop-Copy: gateway.example.test; 01a;\r\n\tfrom=<ann@example.org>;\r\n"
                b"\tfor=<alice@example.test>\r\n"
            ),
        ),
    ],
)
def test_it_is_delivered_at_once_from_the_null_sender_with_its_mark(
    spool: Spool, next_hop: NextHop, copy: Copy, mark: bytes
) -> None:
    row = keep(spool, copy)
    assert row.state == CopyState.RELEASING

    assert deliver(row.pk) == CopyState.RELEASED

    (kept,) = next_hop.kept
    assert kept.sender.startswith("MAIL FROM:<>")
    assert kept.recipients == [copy.recipient]
    assert kept.content.startswith(mark + b"Received: from ")
    assert kept.content.endswith(samples.MESSAGE)
    assert not Quarantine(spool.folder).exists("01a")


def test_where_the_next_hop_offers_dsn_none_is_asked_for(spool: Spool, next_hop: NextHop) -> None:
    next_hop.script.ehlo = "250-inner.test\r\n250 DSN"
    deliver(keep(spool, COPY).pk)
    assert "RCPT TO:<archive@example.test> NOTIFY=NEVER" in next_hop.log


def test_a_refusal_leaves_it_in_quarantine_with_an_alarm_and_a_person_may_try_again(
    spool: Spool, next_hop: NextHop
) -> None:
    next_hop.script.rcpt = {"spam": "550 5.1.1 no such user"}
    row = keep(spool, REDIRECT)

    assert deliver(row.pk) == CopyState.FAILED

    assert "spam@example.test does not take what is redirected" in Alarm.objects.get().text
    assert next_hop.kept == []
    assert Quarantine(spool.folder).exists("01a")
    next_hop.script.rcpt = {}
    release(QuarantinedCopy.objects.all(), "admin")
    assert deliver(row.pk) == CopyState.RELEASED
    assert next_hop.kept[0].sender.startswith("MAIL FROM:<>")


def test_what_can_not_be_taken_now_is_tried_again(spool: Spool, next_hop: NextHop) -> None:
    next_hop.script.dot = {"spam": "452 4.3.1 disk full"}
    row = keep(spool, REDIRECT)
    assert deliver(row.pk) == CopyState.RELEASING
    assert not Alarm.objects.exists()


def test_a_copy_of_what_was_stripped_is_stripped_alike_and_the_original_stays(spool: Spool, next_hop: NextHop) -> None:
    octets = (
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n\r\nhello\r\n--x\r\nX: y\r\n\r\nEVIL\r\n--x--\r\n'
    )
    start = octets.index(b"X: y")
    taken = Taken("1.2", start, octets.index(b"\r\n--x--"), "evil.exe", "application/x-dosexec", 4, "PROGRAM")
    original = Copy("alice@example.test", "main", COPIED, Purpose.ORIGINAL)
    spool.stage(
        samples.item("01a", octets=octets, copies=(original, COPY), stripped=(taken,)), samples.content(octets)
    ).commit()
    adopt()

    deliver(QuarantinedCopy.objects.get(purpose="copy").pk)

    (kept,) = next_hop.kept
    assert b"EVIL" not in kept.content
    assert b"evil.exe" in kept.content
    assert list(spool.folder.glob("stripping-*")) == []
    assert QuarantinedCopy.objects.get(purpose="original").state == CopyState.QUARANTINED
    release(QuarantinedCopy.objects.filter(purpose="original"), "admin")
    deliver(QuarantinedCopy.objects.get(purpose="original").pk)
    assert next_hop.kept[1].content.endswith(octets)
    assert next_hop.kept[1].sender.startswith("MAIL FROM:<ann@example.org>")


def test_the_delivery_is_still_known_when_its_bytes_are_gone(spool: Spool, next_hop: NextHop) -> None:
    deliveries = Deliveries(spool.folder)
    deliveries.announce("k" * 64, "01a")
    row = keep(spool, REDIRECT, delivery="k" * 64)
    assert deliveries.find("k" * 64) == "01a"

    deliver(row.pk)

    assert len(next_hop.kept) == 1
    assert not Quarantine(spool.folder).exists("01a")
    assert deliveries.find("k" * 64) == "01a"


def test_a_delivery_that_was_announced_and_never_committed_is_not_known(spool: Spool) -> None:
    deliveries = Deliveries(spool.folder)
    deliveries.announce("k" * 64, "01a")
    deliveries.settle("k" * 64, "01b")
    assert deliveries.find("k" * 64) is None


def test_ingest_makes_the_same_row_as_the_sweep_and_rings_for_it(
    writer: JournalWriter,
    rung: list[int],
    django_capture_on_commit_callbacks: pytest.FixtureRequest,
) -> None:
    trace = samples.trace("01a", "alice@example.test", copies=(REDIRECT, COPY))
    trace.recipients[0].disposition = Disposition.REDIRECTED
    adopted = rows.copies_of_item(samples.item("01a", copies=(REDIRECT, COPY)))
    writer.append(encode(TraceRecord(trace)))

    with django_capture_on_commit_callbacks(execute=True):
        assert ingest_once(writer.folder) == 1

    found = list(QuarantinedCopy.objects.order_by("id"))
    told = ("recipient", "route", "purpose", "state", "because", "check_name", "score", "received")
    assert [[getattr(row, name) for name in told] for row in found] == [
        [getattr(row, name) for name in told] for row in adopted
    ]
    assert rung == [row.pk for row in found]
    assert found[0].because == (
        "it is redirected from alice@example.test, bob@example.test: the score 6.5 reaches 6.0 (redirect)"
    )


def test_adopted_before_it_is_ingested_it_is_delivered_once(
    spool: Spool, writer: JournalWriter, next_hop: NextHop
) -> None:
    row = keep(spool, REDIRECT)
    deliver(row.pk)
    writer.append(encode(TraceRecord(samples.trace("01a", "alice@example.test", copies=(REDIRECT,)))))
    ingest_once(writer.folder)
    adopt()
    assert deliver(row.pk) is None
    assert len(next_hop.kept) == 1
    assert QuarantinedCopy.objects.count() == 1
