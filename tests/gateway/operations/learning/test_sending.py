"""Who reached a sending limit is noted with the figures, told as one alarm, and unblocked with one click."""

from datetime import timedelta

import pytest
from django.utils import timezone

from gateway.checks.sending_limits import NAME
from gateway.mail.client import Client
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.mail.trace import Trace
from gateway.models import Alarm, AuditEntry, SendingBlock
from gateway.operations.learning import publishing, sending

pytestmark = pytest.mark.django_db


def over(name: str = "kim", listener: str = "outbound", seconds: float = 0.0) -> Trace:
    """Give a trace of mail that was held back."""
    facts = {"kind": "account", "name": name, "what": "messages", "limit": "500"}
    finding = Finding("SENDING_LIMIT", 0.0, f"account {name} has sent 500 messages within 1 h", facts=facts)
    return Trace(
        id="01S",
        started=timezone.now().timestamp() + seconds,
        node="mx",
        revision=1,
        listener=listener,
        client=Client(ip="192.0.2.7", account=name),
        observations=[Observation(NAME, Stage.MAIL, Outcome.HIT, (finding,))],
    )


def test_one_limit_is_one_row_and_one_alarm_however_often_it_holds_somebody_back() -> None:
    sending.take_in([over(), over(seconds=5)])
    row = SendingBlock.objects.get()
    assert (row.kind, row.name, row.what, row.figure, row.count) == ("account", "kim", "messages", 500, 2)
    alarm = Alarm.objects.get()
    assert "account kim has sent 500 messages within 1 h" in alarm.text
    assert alarm.count == 2


def test_mail_that_comes_in_has_no_such_limit() -> None:
    sending.take_in([over(listener="inbound")])
    assert not SendingBlock.objects.exists()


def test_a_click_unblocks_clears_the_alarm_and_reaches_the_smtp_side() -> None:
    sending.take_in([over()])
    assert sending.unblock("account", "kim", "admin") == 1
    assert not sending.is_blocked(SendingBlock.objects.get())
    assert Alarm.objects.get().cleared is not None
    assert AuditEntry.objects.filter(who="admin", verb="unblock sending").exists()
    assert "account:kim" in publishing.build().unblocked


def test_who_reaches_it_again_is_blocked_again_and_told_again() -> None:
    sending.take_in([over()])
    sending.unblock("account", "kim", "admin")
    sending.take_in([over(seconds=60)])
    assert sending.is_blocked(SendingBlock.objects.get())
    assert Alarm.objects.get().cleared is None


def test_what_was_long_ago_is_forgotten() -> None:
    sending.take_in([over()])
    sending.look_after(timezone.now() + timedelta(days=31))
    assert not SendingBlock.objects.exists()
