"""Receiving the content: what ends it, what is noticed, and how little memory it takes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpfront.reader import Reader
from smtpfront.receive import Receiver


async def receive(tmp_path: Path, *blocks: bytes, limit: int = 10_000_000, memory: int = 1_000_000):  # noqa: ANN201
    """Feed the blocks one by one, as they would come off the wire."""
    reader = Reader()

    class Feeding(Reader):
        def __init__(self) -> None:
            super().__init__()
            self.left = list(blocks)

        async def block(self) -> bytes:
            if not self.pending:
                if not self.left:
                    raise EOFError
                self.feed(self.left.pop(0))
            return await super().block()

    reader = Feeding()
    content = await Receiver(tmp_path / "incoming", limit=limit, memory=memory).receive(reader)
    rest = b"" if not reader.pending else await Reader.block(reader)
    return content, rest + b"".join(reader.left)


async def test_the_content_ends_at_the_lone_dot_and_the_rest_stays(tmp_path: Path) -> None:
    content, rest = await receive(tmp_path, b"Subject: a\r\n\r\nb\r\n.\r\nQUIT\r\n")

    assert content.read() == b"Subject: a\r\n\r\nb\r\n"
    assert content.head == b"Subject: a\r\n"
    assert rest == b"QUIT\r\n"


async def test_an_empty_message_is_empty(tmp_path: Path) -> None:
    content, _ = await receive(tmp_path, b".\r\n")

    assert content.read() == b""


async def test_stuffed_dots_are_unstuffed(tmp_path: Path) -> None:
    content, _ = await receive(tmp_path, b"..\r\n...a\r\n.b\r\n\r\n..\r\n.\r\n")

    assert content.read() == b".\r\n..a\r\nb\r\n\r\n.\r\n"


@pytest.mark.parametrize(
    ("raw", "odd"),
    [
        (b"a\n.\nb", "LF . LF"),
        (b"a\n.\r\nb", "LF . CRLF"),
        (b"a\r\n.\nb", "CRLF . LF"),
        (b"a\r.\rb", "CR . CR"),
        (b"a\r.\r\nb", "CR . CRLF"),
        (b"a\r\n.\rb", "CRLF . CR"),
        (b"a\n.\rb", "LF . CR"),
        (b"a\r.\nb", "CR . LF"),
        (b".\nb", "CRLF . LF"),
    ],
)
async def test_odd_forms_around_a_lone_dot_are_noticed_however_they_are_cut(
    tmp_path: Path, raw: bytes, odd: str
) -> None:
    whole = b"x: y\r\n\r\n" * (not raw.startswith(b".")) + raw + b"\r\n.\r\n"
    for at in range(len(whole)):
        content, _ = await receive(tmp_path, *[part for part in (whole[:at], whole[at:]) if part])

        assert content.line_ends.lone_dot == odd, at
        assert content.read() == (b"\r\n" + whole[:-3]).replace(b"\r\n.", b"\r\n")[2:]


async def test_bare_line_ends_are_counted(tmp_path: Path) -> None:
    content, _ = await receive(tmp_path, b"a\nb\rc\n\r\n.\r\n")

    assert (content.line_ends.bare_lf, content.line_ends.bare_cr, content.line_ends.lone_dot) == (2, 1, "")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"a", b"\r\n.", b".."]), max_size=40), st.data())
async def test_cutting_the_stream_anywhere_changes_nothing(tmp_path_factory, parts, data) -> None:  # noqa: ANN001
    raw = b"".join(parts)
    stream = raw + b"\r\n.\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(1, max(1, len(stream) - 1)), max_size=6)))
    blocks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if a < b]
    tmp_path = tmp_path_factory.mktemp("cut")

    whole, rest_whole = await receive(tmp_path, stream)
    cut, rest_cut = await receive(tmp_path, *blocks)

    assert (cut.read(), cut.line_ends, rest_cut) == (whole.read(), whole.line_ends, rest_whole)


async def test_a_large_message_goes_to_a_file_byte_for_byte(tmp_path: Path) -> None:
    line = b"0123456789abcdef" * 60 + b"\r\n"
    blocks = [b"Subject: big\r\n\r\n", *[line * 64] * 20, b".\r\n"]
    content, _ = await receive(tmp_path, *blocks, memory=100_000)

    assert content.memory is None
    assert content.path == tmp_path / "incoming"
    assert content.read() == b"".join(blocks[:-1])
    assert content.size == len(content.read())
    assert content.head == b"Subject: big\r\n"


async def test_what_is_above_the_limit_is_counted_and_not_kept(tmp_path: Path) -> None:
    content, _ = await receive(tmp_path, *[b"x" * 50_000] * 20, b"\r\n.\r\n", limit=200_000, memory=100_000)

    assert content.size == 1_000_002
    assert content.read() == b""
    assert not (tmp_path / "incoming").exists()
