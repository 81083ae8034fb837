import pytest

from gateway.backscatter import backscatterers
from gateway.backscatter.words import Verdict

OURS = {"example.test", "mx.gateway.test"}


@pytest.mark.parametrize(
    ("helo", "name"),
    [
        ("MX.Reporter.Test", "mx.reporter.test"),
        ("mx.reporter.test.", "mx.reporter.test"),
        ("mx_1.reporter.test", "mx_1.reporter.test"),
        ("notexample.test", "notexample.test"),
        ("localhost", None),
        ("[192.0.2.7]", None),
        ("192.0.2.7", None),
        ("[IPv6:2001:db8::7]", None),
        ("example.test", None),
        ("mail.example.test", None),
        ("mx.gateway.test", None),
        ("mx..test", None),
        ("*.reporter.test", None),
        ("!mx.reporter.test", None),
        ("mx.reporter.test :127.0.0.3:text", None),
        ("mx.reporter.test\n$NS 1 evil.test", None),
        ("mx.bücher.test", None),
        ("", None),
        (f"{'a' * 64}.test", None),
        (f"{'a.' * 130}test", None),
    ],
)
def test_a_helo_is_listed_only_where_it_is_a_full_domain_name_and_not_ours(helo: str, name: str | None) -> None:
    assert backscatterers.helo_name(helo, OURS) == name


def test_forged_speaks_for_the_list_genuine_against_it_and_doubt_says_nothing() -> None:
    assert [backscatterers.sign(each) for each in (*Verdict, "guessed")] == [-1, 1, 0, 0, 0]


def test_a_name_alone_weighs_less_than_an_address() -> None:
    assert 0 < backscatterers.HELO < backscatterers.ADDRESS
