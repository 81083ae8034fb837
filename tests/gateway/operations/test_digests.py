"""Digests: who is told what, by which message, and each thing once."""

import email
import email.policy
import fcntl
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest
from django.conf import settings
from django.utils import timezone

from gateway.config import Console
from gateway.mail.message import Content
from gateway.models import Alarm, Digest, Domain, QuarantinedCopy, Recipient, Route, RouteHost
from gateway.models.quarantine import CopyState
from gateway.operations import digests, hold, publish, release, retention
from gateway.operations.adopt import adopt
from gateway.operations.digests.letter import LINES
from gateway.operations.ingest import ingest_once
from gateway.spool.disk import SpoolError
from gateway.spool.item import Item
from gateway.spool.journal import JournalWriter
from gateway.spool.records import TraceRecord, encode
from gateway.spool.staging import Spool, Staged
from smtpfront.instance import sweep
from tests import samples
from tests.smtpfront.nexthop import NextHop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung")]


@pytest.fixture
def hop(home: Path) -> Iterator[NextHop]:  # noqa: ARG001 - the policy is published there
    """A next hop, to which the mail of example.test goes, whose digests go to its recipients."""
    hop = NextHop()
    route = Route.objects.create(name="main", tls="never")
    RouteHost.objects.create(route=route, position=0, host="127.0.0.1", port=hop.port)
    domain = Domain.objects.create(name="example.test", route=route, digest="recipients")
    for local in ("bob", "eve", "admin"):
        Recipient.objects.create(domain=domain, local_part=local)
    publish.publish_policy("admin", probed=True)
    yield hop
    hop.close()


def domain(**changes: str) -> Domain:
    Domain.objects.update(**changes)
    return Domain.objects.get()


def a_copy(number: int = 1, recipient: str = "bob@example.test", **changes: object) -> QuarantinedCopy:
    values = {
        "message": f"{number:03}",
        "recipient": recipient,
        "route": "main",
        "sender": "ann@example.org",
        "header_from": "Ann <ann@example.org>",
        "subject": "hello",
        "client_ip": "192.0.2.1",
        "received": timezone.now() - timedelta(minutes=1000 - number),
        "size": 1,
        "because": "the score 9.0 reaches 8.0 (quarantine)",
    }
    return QuarantinedCopy.objects.create(**(values | changes))


def delivered(hop: NextHop) -> list[EmailMessage]:
    """Do what sweep and worker do; gives what has come to the next hop by then."""
    adopt_digests()
    for number in QuarantinedCopy.objects.filter(state=CopyState.RELEASING).values_list("pk", flat=True):
        release.deliver(number)
    return [email.message_from_bytes(each.content, policy=email.policy.SMTP) for each in hop.kept]


def adopt_digests() -> None:
    """Adopt what lies in the spool; the alarms for made-up rows without bytes are of no interest."""
    adopt()
    Alarm.objects.filter(text__contains="not in the spool").delete()


def text_of(message: EmailMessage) -> str:
    return message.get_body(("plain",)).get_content()


def html_of(message: EmailMessage) -> str:
    return message.get_body(("html",)).get_content()


def test_each_recipient_is_told_of_its_own_and_of_nothing_else(hop: NextHop) -> None:
    a_copy(1, subject="for bob")
    a_copy(2, "Bob@example.test", subject="for Bob")
    a_copy(3, "eve@example.test", subject="for eve")

    assert digests.send() == 2

    told = {message["To"]: text_of(message) for message in delivered(hop)}
    assert told.keys() == {"bob@example.test", "eve@example.test"}
    assert "2 messages for bob@example.test were quarantined" in told["bob@example.test"]
    assert "for bob" in told["bob@example.test"]
    assert "for Bob" in told["bob@example.test"]
    assert "for eve" not in told["bob@example.test"]
    assert "ask postmaster@example.test for it" in told["eve@example.test"]


