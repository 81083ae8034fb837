"""One log out of many processes."""

import io
import os
import re

import pytest

from gateway.embedded.lines import Lines


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_each_line_has_time_label_and_text() -> None:
    out = io.StringIO()
    Lines(out).write("smtpd", "ready")
    assert re.fullmatch(r"\d\d:\d\d:\d\d smtpd    \| ready\n", out.getvalue())


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, coloured = io.StringIO(), Terminal()
    for out in (plain, coloured):
        Lines(out).write("smtpd", "ready", loud=True)
    assert "\033" not in plain.getvalue()
    assert "\033" in coloured.getvalue()


def test_no_colour_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    Lines(out).write("smtpd", "ready", loud=True)
    assert "\033" not in out.getvalue()


def test_a_reader_that_has_gone_stops_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        lines = Lines(out)
        lines.write("smtpd", "ready")
        lines.write("smtpd", "still here")
        with pytest.raises(BrokenPipeError):
            out.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
