"""Lines of the log."""

import json
import logging
import re
import sys

import msgspec
import pytest

from gateway import logs
from gateway.config import Config, Log

JOURNALD_KEEPS = 48 * 1024
IN_JSON = msgspec.structs.replace(Config(), log=Log(format="json"))


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("smtpd", level, "file.py", 1, text, None, None)


def test_a_line_is_one_json_object_whatever_it_tells() -> None:
    line = logs.formatter(IN_JSON).format(record('two\nlines, "quoted" \udcff'))
    assert "\n" not in line
    said = json.loads(line)
    assert (said["level"], said["name"], said["text"]) == ("INFO", "smtpd", 'two\nlines, "quoted" \udcff')
    assert said["at"].endswith("+00:00")


@pytest.mark.parametrize("letter", ["x", "\x00", "\u20ac", "\U0001f600"])
def test_an_endless_line_is_one_that_journald_keeps_whole(letter: str) -> None:
    endless = record(letter * 1_000_000)
    for config in (Config(), IN_JSON):
        line = logs.JournalFormatter(logs.formatter(config)).format(endless)
        assert len(line.encode()) < JOURNALD_KEEPS
        assert re.search(r"\.\.\. \(10000\d\d characters\)", line)


def test_an_exception_stands_in_its_line() -> None:
    broken = record("it broke", logging.ERROR)
    try:
        raise ValueError("seven")  # noqa: TRY301 - a traceback is what is needed
    except ValueError:
        broken.exc_info = sys.exc_info()
    assert json.loads(logs.formatter(IN_JSON).format(broken))["trace"].endswith("ValueError: seven")


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)],
)
def test_each_line_for_journald_begins_with_its_priority(level: int, priority: int) -> None:
    said = logs.JournalFormatter(logs.TextFormatter("%(message)s")).format(record("one\ntwo", level))
    assert said == f"<{priority}>one\n<{priority}>two"