def test_it_is_automatic_mail_from_the_null_sender_that_nobody_answers(hop: NextHop) -> None:
    a_copy()
    digests.send()

    (message,) = delivered(hop)

    assert hop.kept[0].sender.startswith("MAIL FROM:<>")
    assert hop.kept[0].recipients == ["bob@example.test"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"] == "Backstop <postmaster@example.test>"
    assert message["Subject"] == "1 message in quarantine for bob@example.test"
    assert message["Message-ID"] == f"<{Digest.objects.get().pk}@gateway.example.test>"
    assert message["Date"].datetime == Digest.objects.get().made.replace(microsecond=0)
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert message.defects == []
    assert hop.kept[0].content.count(b"\n") == hop.kept[0].content.count(b"\r\n")


def test_a_line_has_time_sender_subject_and_reason_in_both_forms(hop: NextHop) -> None:
    copy = a_copy(sender="bounce@lists.example.org", subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?=")
    digests.send()

    (message,) = delivered(hop)

    for form in (text_of(message), html_of(message)):
        for said in (
            f"{copy.received:%Y-%m-%d %H:%M} UTC",
            "ann@example.org",
            "bounce@lists.example.org",
            "Grüße",
            "the score 9.0 reaches 8.0 (quarantine)",
            "001",
        ):
            assert said in form


def test_what_strangers_wrote_is_escaped_cut_and_no_link(hop: NextHop) -> None:
    a_copy(
        subject="<script>alert(1)</script><img src=x> https://evil.example/ www.evil.example " + "x" * 500,
        header_from='"\u202egnp.exe\u2066\r\nBcc: them" <a@example.org>',
        sender="",
        because='attachments found a file "<b>\1</b>"',
    )
    digests.send()

    (message,) = delivered(hop)

    text, html = text_of(message), html_of(message)
    assert "<script" not in html
    assert "<img" not in html
    assert "<b>" not in html
    assert "href" not in html
    for form in (text, html):
        assert "://" not in form
        assert "www." not in form
        assert "\u202e" not in form
        assert "x" * 121 not in form
    assert "Because:   attachments found a file" in text
    assert "Sender:    <> (null sender)" in text
    assert '\nFrom:      "gnp.exe Bcc: them" <a@example.org>\n' in text
    assert "Bcc" not in message


def test_nothing_is_fetched_from_anywhere(hop: NextHop) -> None:
    a_copy()
    digests.send()
    (message,) = delivered(hop)
    assert not [word for word in ("src=", "url(", "<link", "<script", "<form", "<style") if word in html_of(message)]


def test_it_is_sent_once_a_day_and_tells_the_next_day_what_came_since(
    hop: NextHop, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_copy(1, subject="of today")
    assert digests.send() == 1
    assert "of today" in text_of(*delivered(hop))
    a_copy(2, subject="of the evening")
    assert digests.send() == 0
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: tomorrow)

    assert digests.send() == 1

    _, second = delivered(hop)
    assert "1 message for bob" in text_of(second)
    assert "of the evening" in text_of(second)


def test_the_day_after_nothing_came_nothing_is_sent(hop: NextHop, monkeypatch: pytest.MonkeyPatch) -> None:
    a_copy()
    digests.send()
    assert len(delivered(hop)) == 1
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: tomorrow)

    assert digests.send() == 0


@pytest.mark.usefixtures("hop")
@pytest.mark.parametrize(
    "changes",
    [
        {"state": CopyState.RELEASED},
        {"state": CopyState.DELETED},
        {"purpose": "original"},
        {"purpose": "digest"},
        {"purpose": "copy", "state": CopyState.FAILED},
        {"recipient": "bob@elsewhere.test"},
        {"recipient": "nobody@example.test"},
        {"recipient": "not an address@example.test"},
    ],
)
def test_of_what_waits_for_nobody_here_nothing_is_told(changes: dict[str, str]) -> None:
    a_copy(**changes)
    assert digests.send() == 0
    assert not Digest.objects.exists()


@pytest.mark.usefixtures("hop")
def test_none_is_sent_where_the_domain_says_none() -> None:
    domain(digest="none")
    a_copy()
    assert digests.send() == 0


@pytest.mark.usefixtures("hop")
def test_a_recipient_may_have_it_off_with_every_detail_and_the_others_keep_it() -> None:
    Recipient.objects.filter(local_part="bob").update(digest="none")
    a_copy(1)
    a_copy(2, "bob+shop@example.test")
    a_copy(3, "eve@example.test")
    digests.send()
    assert [each.recipient for each in Digest.objects.all()] == ["eve@example.test"]


def test_a_mailbox_gets_one_for_all_its_details(hop: NextHop) -> None:
    for number, local in enumerate(("bob", "bob+shop", "Bob+List")):
        a_copy(number, f"{local}@example.test")

    assert digests.send() == 1

    (message,) = delivered(hop)
    assert hop.kept[0].recipients == ["bob@example.test"]
    assert "3 messages for bob@example.test were quarantined" in text_of(message)
    found = [line.split()[1] for line in text_of(message).splitlines() if line.startswith("For:")]
    assert found == ["bob+shop@example.test", "Bob+List@example.test"]


@pytest.mark.usefixtures("hop")
def test_a_recipient_whose_domain_was_written_in_unicode_is_told_with_the_others() -> None:
    domain(name="xn--bcher-kva.test")
    publish.publish_policy("admin", probed=True)
    for number, written in enumerate(("xn--bcher-kva.test", "bücher.test", "BÜCHER.TEST")):
        a_copy(number, f"bob@{written}")

    assert digests.send() == 1

    assert QuarantinedCopy.objects.filter(digest="", purpose="review").count() == 0
    assert Digest.objects.get().recipient == "bob@xn--bcher-kva.test"


def test_whom_to_ask_bars_no_way_that_smtputf8_alone_would_open(hop: NextHop) -> None:
    Recipient.objects.create(domain=domain(digest_to="jürgen@example.test"), local_part="jürgen")
    publish.publish_policy("admin", probed=True)
    a_copy()
    digests.send()

    (message,) = delivered(hop)

    assert message["From"] == "Backstop <postmaster@example.test>"
    assert "ask jürgen@example.test for it" in text_of(message)
    assert hop.kept[0].content.isascii()


def test_the_administrator_is_told_of_the_whole_domain_with_links_to_the_console(
    hop: NextHop, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(url="https://mx.example.test")
    monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(settings.CONFIG, console=console))
    domain(digest="administrator", digest_to="admin@example.test")
    bob = a_copy(1)
    a_copy(2, "gone@example.test")

    assert digests.send() == 1

    (message,) = delivered(hop)
    assert message["To"] == "admin@example.test"
    assert message["Subject"] == "2 messages in quarantine for example.test"
    page = f"https://mx.example.test/gateway/quarantinedcopy/{bob.pk}/change/"
    assert f"\n{page}\n" in text_of(message)
    assert f'<a href="{page}">' in html_of(message)
    assert "For:       gone@example.test" in text_of(message)


def test_there_is_no_link_where_nobody_has_said_how_the_console_is_reached(hop: NextHop) -> None:
    domain(digest="administrator", digest_to="admin@example.test")
    a_copy()
    digests.send()
    (message,) = delivered(hop)
    assert "http" not in text_of(message)
    assert "href" not in html_of(message)


def test_a_virus_is_named_and_not_offered_also_where_something_else_decided(
    hop: NextHop, monkeypatch: pytest.MonkeyPatch, writer: JournalWriter
) -> None:
    console = Console(url="https://mx.example.test")
    monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(settings.CONFIG, console=console))
    domain(digest="administrator", digest_to="admin@example.test")
    trace = samples.trace("01a", quarantined=True)
    found = msgspec.structs.replace(trace.observations[1].findings[0], symbol="VIRUS")
    by_clamd = msgspec.structs.replace(trace.observations[1], check="clamav", findings=(found,))
    writer.append(encode(TraceRecord(trace=msgspec.structs.replace(trace, observations=[by_clamd]))))
    ingest_once(settings.CONFIG.journal_folder)
    a_copy(2, check_name="clamav", symbol="VIRUS", because="clamav found VIRUS (Eicar)")

    digests.send()

    (message,) = delivered(hop)
    assert text_of(message).count("It contains a virus, and is not handed out.") == 2
    assert html_of(message).count("It contains a virus, and is not handed out.") == 2
    assert "https://" not in text_of(message)


