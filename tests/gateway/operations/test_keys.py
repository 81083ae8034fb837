from datetime import timedelta
from pathlib import Path

import pytest

from gateway.models import Domain, MarkingKey, NodePolicy
from gateway.operations import keys
from gateway.operations.apply import apply_policy
from gateway.operations.building import build
from gateway.operations.export import export_policy
from gateway.operations.publish import publish_policy
from gateway.policy.location import PolicyError
from gateway.services import secrets

pytestmark = pytest.mark.django_db


def secret(home: Path, id_: str) -> str | None:
    return secrets.read(home / "secrets", id_)


def test_the_first_key_signs_today_and_the_next_one_tomorrow(home: Path) -> None:
    first, second = keys.make_key("admin"), keys.make_key("admin")

    assert (first.since, second.since) == (keys.today(), keys.today() + timedelta(days=1))
    assert first.number != second.number
    assert secret(home, first.secret) != secret(home, second.secret)


def test_ten_keys_have_ten_numbers_and_the_eleventh_begins_again(home: Path) -> None:  # noqa: ARG001
    numbers = [keys.make_key("admin").number for _ in range(11)]

    assert sorted(numbers[:10]) == list(range(10))
    assert 0 <= numbers[10] <= 9


def test_another_key_signs_at_once_when_the_only_one_is_retired(home: Path) -> None:  # noqa: ARG001
    first = keys.make_key("admin")

    keys.retire(first, "admin")

    (new,) = MarkingKey.objects.filter(retired=False)
    assert new.since == keys.today()


def test_a_key_that_waits_signs_at_once_when_the_one_before_is_retired(home: Path) -> None:  # noqa: ARG001
    first, second = keys.make_key("admin"), keys.make_key("admin")

    keys.retire(first, "admin")

    assert [(key.pk, key.since) for key in MarkingKey.objects.filter(retired=False)] == [(second.pk, keys.today())]


def test_the_secret_of_a_retired_key_is_destroyed_with_the_publish_and_not_before(home: Path, domain: Domain) -> None:  # noqa: ARG001
    key = keys.make_key("admin")
    publish_policy("admin")

    keys.retire(key, "admin")
    assert secret(home, key.secret)
    publish_policy("admin")

    assert secret(home, key.secret) is None


def test_a_dkim_key_that_another_follows_is_destroyed_with_the_publish(home: Path, domain: Domain) -> None:
    keys.make_dkim_key(domain, "admin")
    first = domain.dkim_secret
    publish_policy("admin")

    keys.make_dkim_key(domain, "admin")
    assert secret(home, first)
    publish_policy("admin")

    assert secret(home, first) is None
    assert secret(home, domain.dkim_secret)


def test_marking_goes_into_the_policy_and_through_an_export_and_back(domain: Domain) -> None:
    keys.retire(keys.make_key("admin"), "admin")
    keys.make_seal("admin")
    keys.make_dkim_key(domain, "admin")
    Domain.objects.update(marks_since="2026-11-01")
    NodePolicy.objects.update(never_tag=["lists.test", "a@b.test"])
    publish_policy("admin")
    before, text = build(1, ""), export_policy()

    assert apply_policy(text, "export.yml", "admin") == []
    MarkingKey.objects.all().delete()
    NodePolicy.objects.update(never_tag=[], seal_secret="")
    Domain.objects.update(marks_since=None, dkim_secret="", dkim_selector="")
    assert apply_policy(text, "export.yml", "admin")

    after = build(1, "")
    assert len(before.marking.keys) == 2
    assert after.marking == before.marking
    assert after.domains == before.domains
    assert after.domains["example.test"].marks_since == "2026-11-01"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("marking:\n  keys:\n  - {number: 1, secret: batv-1, since: soon}\n", "m.yml:3: 'soon' is no day"),
        ("marking:\n  keys:\n  - {number: 12, secret: batv-1, since: 2026-11-21}\n", "12 is no number of a key"),
        ("marking:\n  never_tag: [nobody@]\n", "m.yml:2: 'nobody@' is no sender address"),
        ("marking:\n  seal: ../passwd\n", "is no id of a secret"),
    ],
)
def test_a_mistake_is_told_with_its_line(home: Path, text: str, says: str) -> None:  # noqa: ARG001
    with pytest.raises(PolicyError) as error:
        apply_policy(text, "m.yml", "admin")

    assert says in str(error.value)
