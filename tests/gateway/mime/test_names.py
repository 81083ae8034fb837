"""File names: as they are compared, and what they say."""

import time

import pytest

from gateway.mime.kinds import Kind
from gateway.mime.names import extension, forms, kind_of, lie_of, normal, shown


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Report.EXE", "report.exe"),
        ("run.exe. . ", "run.exe"),
        ("run.exe\t", "run.exe"),
        ("C:\\Users\\me\\run.exe", "run.exe"),
        ("../../run.exe", "run.exe"),
        ("folder/", "folder"),
        ("run.e\u200bxe", "run.exe"),
        ("run.e\u0000xe", "run.exe"),
        ("run.\uff45\uff58\uff45", "run.exe"),
        ("run\u2024exe", "run.exe"),
        ("run.exe::$DATA", "run.exe"),
        ('"run.exe"', '"run.exe'),
        ("a \u3000 b.txt", "a b.txt"),
        ("", ""),
        ("...", ""),
        ("\ud800", ""),
    ],
)
def test_a_name_is_compared_as_the_system_that_saves_it_would_have_it(name: str, form: str) -> None:
    assert normal(name) == form


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("run.exe", Kind.EXECUTABLE),
        ("letter.JS", Kind.SCRIPT),
        ("letter.pdf.lnk ", Kind.SHORTCUT),
        ("disk.iso", Kind.DISK_IMAGE),
        ("plan.xlsm", Kind.MACROS),
        ("run.exe\0.txt", Kind.EXECUTABLE),
        ("run\u202etxt.exe", Kind.EXECUTABLE),
        (".exe", Kind.EXECUTABLE),
        ("letter.txt.{3050F4D8-98B5-11CF-BB82-00AA00BDCE0B}", Kind.EXECUTABLE),
        ("{3050F4D8-98B5-11CF-BB82-00AA00BDCE0B}.txt", None),
        ("exe", None),
        ("notes.txt", None),
        ("patch.sh", None),
        ("a.tar.gz", None),
        ("", None),
    ],
)
def test_an_extension_says_what_a_file_is(name: str, kind: Kind | None) -> None:
    assert kind_of(name) is kind


@pytest.mark.parametrize(
    "name",
    [
        "invoice.pdf.exe",
        "invoice.pdf .exe",
        "photo.jpg.js",
        "archive.zip.scr",
        "gpj.\u202eexe.txt",
        "invoice.pdf                    .exe",
        "invoice.pdf\u3164\u3164\u3164\u3164\u3164\u3164\u3164\u3164.exe",
        "run.exe\0.txt",
    ],
)
def test_a_name_that_is_made_to_be_misread_lies(name: str) -> None:
    assert lie_of(name)


@pytest.mark.parametrize(
    "name",
    [
        "report.pdf",
        "report.final.pdf",
        "a.tar.gz",
        "v1.2.exe",
        "\u200f\u05d3\u05d5\u05d7.pdf",
        "a  b.txt",
        "2026.11.20.docx",
        "x\0",
    ],
)
def test_an_ordinary_name_does_not(name: str) -> None:
    assert lie_of(name) == ""


@pytest.mark.parametrize("name", ["a" + " " * 8000 + "b", ("a" + " " * 8 + ".b") * 700, "\u00a0.exe" * 1600])
def test_no_name_takes_long(name: str) -> None:
    began = time.process_time()
    for _ in range(300):
        lie_of(name)
    assert time.process_time() - began < 30  # seconds of this process; less than one where it is linear


def test_what_stands_before_a_nul_is_a_form_of_its_own() -> None:
    assert forms("run.exe\0.txt") == ("run.exe.txt", "run.exe")


def test_an_extension_is_what_stands_behind_the_last_dot() -> None:
    assert [extension(each) for each in ("a.b.c", "a", ".c", "")] == ["c", "", "c", ""]


def test_a_name_is_shown_whole_where_it_is_short_and_with_what_nobody_sees_written_out() -> None:
    assert shown("a\u202eb\n") == "a\\u202eb\\u000a"
    assert len(shown("x" * 10_000 + ".exe")) < 210
    assert shown("x" * 10_000 + ".exe").endswith(".exe")
