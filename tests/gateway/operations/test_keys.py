from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gateway.models import Alarm, Domain, MarkingKey, NodePolicy, PolicyRevision, Route, RouteHost
from gateway.operations import keys
from gateway.operations.apply import apply_policy
from gateway.operations.building import build
from gateway.operations.export import export_policy
from gateway.operations.publish import publish_policy
from gateway.policy import codec
from gateway.policy.location import PolicyError
from gateway.services import secrets

pytestmark = pytest.mark.django_db


@pytest.fixture
def domain(home: Path) -> Domain:  # noqa: ARG001 - the secrets lie there
    route = Route.objects.create(name="inside")
    RouteHost.objects.create(route=route, position=0, host="127.0.0.1")
    return Domain.objects.create(name="example.test", route=route)


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


def test_a_key_is_removed_when_its_last_tag_has_expired(home: Path) -> None:  # noqa: ARG001
    day = keys.today()
    for age, number in ((60, 1), (8, 2), (7, 3)):
        MarkingKey.objects.create(number=number, secret=f"batv-{number}", since=day - timedelta(days=age))

    assert keys.remove_expired("admin") == 1
    assert {key.number for key in MarkingKey.objects.all()} == {2, 3}


@pytest.mark.parametrize(("age", "due"), [(29, False), (30, True)])
def test_a_key_signs_for_thirty_days(age: int, *, due: bool) -> None:
    MarkingKey.objects.create(number=1, secret="batv-1", since=keys.today() - timedelta(days=age))

    assert keys.rotation_is_due() is due


def aged_key(home: Path, age: int) -> MarkingKey:
    secrets.write(home / "secrets", "batv-old", "old")
    return MarkingKey.objects.create(number=1, secret="batv-old", since=keys.today() - timedelta(days=age))


def test_the_schedule_makes_the_next_key_and_publishes_it(home: Path, domain: Domain) -> None:  # noqa: ARG001
    aged_key(home, 30)
    publish_policy("admin")

    keys.tend()
    keys.tend()

    assert len(codec.load(home / "policy" / "current.json").marking.keys) == 2


def test_the_schedule_leaves_publishing_to_a_person_who_edits(home: Path, domain: Domain) -> None:
    aged_key(home, 30)
    publish_policy("admin")
    domain.accept_unknown = True
    domain.save()

    keys.tend()

    assert len(codec.load(home / "policy" / "current.json").marking.keys) == 1
    assert "waits for a publish" in Alarm.objects.get().text


def test_the_schedule_does_nothing_where_nothing_is_due(home: Path, domain: Domain) -> None:  # noqa: ARG001
    aged_key(home, 3)
    publish_policy("admin")

    keys.tend()

    assert MarkingKey.objects.count() == 1
    assert PolicyRevision.objects.count() == 1


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


def test_the_records_to_publish_hold_the_public_key(home: Path, domain: Domain) -> None:
    keys.make_dkim_key(domain, "admin")

    spf, dkim, dmarc = keys.dns_records(domain)

    private = serialization.load_pem_private_key(str(secret(home, domain.dkim_secret)).encode(), None)
    assert private.key_size == 2048
    assert spf == ("example.test", "v=spf1 mx ~all")
    assert dkim[0] == f"{domain.dkim_selector}._domainkey.example.test"
    assert dkim[1].startswith("v=DKIM1; k=rsa; p=MIIB")
    assert dmarc[0] == "_dmarc.example.test"


def test_without_a_key_there_is_no_dkim_record(domain: Domain) -> None:
    assert [name for name, _ in keys.dns_records(domain)] == ["example.test", "_dmarc.example.test"]


def test_a_long_record_is_cut_into_strings_of_255_octets() -> None:
    assert keys.zone_line("a.test", "x" * 300) == f'a.test. IN TXT ( "{"x" * 255}" "{"x" * 45}" )'
    assert keys.zone_line("a.test", "x") == 'a.test. IN TXT "x"'


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
