"""What DNS says of the records, asked of a real name server on loopback."""

import time
from collections.abc import Callable, Iterator

import msgspec
import pytest
from django.conf import settings

from gateway.config import Config, Dns, Smtp
from gateway.models import Domain
from gateway.operations import records
from gateway.operations.records import Kind, Seen, State
from smtpfront.lab.nameserver import Nameserver
from tests.nameserving import serving

DMARC = '"v=DMARC1;p=none ; rua=mailto:postmaster@example.org;"'  # spaces and a last semicolon are no difference
Look = Callable[..., dict[str, Seen]]


@pytest.fixture
def server() -> Iterator[Nameserver]:
    with serving({}) as running:
        yield running


@pytest.fixture
def look(config: Config, domain: Domain, server: Nameserver) -> Look:
    """Compare with what a zone has, and give what was seen by type and name."""

    def run(zone: dict[str, object], *, seconds: float = 60.0, **changed: object) -> dict[str, Seen]:
        server.zone = zone  # type: ignore[assignment] # as a test writes it
        dns = Dns(servers=(server.address,), seconds=60.0, attempt_seconds=60.0)
        compared = records.compare(msgspec.structs.replace(config, **{"dns": dns} | changed), [domain], seconds)
        return {f"{each.record.kind} {each.record.name}": each for each in (*compared.node, *compared.domains[0])}

    return run


def zone_of(domain: Domain) -> dict[str, object]:
    """The zone that has everything as it should be."""
    config = settings.CONFIG
    zone: dict[str, dict[str, list[str]]] = {}
    for each in (*records.of_node(config, records.own_addresses(config)), *records.of_domain(domain, config)):
        text = each.line.split(f" IN {each.kind} ", 1)[1]
        zone.setdefault(each.name, {}).setdefault(each.kind, []).append(text)
    return dict(zone)


def test_what_was_copied_is_published_as_shown(look: Look, domain: Domain) -> None:
    domain.mta_sts, domain.tls_reports = "enforce", "tls@example.org"

    seen = look(zone_of(domain))

    assert {each.state for each in seen.values()} == {State.PUBLISHED}
    assert {each.record.kind for each in seen.values()} == set(Kind)


def test_what_is_not_there_is_missing(look: Look, domain: Domain) -> None:
    domain.mta_sts = "testing"

    assert {each.state for each in look({}).values()} == {State.MISSING}


@pytest.mark.parametrize("how", ["servfail", "silent"])
def test_what_no_server_answers_could_not_be_asked(look: Look, how: str) -> None:
    seen = look({"example.org": how}, seconds=3.0)

    assert seen["MX example.org"].state is State.UNKNOWN
    assert seen["MX example.org"].detail
    assert seen["TXT _dmarc.example.org"].state is State.MISSING


def test_dead_servers_are_waited_for_no_longer_than_the_budget(look: Look, config: Config) -> None:
    began = time.monotonic()

    seen = look({}, seconds=0.5, dns=Dns(servers=("127.0.0.1:9",)))

    assert time.monotonic() - began < 30
    assert {each.state for each in seen.values()} == {State.UNKNOWN}
    assert config.dns.seconds > 0.5


@pytest.mark.parametrize(
    ("name", "there", "state"),
    [
        ("MX example.org", {"MX": ["20 mx1.example.org."]}, State.PUBLISHED),
        ("MX example.org", {"MX": ["10 mx1.example.org.", "20 mx2.example.org."]}, State.DIFFERS),
        ("MX example.org", {"MX": ["10 old.example.org."]}, State.DIFFERS),
        ("TXT example.org", {"TXT": ['"some-site-verification=1"']}, State.MISSING),
        ("TXT example.org", {"TXT": ['"x"', '"v=spf1 mx ~all"']}, State.PUBLISHED),
        ("TXT example.org", {"TXT": ['"V=SPF1 a -all"']}, State.DIFFERS),
        ("TXT _dmarc.example.org", {"TXT": [DMARC]}, State.PUBLISHED),
        ("TXT _mta-sts.example.org", {"TXT": ['"v=STSv1; id=1;"']}, State.DIFFERS),
        ("CNAME mta-sts.example.org", {"CNAME": ["www.example.org."]}, State.DIFFERS),
        ("CNAME mta-sts.example.org", {"A": ["8.8.8.8"]}, State.PUBLISHED),
        ("CNAME mta-sts.example.org", {"A": ["8.8.8.8", "9.9.9.9"]}, State.DIFFERS),
        ("A mx1.example.org", {"A": ["9.9.9.9"]}, State.DIFFERS),
        ("A mx1.example.org", {"A": ["9.9.9.9", "8.8.8.8"]}, State.PUBLISHED),
        ("PTR 8.8.8.8.in-addr.arpa", {"PTR": ["host-8.provider.example."]}, State.DIFFERS),
        ("TLSA _25._tcp.mx1.example.org", {"TLSA": [f"3 1 1 {'ab' * 32}"]}, State.DIFFERS),
    ],
)
def test_what_is_there_is_compared_by_what_it_means(
    look: Look, domain: Domain, name: str, there: dict[str, list[str]], state: State
) -> None:
    domain.mta_sts = "testing"
    zone: dict[str, object] = {"mx1.example.org": {"A": ["8.8.8.8"]}, name.partition(" ")[2]: there}

    seen = look(zone)[name]

    assert seen.state is state
    assert bool(seen.there) is (state is not State.MISSING)


def test_the_next_key_may_stand_beside_the_one_in_force(look: Look, domain: Domain) -> None:
    zone = zone_of(domain)
    name = "_25._tcp.mx1.example.org"
    zone[name] = {"TLSA": [f"3 1 1 {'ab' * 32}", *zone[name]["TLSA"]]}  # type: ignore[index] # as above

    assert look(zone)[f"TLSA {name}"].state is State.PUBLISHED


def test_another_spf_record_is_there_and_nothing_has_to_be_done(look: Look) -> None:
    seen = look({"example.org": {"TXT": ['"v=spf1 a:out.example.org -all"']}})["TXT example.org"]

    assert seen.state is State.DIFFERS
    assert seen.well
    assert not look({})["TXT example.org"].well


def test_the_key_is_optional_and_another_one_is_not(look: Look) -> None:
    name = "_25._tcp.mx1.example.org"

    assert look({})[f"TLSA {name}"].well
    assert not look({name: {"TLSA": [f"3 1 1 {'ab' * 32}"]}})[f"TLSA {name}"].well


def test_a_node_that_does_not_know_its_addresses_takes_those_of_its_name(look: Look) -> None:
    zone = {"mx1.example.org": {"A": ["9.9.9.9"]}, "9.9.9.9.in-addr.arpa": {"PTR": ["mx1.example.org."]}}

    seen = look(zone, smtp=Smtp(inbound=("10.0.0.1:25",)))

    assert seen["A mx1.example.org"].there == ("9.9.9.9",)
    assert seen["PTR 9.9.9.9.in-addr.arpa"].state is State.PUBLISHED


def test_without_mta_sts_nothing_of_it_is_missing(look: Look) -> None:
    assert not any("mta-sts" in name for name in look({}))


def test_without_mta_sts_what_still_announces_it_has_to_change_and_to_stay_a_while(look: Look) -> None:
    seen = look({"_mta-sts.example.org": {"TXT": ['"v=STSv1; id=1;"']}})["TXT _mta-sts.example.org"]

    assert seen.state is State.DIFFERS
    assert "until what others remember has expired" in seen.record.about
