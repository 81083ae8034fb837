"""What the doctor says of the reader of attachments."""

import pytest

from gateway.config import Config
from gateway.operations.doctor import LOOKS, Level, Result
from gateway.services import inspector


def look() -> list[Result]:
    return list(LOOKS["attachments"](Config()))


def test_a_reader_that_finds_a_program_is_well() -> None:
    assert [each.level for each in look()] == [Level.OK]


def test_a_reader_that_can_not_be_started_is_a_fault_with_its_consequence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspector.sys, "executable", "/nowhere/python")

    (told,) = look()
    assert told.level is Level.FAIL
    assert "deferred (451)" in told.text
    assert "libarchive" in told.remedy


def test_a_reader_that_overlooks_things_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspector.Inspector, "inspect", lambda *_, **__: inspector.Inspection())

    assert [each.level for each in look()] == [Level.FAIL]
