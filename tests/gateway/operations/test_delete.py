"""Deleting quarantined copies."""

import pytest
from django.utils import timezone

from gateway.models import AuditEntry, QuarantinedCopy
from gateway.operations import adopt
from gateway.operations.delete import delete
from gateway.spool.quarantine import Quarantine
from gateway.spool.staging import Spool
from tests import samples

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(spool: Spool) -> str:
    spool.stage(samples.item("01a", "b@example.test", "c@example.test"), samples.content()).commit()
    adopt.adopt()
    return "01a"


def test_the_bytes_stay_until_the_last_copy_is_deleted(message: str, quarantine: Quarantine) -> None:
    assert delete(QuarantinedCopy.objects.filter(recipient="b@example.test"), "admin") == 1
    assert quarantine.exists(message)

    assert delete(QuarantinedCopy.objects.all(), "admin") == 1

    assert not quarantine.exists(message)
    assert set(QuarantinedCopy.objects.values_list("state", flat=True)) == {"deleted"}


@pytest.mark.usefixtures("message")
def test_each_deletion_is_on_record_once() -> None:
    delete(QuarantinedCopy.objects.all(), "admin")
    assert delete(QuarantinedCopy.objects.all(), "admin") == 0

    assert sorted(AuditEntry.objects.values_list("who", "verb", "target")) == [
        ("admin", "delete", "01a for b@example.test"),
        ("admin", "delete", "01a for c@example.test"),
    ]


@pytest.mark.parametrize(("state", "deleted"), [("failed", 2), ("released", 0), ("expired", 0), ("releasing", 2)])
@pytest.mark.usefixtures("message")
def test_only_what_is_still_kept_can_be_deleted(state: str, deleted: int) -> None:
    QuarantinedCopy.objects.update(state=state)

    assert delete(QuarantinedCopy.objects.all(), "admin") == deleted


def test_a_copy_that_is_being_delivered_is_left_alone(message: str, quarantine: Quarantine) -> None:
    QuarantinedCopy.objects.update(state="releasing", claimed=timezone.now())

    assert delete(QuarantinedCopy.objects.all(), "admin") == 0

    assert quarantine.exists(message)