def test_of_many_the_first_are_listed_and_the_rest_is_counted(hop: NextHop) -> None:
    for number in range(LINES + 17):
        a_copy(number, subject=f"message {number}.")
    digests.send()

    (message,) = delivered(hop)

    assert f"{LINES + 17} messages for bob@example.test" in text_of(message)
    assert text_of(message).endswith("\nand 17 more\n")
    assert f"message {LINES - 1}." in html_of(message)
    assert f"message {LINES}." not in html_of(message)
    assert QuarantinedCopy.objects.filter(digest="", purpose="review").count() == 0


@pytest.mark.usefixtures("hop")
@pytest.mark.parametrize("address", ["admin@elsewhere.test", "nobody@example.test", ""])
def test_an_administrator_who_is_none_of_ours_any_more_gets_none_and_there_is_an_alarm(address: str) -> None:
    domain(digest="administrator", digest_to=address)
    a_copy()

    assert digests.send() == 0

    assert "domain example.test can't send its digest: " in Alarm.objects.get().text
    assert QuarantinedCopy.objects.get().digest == ""


def test_a_refused_digest_stays_as_failed_with_an_alarm_and_is_told_of_by_no_digest(
    hop: NextHop, monkeypatch: pytest.MonkeyPatch
) -> None:
    hop.script.rcpt = {"bob": "550 5.1.1 no such user"}
    a_copy()
    digests.send()
    assert delivered(hop) == []
    assert QuarantinedCopy.objects.get(purpose="digest").state == CopyState.FAILED
    assert "bob@example.test does not take what is redirected, copied or told to it" in Alarm.objects.get().text
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: tomorrow)
    assert digests.send() == 0


@pytest.mark.usefixtures("hop")
def test_on_a_restored_node_that_waits_none_is_made(home: Path) -> None:
    a_copy()
    hold.place(home, 0.0)
    assert digests.send() == 0
    assert not Digest.objects.exists()


@pytest.mark.usefixtures("hop")
def test_while_another_process_is_at_it_none_is_made(home: Path) -> None:
    a_copy()
    (home / "locks").mkdir()
    with (home / "locks" / "smtp-digests").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert digests.send() == 0
    assert digests.send() == 1


