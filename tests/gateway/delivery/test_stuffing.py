import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.stuffing import Stuffer, whole

pieces = st.lists(
    st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a", b"\0", b"..", b"\r\n.\r\n", b"\n.\n"]), max_size=30
)


def unstuffed(wire: bytes) -> bytes:
    assert wire.endswith(b".\r\n")
    lines = wire[:-3].split(b"\r\n")
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)


def test_a_plain_message_stays_as_it_is() -> None:
    assert whole(b"a: b\r\n\r\nc\r\n") == b"a: b\r\n\r\nc\r\n.\r\n"


def test_dots_in_front_of_a_line_are_doubled() -> None:
    assert whole(b".a\r\n..\r\n.\r\nb.\r\n") == b"..a\r\n...\r\n..\r\nb.\r\n.\r\n"


def test_an_unfinished_last_line_is_finished() -> None:
    assert whole(b"a") == b"a\r\n.\r\n"


def test_an_empty_message_is_a_dot() -> None:
    assert whole(b"") == b".\r\n"
    assert Stuffer().end() == b".\r\n"


def test_bare_line_ends_around_a_dot_become_harmless() -> None:
    assert whole(b"a\n.\nb\r.\rc\r\n") == b"a\r\n..\r\nb\r\n..\r\nc\r\n.\r\n"


@given(pieces)
def test_no_octets_can_end_the_message_early_or_leave_a_bare_line_end(parts: list[bytes]) -> None:
    wire = whole(b"".join(parts))
    assert (b"\r\n" + wire).find(b"\r\n.\r\n") == len(wire) - 3
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", wire)


@given(pieces)
def test_the_lines_come_out_as_they_went_in(parts: list[bytes]) -> None:
    data = b"".join(parts)
    mended = re.sub(rb"\r\n|\r|\n", b"\r\n", data)
    if mended and not mended.endswith(b"\r\n"):
        mended += b"\r\n"
    assert unstuffed(whole(data)) == mended


@given(pieces)
def test_it_does_not_matter_where_blocks_are_cut(parts: list[bytes]) -> None:
    stuffer = Stuffer()
    assert b"".join([*map(stuffer.feed, parts), stuffer.end()]) == whole(b"".join(parts))
