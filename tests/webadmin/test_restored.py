"""The console says that a node was restored, and lets somebody who may release decide what becomes of what waits."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateway.models import QuarantinedCopy, Transaction
from gateway.models.quarantine import CopyState
from gateway.operations import hold
from gateway.operations.backup import records
from gateway.operations.backup.records import BackupRecord, Proof
from tests.webadmin.people import person

PAGE = "admin:restored"


@pytest.fixture
def held(seeded: Path) -> int:
    """A restored node on which one copy is due; gives its number."""
    hold.place(seeded, time.time() - 86_400)
    number = QuarantinedCopy.objects.filter(state=CopyState.QUARANTINED).values_list("pk", flat=True)[0]
    QuarantinedCopy.objects.filter(pk=number).update(state=CopyState.RELEASING, next_attempt=timezone.now())
    return number


def state_of(number: int) -> str:
    return QuarantinedCopy.objects.get(pk=number).state


@pytest.mark.usefixtures("held")
def test_the_first_page_says_that_nothing_leaves(admin: Client) -> None:
    text = admin.get(reverse("admin:index")).content.decode()
    assert "Restored: nothing leaves by itself" in text
    assert reverse(PAGE) in text


def test_the_page_shows_what_waits(admin: Client, held: int) -> None:
    text = admin.get(reverse(PAGE)).content.decode()
    assert QuarantinedCopy.objects.get(pk=held).recipient in text
    assert "This node was restored at" in text


def test_what_waits_can_be_kept(admin: Client, held: int) -> None:
    admin.post(reverse(PAGE), {"what": "keep"})
    assert state_of(held) == CopyState.QUARANTINED
    assert hold.of(settings.CONFIG) is None


def test_what_waits_can_leave(admin: Client, held: int) -> None:
    admin.post(reverse(PAGE), {"what": "send"})
    assert state_of(held) == CopyState.RELEASING
    assert hold.of(settings.CONFIG) is None


def test_a_post_that_says_neither_changes_nothing(admin: Client, held: int) -> None:
    assert admin.post(reverse(PAGE)).status_code == 400
    assert state_of(held) == CopyState.RELEASING
    assert hold.of(settings.CONFIG) is not None


@pytest.mark.usefixtures("held")
def test_who_may_not_release_may_not_resume() -> None:
    assert person("view_quarantinedcopy").post(reverse(PAGE), {"what": "send"}).status_code == 403
    assert hold.of(settings.CONFIG) is not None


@pytest.mark.usefixtures("seeded")
def test_without_a_restore_the_page_says_so(admin: Client) -> None:
    assert "Nothing is held" in admin.get(reverse(PAGE)).content.decode()


@pytest.mark.usefixtures("seeded")
def test_the_first_page_tells_the_last_backup_and_the_last_proof(admin: Client) -> None:
    now = time.time()
    records.note_backup(settings.CONFIG, BackupRecord(now, now, "/set", 1, 1))
    records.note_proof(settings.CONFIG, Proof(now - 3 * 86_400, now, "/set", ("a seal verifies",), ("no key",)))
    text = admin.get(reverse("admin:index")).content.decode()
    assert "Last proof that one can be restored" in text
    assert "3 days old" in text
    assert "A seal verifies" in text
    assert "could not be proven: no key" in text


def first_page(admin: Client) -> str:
    return admin.get(reverse("admin:index")).content.decode()


@pytest.mark.usefixtures("seeded")
def test_of_a_proof_that_failed_each_failure_is_listed_before_what_was_proven(admin: Client) -> None:
    now = time.time()
    records.note_proof(settings.CONFIG, Proof(now, now, "/set", ("a seal verifies",), ("no key", "one file is gone")))
    text = first_page(admin)
    assert "<li>No key.</li><li>One file is gone.</li></ul><p" in text
    assert "0 hours old" in text


@pytest.mark.usefixtures("seeded")
def test_a_node_that_has_carried_mail_for_days_without_a_backup_is_told_so(admin: Client) -> None:
    said = "No backup was made of this node yet"
    assert said not in first_page(admin)  # a newcomer is not scolded
    oldest = Transaction.objects.order_by("started")[0]
    Transaction.objects.filter(pk=oldest.pk).update(started=timezone.now() - timedelta(days=3))
    text = first_page(admin)
    assert said in text
    assert reverse("admin:health") in text
    now = time.time()
    records.note_backup(settings.CONFIG, BackupRecord(now, now, "/set", 1, 1))
    assert said not in first_page(admin)
