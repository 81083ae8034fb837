"""BATV keys by schedule: the next one in time, and none beyond its last tag."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.models import Alarm, Domain, MarkingKey, PolicyRevision
from gateway.operations import keys, rotation
from gateway.operations.publish import publish_policy
from gateway.policy import codec
from gateway.services import secrets

pytestmark = pytest.mark.django_db


def test_a_key_is_removed_when_its_last_tag_has_expired(home: Path) -> None:  # noqa: ARG001
    day = keys.today()
    for age, number in ((60, 1), (8, 2), (7, 3)):
        MarkingKey.objects.create(number=number, secret=f"batv-{number}", since=day - timedelta(days=age))

    assert rotation.remove_expired("admin") == 1
    assert {key.number for key in MarkingKey.objects.all()} == {2, 3}


@pytest.mark.parametrize(("age", "due"), [(29, False), (30, True)])
def test_a_key_signs_for_thirty_days(age: int, *, due: bool) -> None:
    MarkingKey.objects.create(number=1, secret="batv-1", since=keys.today() - timedelta(days=age))

    assert rotation.is_due() is due


def aged_key(home: Path, age: int) -> MarkingKey:
    secrets.write(home / "secrets", "batv-old", "old")
    return MarkingKey.objects.create(number=1, secret="batv-old", since=keys.today() - timedelta(days=age))


def test_the_schedule_makes_the_next_key_and_publishes_it(home: Path, domain: Domain) -> None:  # noqa: ARG001
    aged_key(home, 30)
    publish_policy("admin")

    rotation.tend()
    rotation.tend()

    assert len(codec.load(home / "policy" / "current.json").marking.keys) == 2


def test_the_schedule_leaves_publishing_to_a_person_who_edits(home: Path, domain: Domain) -> None:
    aged_key(home, 30)
    publish_policy("admin")
    domain.accept_unknown = True
    domain.save()

    rotation.tend()

    assert len(codec.load(home / "policy" / "current.json").marking.keys) == 1
    assert "waits for a publish" in Alarm.objects.get().text


def test_the_schedule_does_nothing_where_nothing_is_due(home: Path, domain: Domain) -> None:  # noqa: ARG001
    aged_key(home, 3)
    publish_policy("admin")

    rotation.tend()

    assert MarkingKey.objects.count() == 1
    assert PolicyRevision.objects.count() == 1
