"""Whose name people see: a definite answer for whatever stands in From."""

import time

import pytest

from gateway.mail.author import LIMIT, author_of


@pytest.mark.parametrize(
    "field",
    [
        "ann@example.org",
        "Ann <ann@Example.ORG>",
        '"Ann (not evil) <eve@evil.test>" <ann@example.org>',
        "Ann (eve@evil.test, x) <ann@example.org>",
        "=?utf-8?q?eve=40evil=2Etest?= <ann@example.org>",
        '"a@b"@example.org',
        "Ann <ann@example.org>, Bob <bob@EXAMPLE.org>",
        "team: ann@example.org, bob@example.org;",
        "eve@evil.test <ann@example.org>",
        "Ann <ann@example.org.>",
        "(((Ann <ann@example.org>))) ann@example.org",
    ],
)
def test_one_author_domain(field: str) -> None:
    author = author_of([field])
    assert (author.domain, author.trouble) == ("example.org", "")


def test_a_domain_beyond_ascii_becomes_an_a_label() -> None:
    assert author_of(["ann@Bücher.example"]).domain == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("fields", "trouble"),
    [
        ([], "the message has no From field"),
        (["a@example.org", "b@evil.test"], "the message has more than one From field"),
        (["a@example.org", "a@example.org"], "the message has more than one From field"),
        (["a@example.org, b@evil.test"], "the From field names 2 domains"),
        (["<a@example.org> <b@evil.test>"], "the From field names 2 domains"),
        ([""], "the From field names no address with a domain"),
        (["undisclosed:;"], "the From field names no address with a domain"),
        (["Ann"], "the From field names no address with a domain"),
        (["a@"], "the From field names no address with a domain"),
        (["@example.org"], "the From field names no address with a domain"),
        (["a@[192.0.2.1]"], "the From field names no address with a domain"),
        (["a@" + "x" * 64 + ".test"], "the From field names no address with a domain"),
        (["a@b..c"], "the From field names no address with a domain"),
        (["a" * (LIMIT + 1)], "the From field is too long"),
    ],
)
def test_no_author_domain_and_why(fields: list[str], trouble: str) -> None:
    author = author_of(fields)
    assert (author.domain, author.trouble) == ("", trouble)


@pytest.mark.parametrize("part", ["(", '"', "<", "\\", "a@b,", "\udcff", "<a@b>", ":;", "\x00", '"a" '])
def test_hostile_fields_cost_no_time(part: str) -> None:
    began = time.process_time()
    author_of([(part * LIMIT)[:LIMIT]])
    assert time.process_time() - began < 2
