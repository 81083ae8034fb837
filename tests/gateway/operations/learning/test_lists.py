"""DNS lists are probed at their own test points; what fails is switched off, said, and switched on again by itself."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from gateway.config import Dns
from gateway.models import Alarm, AuditEntry, ListHealth
from gateway.operations import learning
from gateway.operations.doctor import LOOKS, Level
from gateway.operations.learning import lists
from gateway.policy import codec
from gateway.policy.feed import LearnedFeed
from gateway.policy.snapshot import DnsList, Snapshot
from gateway.services.dns.probes import Probed
from smtpfront.lab.nameserver import Nameserver
from tests.nameserving import serving

pytestmark = pytest.mark.django_db

ONE = "one.test"
WELL = {f"2.0.0.127.{ONE}": {"A": ["127.0.0.2"]}}


@pytest.fixture
def nameserver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nameserver]:
    """A name server that the configuration names."""
    with serving(dict(WELL)) as server:
        dns = Dns(servers=(server.address,), seconds=60.0)
        monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(settings.CONFIG, dns=dns))
        yield server


def publish(home: Path, **named: DnsList) -> None:
    folder = home / "policy"
    folder.mkdir(exist_ok=True)
    zones = {f"{name}.test": words for name, words in named.items()}
    (folder / "current.json").write_bytes(codec.encode(Snapshot(1, "2026-01-01T00:00:00Z", "test", dns_lists=zones)))


def probed(home: Path, server: Nameserver, zone: dict[str, object], words: DnsList | None = None) -> ListHealth:
    publish(home, one=words or DnsList())
    server.zone = zone  # type: ignore[assignment] # a table of any kind
    (row,) = lists.probe()
    return row


def test_a_list_whose_test_points_are_right_is_well(home: Path, nameserver: Nameserver) -> None:
    row = probed(home, nameserver, dict(WELL))

    assert (row.trouble, row.remark, row.off_since) == ("", "", None)
    assert {name for name, _ in nameserver.asked} == {f"2.0.0.127.{ONE}", f"1.0.0.127.{ONE}"}


@pytest.mark.parametrize(
    ("zone", "because"),
    [
        ({}, "its test point 127.0.0.2 must be listed, and is not"),
        (
            WELL | {f"1.0.0.127.{ONE}": {"A": ["127.0.0.2"]}},
            "its test point 127.0.0.1 must not be listed, and is: it may list everything",
        ),
        ({f"2.0.0.127.{ONE}": {"A": ["127.255.255.254"]}}, "it answers with the error 127.255.255.254: "),
        ({f"2.0.0.127.{ONE}": {"A": ["203.0.113.80"]}}, "it answers 203.0.113.80, which no DNS list does"),
    ],
)
def test_a_list_that_answers_wrongly_is_off_at_once(
    home: Path, nameserver: Nameserver, zone: dict[str, object], because: str
) -> None:
    row = probed(home, nameserver, zone)

    assert row.off_since is not None
    assert row.because.startswith(because)
    assert Alarm.objects.get().text.startswith(f"DNS list one.test is switched off: {because}")
    assert AuditEntry.objects.get().verb == "switch off DNS list"


@pytest.mark.parametrize("trouble", ["silent", "servfail"])
def test_a_list_that_is_silent_is_off_after_three_probes(
    home: Path, nameserver: Nameserver, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    hasty = msgspec.structs.replace(settings.CONFIG.dns, seconds=0.5)
    monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(settings.CONFIG, dns=hasty))
    offs = [probed(home, nameserver, {f"2.0.0.127.{ONE}": trouble}).off_since is not None for _ in range(3)]

    assert offs == [False, False, True]


def test_one_answer_in_between_starts_the_count_again(home: Path, nameserver: Nameserver) -> None:
    silent = {f"2.0.0.127.{ONE}": "servfail"}
    rows = [probed(home, nameserver, zone) for zone in (silent, silent, dict(WELL), silent, silent)]

    assert all(row.off_since is None for row in rows)


def test_a_list_is_on_again_by_itself_once_it_is_well(home: Path, nameserver: Nameserver) -> None:
    probed(home, nameserver, {})

    row = probed(home, nameserver, dict(WELL))

    assert (row.off_since, row.because) == (None, "")
    assert Alarm.objects.get().cleared is not None
    assert {each.verb for each in AuditEntry.objects.all()} >= {"switch off DNS list", "switch on DNS list"}


def test_what_is_off_reaches_the_smtp_side_by_its_number(home: Path, nameserver: Nameserver) -> None:
    row = probed(home, nameserver, {})

    learning.publish()

    known = LearnedFeed(home / "learned").current
    assert known is not None
    assert known.lists_off[ONE].number == row.pk
    assert known.lists_off[ONE].because == row.because


def test_an_ipv6_test_point_is_asked_for_by_its_nibbles(home: Path, nameserver: Nameserver) -> None:
    name = f"2{'.0' * 31}.{ONE}"

    row = probed(home, nameserver, {name: {"A": ["127.0.0.2"]}}, DnsList(listed="::2", unlisted=""))

    assert row.trouble == ""


def test_a_list_without_test_points_is_never_switched_off(home: Path, nameserver: Nameserver) -> None:
    row = probed(home, nameserver, {}, DnsList(listed="", unlisted=""))

    assert row.off_since is None
    assert "no test points" in row.remark


def test_codes_that_do_not_count_are_remarked_on(home: Path, nameserver: Nameserver) -> None:
    row = probed(home, nameserver, dict(WELL), DnsList(codes={"127.0.0.3": 4.0}))

    assert row.off_since is None
    assert row.remark == "it answers 127.0.0.2 on its test point, none of which counts: are its codes right?"


def test_a_list_that_the_policy_no_longer_names_is_forgotten_with_its_alarm(home: Path, nameserver: Nameserver) -> None:
    probed(home, nameserver, {})
    publish(home)

    assert lists.probe() == []
    assert not ListHealth.objects.exists()
    assert Alarm.objects.get().cleared is not None


def test_without_a_policy_nothing_is_forgotten(home: Path, nameserver: Nameserver) -> None:
    probed(home, nameserver, {})
    (home / "policy" / "current.json").unlink()

    assert [row.zone for row in lists.probe()] == [ONE]


def test_the_command_probes_and_tells(home: Path, nameserver: Nameserver) -> None:
    publish(home, one=DnsList())
    nameserver.zone = {}
    told = StringIO()

    with pytest.raises(SystemExit, match="1"):
        call_command("lists", "--probe", "--json", stdout=told)

    (line,) = told.getvalue().splitlines()
    assert (json.loads(line)["list"], json.loads(line)["on"]) == (ONE, False)
    assert ONE in LearnedFeed(home / "learned").current.lists_off  # type: ignore[union-attr] # it was just written


@pytest.mark.usefixtures("home")
def test_the_command_says_where_there_is_no_list() -> None:
    told = StringIO()
    call_command("lists", stdout=told)
    assert "No DNS list is in force" in told.getvalue()


def test_the_command_names_what_nobody_has_probed_yet(home: Path) -> None:
    publish(home, one=DnsList())
    told = StringIO()

    call_command("lists", stdout=told)

    assert "one.test" in told.getvalue()
    assert "not probed yet" in told.getvalue()


def test_the_doctor_tells_how_each_list_is(home: Path) -> None:
    publish(home, one=DnsList(), two=DnsList(), three=DnsList())
    lists.record([Probed(ONE), Probed("two.test", "it lists everything")], timezone.now())

    found = {each.text.split()[0]: each.level for each in LOOKS["DNS lists"](settings.CONFIG)}

    assert found == {ONE: Level.OK, "two.test": Level.FAIL, "three.test": Level.SKIP}


def test_the_doctor_tells_whether_each_dns_server_answers(nameserver: Nameserver) -> None:
    dead = msgspec.structs.replace(settings.CONFIG.dns, servers=(nameserver.address, "127.0.0.1:9"))

    found = list(LOOKS["DNS"](msgspec.structs.replace(settings.CONFIG, dns=dead)))

    assert [each.level for each in found] == [Level.OK, Level.WARN]
    assert found[0].text.startswith(f"{nameserver.address} answers in ")
