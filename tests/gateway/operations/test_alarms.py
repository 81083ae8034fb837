"""Alarms, counted while they last."""

from datetime import timedelta

import pytest
from django.utils import timezone

from gateway.models import Alarm, AuditEntry
from gateway.operations.alarms import Raised, clear, raise_alarm, raise_all

pytestmark = pytest.mark.django_db


def test_the_same_text_is_one_alarm_with_a_count() -> None:
    for _ in range(3):
        raise_alarm("node", "clamd does not answer")

    alarm = Alarm.objects.get()
    assert (alarm.text, alarm.node, alarm.count) == ("clamd does not answer", "node", 3)
    assert alarm.first <= alarm.last


def test_a_text_without_end_is_cut_and_still_one_alarm() -> None:
    raise_alarm("node", "\0" + "x" * 999)
    raise_alarm("node", "\0" + "x" * 999)

    alarm = Alarm.objects.get()
    assert (alarm.text, alarm.count) == ("\ufffd" + "x" * 399, 2)


def test_clearing_is_on_record_and_done_once() -> None:
    raise_alarm("node", "clamd does not answer")

    assert clear(Alarm.objects.all(), "admin") == 1
    assert clear(Alarm.objects.all(), "admin") == 0

    assert Alarm.objects.get().cleared
    assert AuditEntry.objects.get().verb == "clear alarm"


def test_a_cleared_alarm_opens_again_when_it_is_back() -> None:
    raise_alarm("node", "clamd does not answer")
    raise_alarm("node", "clamd does not answer")
    clear(Alarm.objects.all(), "admin")

    raise_alarm("node", "clamd does not answer")

    alarm = Alarm.objects.get()
    assert (alarm.cleared, alarm.count) == (None, 1)


def test_a_late_record_does_not_open_what_was_cleared_after_it() -> None:
    raise_alarm("node", "clamd does not answer")
    clear(Alarm.objects.all(), "admin")

    raise_all([Raised("node", "clamd does not answer", timezone.now() - timedelta(hours=1))])

    assert Alarm.objects.get().cleared
