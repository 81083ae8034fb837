"""What DNS lists say of a client, as a real name server answers for them."""

import time

import pytest

from gateway.checks.base import Seen, View
from gateway.checks.dns_lists import NO_ANSWER, DnsLists
from gateway.mail.findings import Outcome
from gateway.policy.snapshot import DnsList, ListKind, Mode
from tests.gateway.checks.listed import GOOD, HOST, OFF, ONE, TWO, asked, view, zone


def look(records: dict[str, object], seen: View | None = None) -> Seen:
    said, _ = asked(DnsLists, seen or view(), records)  # type: ignore[arg-type] # a table of any kind
    return said


def weights(said: Seen) -> dict[str, float]:
    return {each.facts["list"]: each.weight for each in said.findings if each.symbol in {"DNS_LISTED", "DNS_ALLOWED"}}


def remarks(said: Seen) -> dict[str, str]:
    return {each.facts["list"]: each.symbol for each in said.findings if each.symbol.startswith("DNS_LIST_")}


def test_each_listing_weighs_what_its_code_says() -> None:
    said = look(zone(one="127.0.0.2", two="127.0.0.2"))

    assert said.outcome is Outcome.HIT
    assert weights(said) == {ONE: 4.0, TWO: 3.0}


def test_a_listing_names_its_list_and_code_and_the_heaviest_comes_first() -> None:
    said = look(zone(two="127.0.0.2", one="127.0.0.10 127.0.0.2"))

    assert [(each.detail, each.facts) for each in said.findings] == [
        ("listed by one.test", {"list": ONE, "code": "127.0.0.2"}),
        ("listed by two.test", {"list": TWO, "code": "127.0.0.2"}),
    ]


def test_a_prefix_counts_for_the_codes_in_it() -> None:
    assert weights(look(zone(one="127.0.0.11"))) == {ONE: 2.0}


def test_a_code_that_is_not_named_is_no_listing_but_noted() -> None:
    said = look(zone(one="127.0.0.3"))

    assert said.outcome is Outcome.MISS
    assert remarks(said) == {ONE: "DNS_LIST_OTHER_CODE"}


@pytest.mark.parametrize("code", ["127.255.255.252", "127.255.255.254", "127.255.255.255", "127.255.255.1"])
def test_an_error_of_a_list_is_never_a_listing(code: str) -> None:
    said = look(zone(one=code))

    assert said.outcome is Outcome.MISS
    assert remarks(said) == {ONE: "DNS_LIST_NO_ANSWER"}


def test_an_answer_outside_of_127_is_never_a_listing() -> None:
    assert look(zone(two="203.0.113.80")).outcome is Outcome.MISS


def test_an_ipv6_client_is_asked_for_by_its_nibbles() -> None:
    name = f"{'1.0.0.0.' + '0.0.0.0.' * 5 + '8.b.d.0.1.0.0.2'}.one.test"

    said = look({name: {"A": ["127.0.0.2"]}}, view("2001:db8::1"))

    assert weights(said) == {ONE: 4.0}


def test_an_allow_list_takes_from_what_block_lists_say() -> None:
    said = look(zone(one="127.0.0.2", two="127.0.0.2", good="127.0.10.1"))

    assert said.outcome is Outcome.HIT
    assert weights(said) == {ONE: 4.0, TWO: 3.0, GOOD: -5.0}


def test_an_allow_list_takes_no_more_than_there_is() -> None:
    said = look(zone(one="127.0.0.2", good="127.0.10.1"))

    assert said.outcome is Outcome.MISS, "nothing is left of the listing"
    assert weights(said) == {ONE: 4.0, GOOD: -4.0}
    assert all(each.informs for each in said.findings)


def test_an_allow_list_whose_points_are_below_nothing_takes_them_too() -> None:
    lists = {ONE: DnsList(), GOOD: DnsList(ListKind.ALLOW, codes={"127.0.0.2": -1.0, "127.0.0.3": -3.0})}

    said = look(zone(one="127.0.0.2", good="127.0.0.2 127.0.0.3"), view(lists=lists))

    assert weights(said) == {ONE: 4.0, GOOD: -3.0}


def test_an_allow_list_alone_is_told_and_weighs_nothing() -> None:
    said = look(zone(good="127.0.10.1"))

    assert said.outcome is Outcome.MISS
    assert weights(said) == {GOOD: 0.0}


def test_a_list_that_does_not_answer_is_noted_and_the_others_count() -> None:
    said = look({**zone(two="127.0.0.2"), "7.2.0.192.one.test": "silent", "7.2.0.192.good.test": "servfail"})

    assert said.outcome is Outcome.HIT
    assert weights(said) == {TWO: 3.0}
    assert remarks(said) == {ONE: "DNS_LIST_NO_ANSWER", GOOD: "DNS_LIST_NO_ANSWER"}


@pytest.mark.parametrize(("trouble", "outcome"), [("silent", Outcome.TIMEOUT), ("servfail", Outcome.ERROR)])
def test_where_no_list_answers_the_check_can_not_tell(trouble: str, outcome: Outcome) -> None:
    said = look({f"7.2.0.192.{each}": trouble for each in (ONE, TWO, GOOD)})

    assert (said.outcome, said.detail) == (outcome, NO_ANSWER)


def test_all_lists_are_asked_at_once_within_one_budget() -> None:
    many = {f"list{each}.test": DnsList() for each in range(20)}
    began = time.perf_counter()

    said, questions = asked(DnsLists, view(lists=many), lambda _: "silent")

    assert said.outcome is Outcome.TIMEOUT
    assert len(questions) == 20
    assert time.perf_counter() - began < 10, "twenty budgets would be twenty seconds"


def test_a_list_that_is_off_is_not_asked_and_the_trace_says_why() -> None:
    said, questions = asked(DnsLists, view(learned=OFF), zone(one="127.0.0.2"))

    assert said.outcome is Outcome.MISS
    assert not any(name.endswith(ONE) for name, _ in questions)
    assert [each.detail for each in said.findings] == [
        "one.test is off since 2026-11-21 04:00 UTC, entry 9: it lists everything"
    ]


def test_a_lists_own_words_are_asked_for_where_they_are_told() -> None:
    records = {f"7.2.0.192.{ONE}": {"A": ["127.0.0.2"], "TXT": ['"see https://one.test/q?ip=192.0.2.7\\010\\200 now"']}}

    enforced = look(records, view(mode=Mode.ENFORCE))
    _, questions = asked(DnsLists, view(mode=Mode.SCORE), records)

    assert enforced.findings[0].detail == "listed by one.test: see https://one.test/q?ip=192.0.2.7 now"
    assert not any(kind == "TXT" for _, kind in questions)


def test_without_lists_nobody_waits() -> None:
    check = DnsLists(None)  # type: ignore[arg-type] # whoever asked it would fail

    assert isinstance(check.look(view(lists={"null.test": DnsList(ListKind.NULL_SENDER)})), Seen)


def test_a_trusted_forwarder_is_not_asked_about() -> None:
    said, questions = asked(DnsLists, view(forwarder="partner"), zone(one="127.0.0.2"))

    assert said.outcome is Outcome.SKIPPED
    assert not questions


def test_lists_for_the_null_sender_are_not_asked() -> None:
    _, questions = asked(DnsLists, view(HOST), {})

    assert {name.removeprefix("7.2.0.192.") for name, _ in questions} == {ONE, TWO, GOOD}
