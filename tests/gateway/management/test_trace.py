"""``manage.py trace ID``."""

from io import StringIO
from pathlib import Path

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from gateway.mail.copies import Copy, Purpose
from gateway.mail.decisions import Action, Decision
from gateway.mail.trace import Trace
from gateway.models import Transaction
from gateway.operations.adopt import adopt
from gateway.operations.ingest import ingest_once
from gateway.spool.journal import JournalWriter
from gateway.spool.records import TraceRecord, encode
from gateway.spool.staging import Spool
from tests import samples

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    said = StringIO()
    call_command("trace", *arguments, stdout=said)
    return said.getvalue()


@pytest.fixture
def writer(home: Path) -> JournalWriter:
    return JournalWriter(home / "journal", "smtp-0")


def test_a_story_is_told_from_the_database(home: Path, writer: JournalWriter) -> None:
    writer.append(encode(TraceRecord(samples.trace("01a", quarantined=True))))
    ingest_once(home / "journal")
    writer.path.unlink()

    lines = run("01a").splitlines()

    assert lines[0].startswith("01a  2027-01-15 08:00:00 UTC  inbound at gateway.example.test")
    assert lines[1] == "quarantined, because its score is 9.0"
    told = "\n".join(lines)
    for part in (
        "192.0.2.1 as mail.example.org",
        "MAIL FROM:<ann@example.org>  ->  250 2.1.0 ok",
        "3.2 ms  data  clamav  miss",
        "GTUBE +9: the test string",
        "bob@example.test: quarantined",
        "next hop 127.0.0.1:2526 said: 250 2.0.0 queued as 4D3",
        "reply    250 2.0.0 accepted as 01a  (9.1 ms)",
    ):
        assert part in told


def test_a_story_that_was_not_ingested_yet_is_told_from_the_journal(writer: JournalWriter) -> None:
    writer.append(encode(TraceRecord(samples.trace("01a"))))
    writer.append(b"nonsense")

    assert "delivered, because nothing speaks against it" in run("01a")


def test_what_leaves_by_itself_is_told_before_and_after_its_rows_are_there(home: Path, writer: JournalWriter) -> None:
    decision = Decision(Action.REDIRECT, "the score 6.0 reaches 5.5 (redirect)", "spam")
    copy = Copy("spam@example.test", "main", decision, Purpose.REDIRECT, "bob@example.test")
    writer.append(encode(TraceRecord(samples.trace("01a", copies=(copy,)))))
    assert "copies\n  spam@example.test: redirected message, not in the database yet" in run("01a")
    Spool(home / "spool", "smtp-0").stage(samples.item("01a", copies=(copy,)), samples.content()).commit()
    adopt()
    assert "copies\n  spam@example.test: redirected message, releasing" in run("01a")


def test_the_state_of_quarantined_copies_is_told(home: Path, writer: JournalWriter) -> None:
    writer.append(encode(TraceRecord(samples.trace("01a", quarantined=True))))
    Spool(home / "spool", "smtp-0").stage(samples.item("01a"), samples.content()).commit()
    adopt()

    assert "copies\n  bob@example.test: quarantined" in run("01a")


def test_as_json_it_is_the_trace_in_one_line(writer: JournalWriter) -> None:
    trace = samples.trace("01a")
    writer.append(encode(TraceRecord(trace)))

    (line,) = run("01a", "--json").splitlines()

    assert msgspec.json.decode(line.encode(), type=Trace) == trace


def test_a_refused_client_without_mail_has_a_story_too(writer: JournalWriter) -> None:
    bare = Trace("01a", 0.0, samples.NODE, 1, "inbound", samples.trace().client)
    writer.append(encode(TraceRecord(bare)))

    assert "sender   none" in run("01a")


@pytest.mark.usefixtures("home")
def test_an_unknown_id_is_an_error() -> None:
    with pytest.raises(CommandError, match="there is no transaction 01x"):
        run("01x")


def test_where_the_database_is_away_nobody_says_that_a_transaction_never_was(
    writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(Transaction.objects, "filter", away)
    writer.append(encode(TraceRecord(samples.trace("01a"))))

    assert "delivered, because nothing speaks against it" in run("01a")
    with pytest.raises(CommandError, match=r"01b is in no journal .* can't be asked: connection refused"):
        run("01b")
