"""Where the header section ends, whichever line ends a message has."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.message import blank_line

_AS_A_PATTERN = re.compile(rb"\r?\n\r?\n")


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"A: 1\r\n\r\nbody", (4, 8)),
        (b"A: 1\n\nbody", (4, 6)),
        (b"A: 1\n\r\nbody", (4, 7)),
        (b"A: 1\r\n\nbody", (4, 7)),
        (b"A: 1\r\nB: 2\r\n", None),
        (b"A: 1\n\nbody\r\n\r\nmore", (4, 6)),
    ],
)
def test_the_first_blank_line_is_found(raw: bytes, found: tuple[int, int] | None) -> None:
    assert blank_line(raw) == found


@given(st.text(alphabet="a\r\n", max_size=12))
def test_it_is_where_the_pattern_of_two_line_ends_is(text: str) -> None:
    raw = text.encode()
    pattern = _AS_A_PATTERN.search(raw)

    assert blank_line(raw) == (pattern.span() if pattern else None)