@pytest.mark.usefixtures("hop")
def test_one_of_the_same_day_that_another_node_made_is_not_made_again() -> None:
    a_copy()
    digests.send()
    QuarantinedCopy.objects.update(digest="")
    Digest.objects.update(node="other.example.test", spooled=False)
    assert digests.send() == 0


class Killed(BaseException):
    """Stands for kill -9 in the middle."""


def test_one_that_was_killed_before_it_came_to_the_spool_is_sent_by_the_next_run(
    hop: NextHop, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_copy()
    with monkeypatch.context() as patch:
        patch.setattr(Staged, "commit", killed)
        with pytest.raises(Killed):
            digests.send()
    assert Digest.objects.get().spooled is False
    assert delivered(hop) == []

    assert digests.send() == 1
    assert digests.send() == 0

    assert len(delivered(hop)) == 1


@pytest.mark.parametrize("left", [0, 1])
def test_one_that_was_cut_off_does_not_tell_of_what_was_released_meanwhile(
    hop: NextHop, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    for number in range(1 + left):
        a_copy(number, subject=f"subject {number}")
    with monkeypatch.context() as patch:
        patch.setattr(Staged, "commit", killed)
        with pytest.raises(Killed):
            digests.send()
    QuarantinedCopy.objects.filter(subject="subject 0").update(state=CopyState.RELEASED)

    assert digests.send() == left
    assert digests.send() == 0

    assert Digest.objects.count() == left
    assert ["subject 0" in text_of(each) for each in delivered(hop)] == [False] * left


@pytest.mark.parametrize("meanwhile", ["it waits", "it was delivered"])
def test_one_that_was_killed_behind_the_spool_is_not_sent_twice(
    hop: NextHop, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    a_copy()
    commit = Staged.commit
    with monkeypatch.context() as patch:
        patch.setattr(Staged, "commit", lambda self: (commit(self), killed()))
        with pytest.raises(Killed):
            digests.send()
    assert Digest.objects.get().spooled is False
    if meanwhile == "it was delivered":
        assert len(delivered(hop)) == 1

    assert digests.send() == 0

    assert len(delivered(hop)) == 1
    assert Digest.objects.get().spooled is True


@pytest.mark.usefixtures("hop")
def test_one_that_was_killed_and_whose_address_is_gone_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    a_copy()
    with monkeypatch.context() as patch:
        patch.setattr(Staged, "commit", killed)
        with pytest.raises(Killed):
            digests.send()
    Recipient.objects.filter(local_part="bob").delete()
    publish.publish_policy("admin", probed=True)

    assert digests.send() == 0

    assert not Digest.objects.exists()
    assert QuarantinedCopy.objects.get().digest == ""


def test_where_the_disk_does_not_take_it_an_alarm_is_raised_and_it_is_sent_later(
    hop: NextHop, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    def full(*_: object) -> Staged:
        raise SpoolError(home, "the disk is full")

    a_copy()
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "stage", full)
        assert digests.send() == 0
    assert "digests wait, they can't be written" in Alarm.objects.get().text

    assert digests.send() == 1
    assert len(delivered(hop)) == 1


@pytest.mark.usefixtures("hop")
def test_an_address_that_is_not_ascii_is_written_as_smtputf8_has_it(hop: NextHop) -> None:
    Recipient.objects.create(domain=domain(), local_part="jürgen")
    publish.publish_policy("admin", probed=True)
    a_copy(1, "jürgen@example.test")
    digests.send()
    delivered(hop)
    assert "To: <jürgen@example.test>\r\n".encode() in hop.kept[0].content
    assert "SMTPUTF8" in hop.kept[0].sender


def test_retention_forgets_old_digests_and_none_that_waits(hop: NextHop) -> None:
    a_copy()
    digests.send()
    delivered(hop)
    Digest.objects.update(made=timezone.now() - timedelta(days=31))
    Digest.objects.create(id="b", domain="example.test", kind="recipients", recipient="b@example.test",
                          made=timezone.now() - timedelta(days=31), node=samples.NODE)  # fmt: skip
    retention.expire()
    assert [each.pk for each in Digest.objects.all()] == ["b"]


def test_smtpd_that_starts_meanwhile_leaves_alone_what_is_being_written(
    hop: NextHop, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    stage = Spool.stage

    def staged(spool: Spool, item: Item, content: Content) -> Staged:
        made = stage(spool, item, content)
        sweep(settings.CONFIG)
        return made

    a_copy()
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "stage", staged)
        assert digests.send() == 1
    assert len(delivered(hop)) == 1
    sweep(settings.CONFIG)
    assert list((home / "spool" / "staging").iterdir()) == []


def killed(*_: object) -> None:
    raise Killed
