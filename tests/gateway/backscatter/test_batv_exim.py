"""The same tags as Exim's, both ways: what it signs we accept, what we sign it accepts."""

import itertools
from pathlib import Path

import pytest

from gateway.backscatter import batv
from gateway.backscatter.batv import Key, Result
from tests.gateway.backscatter import exim

DAYS = (992, 993, 999, 1000, 11447, 20778, 20985, 20991, 20992, 20993, 20999, 21000, 30499)
KEYS = (Key(0, b"secret"), Key(1, b"another secret"), Key(9, b"x" * 64))
ADDRESSES = (
    "user@example.org",
    "User.Name@Example.ORG",
    "o'brien+tag@example.org",
    "a=b=c@example.org",
    "!#%&*/?^_~-@example.org",
    '"two words"@example.org',
    "x@[192.0.2.1]",
    "l" * 48 + "@a.very.long.name.of.a.domain.example.org",
)

# Expanded by Exim 4.96, so that the form is held even where there is no Exim.
RECORDED = (
    ("user@example.org", Key(1, b"secret"), 20778, "prvs=178566f5a8=user@example.org"),
    ("user@example.org", Key(1, b"secret"), 11447, "prvs=1454f2b49f=user@example.org"),
)
needs_exim = pytest.mark.skipif(not exim.available(), reason="no Exim here: scripts/packages test unpacks it")


def _quoted(text: str) -> str:
    for letter in ("\\", "$", "}", "{"):
        text = text.replace(letter, f"\\{letter}")
    return text


@pytest.mark.parametrize(("address", "key", "day", "signed"), RECORDED)
def test_a_tag_is_the_one_that_exim_made(address: str, key: Key, day: int, signed: str) -> None:
    assert batv.sign(address, key, day) == signed


@needs_exim
@pytest.mark.parametrize("day", DAYS)
def test_exim_and_we_sign_alike_and_accept_each_other(day: int, tmp_path: Path) -> None:
    cases = list(itertools.product(KEYS, ADDRESSES))

    theirs = exim.expand(
        [f"${{prvs{{{_quoted(a)}}}{{{k.secret.decode()}}}{{{k.number}}}}}" for k, a in cases], day, tmp_path
    )
    ours = [batv.sign(address, key, day) for key, address in cases]
    accepted = exim.expand(
        [f"${{prvscheck{{{_quoted(tag)}}}{{{k.secret.decode()}}}}}" for (k, _), tag in zip(cases, ours, strict=True)],
        day,
        tmp_path,
    )

    assert theirs == ours
    assert accepted == [address for _, address in cases]
    for (key, address), tag in zip(cases, theirs, strict=True):
        assert batv.check(tag, [key], day) == batv.Checked(address, Result.VALID, key.number)


@needs_exim
@pytest.mark.parametrize("later", [8, 300, 900])
def test_we_are_stricter_than_exim_where_days_come_again(later: int, tmp_path: Path) -> None:
    key, made = Key(1, b"secret"), 20990  # expires on day 997: Exim takes it on every day before, of any round
    tag = batv.sign("user@example.org", key, made)

    (exim_says,) = exim.expand([f"${{prvscheck{{{tag}}}{{secret}}}}"], made + 1000 - later, tmp_path)

    assert exim_says == "user@example.org"
    assert batv.check(tag, [key], made + 1000 - later).result is Result.EXPIRED


@needs_exim
def test_we_take_the_upper_case_that_exim_refuses(tmp_path: Path) -> None:
    key = Key(1, b"secret")
    tag = batv.sign("user@example.org", key, 20778).upper()

    (exim_says,) = exim.expand([f"${{prvscheck{{{tag}}}{{secret}}}}"], 20778, tmp_path)

    assert exim_says != "user@example.org"
    assert batv.check(tag, [key], 20778) == batv.Checked("user@example.org", Result.VALID, 1)
