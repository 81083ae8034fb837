from pathlib import Path

import pytest

from gateway.delivery.scrub import scrub
from tests import samples

US = "mx.example.test"


def sent(octets: bytes, path: Path | None = None) -> bytes:
    """What goes over the wire for these octets."""
    head, skip = scrub(samples.content(octets, path), US)
    return head + octets[skip:]


def test_a_message_without_our_fields_is_left_alone_at_no_cost() -> None:
    assert scrub(samples.content(), US) == (b"", 0)


@pytest.mark.parametrize(
    "field",
    [
        b"X-Spam-Flag: NO\r\n",
        b"x-spam-status: No,\r\n\tscore=0\r\n more\r\n",
        b"X-Backstop-Released: yes\r\n",
        b"X-Spam-Flag : NO\r\n",
        b"Authentication-Results: mx.example.test; spf=pass\r\n",
        b"Authentication-Results:\r\n\tMX.example.test. ; spf=pass\r\n",
        b"authentication-results: (a (b) c) mx.example.test 1; none\r\n",
        b'Authentication-Results: "mx.example.test"; none\r\n',
        b'Authentication-Results: "mx.ex\\ample.test"; none\r\n',
    ],
)
@pytest.mark.parametrize("ends", [b"\r\n", b"\n"])
def test_a_forged_field_is_removed_whole_and_all_else_stays(field: bytes, ends: bytes, tmp_path: Path) -> None:
    before, after = b"Subject:  a\r\n  b\r\n", b"junk line\r\nFrom: c\r\n\r\nX-Spam-Flag: of the body\r\n"
    octets = (before + field + after).replace(b"\r\n", ends)
    expected = (before + after).replace(b"\r\n", ends)
    assert sent(octets) == expected
    assert sent(octets, tmp_path / "m") == expected


@pytest.mark.parametrize(
    "field",
    [
        b"Authentication-Results: mx.example.org; spf=pass\r\n",
        b"Authentication-Results: (mx.example.test) mx.example.org; spf=pass\r\n",
        b"Authentication-Results:\r\n",
        b"ARC-Authentication-Results: i=1; mx.example.test; spf=pass\r\n",
        b"Subject: x-spam-flag\r\n",
        b"X-Spammer: yes\r\n",
    ],
)
def test_fields_of_others_stay(field: bytes) -> None:
    octets = b"A: b\r\n" + field + b"\r\nbody\r\n"
    assert scrub(samples.content(octets), US) == (b"", 0)


def test_a_field_behind_a_bare_line_end_is_found_too() -> None:
    assert sent(b"A: b\rX-Spam-Flag: NO\r\nC: d\r\n\r\nbody\r\n") == b"A: b\rC: d\r\n\r\nbody\r\n"


def test_a_field_behind_a_very_long_head_is_found_too(tmp_path: Path) -> None:
    long = b"A: b\r\n" * 60_000
    octets = long + b"X-Spam-Flag: NO\r\n\r\nbody\r\n"
    assert sent(octets) == long + b"\r\nbody\r\n"
    assert sent(octets, tmp_path / "m") == long + b"\r\nbody\r\n"


def test_a_message_that_is_all_head_loses_its_forged_field() -> None:
    assert sent(b"A: b\r\nX-Spam-Flag: NO\r\n") == b"A: b\r\n"


def test_a_first_line_that_continues_nothing_can_not_continue_our_last_field() -> None:
    assert sent(b" evil\r\nA: b\r\n\r\n").startswith(b"X-Backstop-Note: ")
    assert sent(b" evil\r\nX-Spam-Flag: NO\r\nA: b\r\n\r\n").endswith(b"follows\r\n evil\r\nA: b\r\n\r\n")


def test_a_message_without_a_head_is_left_alone() -> None:
    assert scrub(samples.content(b"\r\nX-Spam-Flag: NO\r\n"), US) == (b"", 0)
