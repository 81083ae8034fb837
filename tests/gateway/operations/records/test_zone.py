"""The text is one that readers of zone files take."""

import io

import dns.name
import dns.zone
import pytest

from gateway.config import Config
from gateway.models import Domain
from gateway.operations import keys, records
from gateway.operations.records import Kind, Record, Seen, State

MX = Record("example.org", Kind.MX, "10 mx1.example.org", "Mail comes here.")


def parsed(text: str, origin: str) -> dns.zone.Zone:
    return dns.zone.from_file(io.StringIO(f"$TTL 300\n{text}"), origin=origin, relativize=False, check_origin=False)


def test_a_reader_of_zone_files_finds_the_records_and_nothing_else(config: Config, domain: Domain) -> None:
    domain.mta_sts, domain.tls_reports = "testing", "tls@example.org"
    keys.make_dkim_key(domain, "admin")
    wanted = [*records.of_node(config, records.own_addresses(config)), *records.of_domain(domain, config)]

    zone = parsed(records.as_zone("all of it", wanted, ["a note"], records.policy_file(domain, config)), "example.org")

    names = {dns.name.from_text(each.name) for each in wanted if each.kind is not Kind.PTR}
    assert {name for name in zone if zone[name].rdatasets} == names
    assert str(zone.find_rdataset("example.org.", "MX")[0]) == "10 mx1.example.org."


def test_the_policy_file_stands_below_what_announces_it(config: Config, domain: Domain) -> None:
    domain.mta_sts = "enforce"

    text = records.as_zone("", records.of_domain(domain, config), policy=records.policy_file(domain, config))

    assert text.index("_mta-sts.example.org. IN TXT") < text.index(";   mode: enforce")
    assert "mode" not in records.as_zone("", [MX], policy="mode: none\n")


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (Seen(MX, State.PUBLISHED, ("10 mx1.example.org",)), "; DNS: published\n"),
        (Seen(MX, State.DIFFERS, ("10 old.example.org",)), "; DNS: differs; there is 10 old.example.org\n"),
        (Seen(MX, State.MISSING), "; DNS: missing\n"),
        (Seen(MX, State.UNKNOWN, detail="SERVFAIL"), "; DNS: could not be asked: SERVFAIL\n"),
        (
            Seen(Record("e.org", Kind.TXT, "v=spf1 mx ~all", "", suggestion=True), State.DIFFERS, ("v=spf1 -all",)),
            "; DNS: another one is there, which may be right: v=spf1 -all\n",
        ),
    ],
)
def test_it_is_told_in_words_what_dns_has(seen: Seen, says: str) -> None:
    assert says in records.as_zone("a zone", [seen])


@pytest.mark.parametrize("there", ["a\nb. IN A 192.0.2.1", "a\r\nb IN A 192.0.2.1", "a\udcff\x00", "x" * 5000])
def test_what_dns_has_never_ends_a_comment(there: str) -> None:
    text = records.as_zone("a zone", [Seen(MX, State.DIFFERS, (there,))])

    assert [line for line in text.splitlines() if line and not line.startswith(";")] == [MX.line]
    text.encode()
