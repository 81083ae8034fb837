"""Plain SPF records: what they say of a client is what the general evaluator says, and the rest is left to it."""

import pytest
import spf

from gateway.services.plain_spf import WORDS, result_of

CLIENTS = ("192.0.2.1", "192.0.2.129", "198.51.100.7", "127.0.0.1", "2001:db8::1", "2001:db8:1::7", "::1", "0.0.0.0")
TERMS = (
    "ip4:192.0.2.1",
    "-ip4:192.0.2.0/25",
    "~ip4:192.0.2.77/24",
    "?ip4:0.0.0.0/0",
    "ip4:198.51.100.6/31",
    "+ip6:2001:db8::/48",
    "-ip6:2001:db8:1::7",
    "ip6:::/0",
    "ip6:2001:db8:1:0::7/128",
    "-all",
    "~all",
    "?all",
    "+all",
    "all",
)


def evaluated(record: str, ip: str) -> tuple[str, str]:
    """Give what pyspf says, and its words."""
    query = spf.query(i=ip, s="kim@example.test", h="mx.example.test", strict=1)
    query.set_default_explanation("EXPLAINED")
    result, _, words = query.check(spf=record)
    return result, words


@pytest.mark.parametrize("first", TERMS)
@pytest.mark.parametrize("second", TERMS)
def test_addresses_decide_as_the_general_evaluator_says(first: str, second: str) -> None:
    for record in (f"v=spf1 {first} {second}", f"v=spf1  {first}", f"v=spf1 {first} {second} -all "):
        for ip in CLIENTS:
            result = result_of((record,), ip)
            assert result is not None
            assert (result, WORDS.get(result, "EXPLAINED")) == evaluated(record, ip), (record, ip)


def test_what_asks_dns_is_no_matter_where_it_is_not_reached() -> None:
    record = "v=spf1 ip4:192.0.2.1 a mx a:mail.example.test include:_spf.example.test -all"
    assert result_of((record,), "192.0.2.1") == "pass"
    assert result_of((record,), "192.0.2.2") is None


def test_other_records_of_the_name_are_no_matter() -> None:
    assert result_of(("a word", "v=spf1 ip4:192.0.2.1 -all", "another=word"), "192.0.2.1") == "pass"


def test_a_record_without_any_term_is_neutral() -> None:
    assert result_of(("v=spf1",), "192.0.2.1") == "neutral"


@pytest.mark.parametrize(
    "record",
    [
        "v=spf10 -all",
        "v=spf1 moo -all",
        "v=spf1 ip4:192.0.2.1/33",
        "v=spf1 ip4:192.0.2.1/024",
        "v=spf1 ip4:192.0.2.01",
        "v=spf1 ip4:192.0.2",
        "v=spf1 ip4:2001:db8::1",
        "v=spf1 ip6:192.0.2.1",
        "v=spf1 ip6:2001:db8::/129",
        "v=spf1 ip6:::ffff:192.0.2.1",
        "v=spf1 ip6:::ffff:c000:201",
        "v=spf1 ip4:192.0.2.1 exp=why.example.test -all",
        "v=spf1 ip4:192.0.2.1 redirect=other.example.test",
        "v=spf1 ip4:192.0.2.1 include:%{d}.example.test -all",
        "v=spf1 ip4:192.0.2.1 include:localhost -all",
        "v=spf1 ip4:192.0.2.1 a:example.test:8080",
        "v=spf1 ip4:192.0.2.1, -all",
        "v=spf1 ip4:192.0.2.1 -all:3030",
        "v=spf1\tip4:192.0.2.1 -all",
        "v=spf1 ip4:192.0.2.1\n-all",
        "v=spf1 ip4:192.0.2.1\udcff -all",
    ],
)
def test_what_is_odd_is_left_to_the_general_evaluator(record: str) -> None:
    assert result_of((record,), "192.0.2.1") is None


@pytest.mark.parametrize(
    "records", [(), ("no spf",), ("v=spf1 -all", "v=spf1 +all"), ("v=spf1 -all", "V=SPF1 +all"), ("V=SPF1 -all",)]
)
def test_several_records_or_none_are_left_to_it_too(records: tuple[str, ...]) -> None:
    assert result_of(records, "192.0.2.1") is None


@pytest.mark.parametrize("ip", ["", "nonsense", "192.0.2.256", "::ffff:192.0.2.1", "192.0.2.1\0"])
def test_an_odd_client_is_left_to_it_too(ip: str) -> None:
    assert result_of(("v=spf1 ip4:192.0.2.1 -all",), ip) is None
