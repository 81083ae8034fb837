"""Names: every form that a reader may show, or a system may keep."""

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime import parameters
from gateway.mime.reader import dissect
from gateway.mime.text import every_name
from tests.lies.building import message


def names(*fields: str) -> tuple[str, ...]:
    """The names of a mail with these fields."""
    return dissect(message(*fields, body=b"x\r\n")).parts[0].names


@pytest.mark.parametrize(
    "parameter",
    [
        'filename="run.exe"',
        "filename=run.exe",
        'filename="run.exe',
        "filename=run.exe (a comment)",
        "filename = run.exe",
        "filename='run.exe'",
        'filename="r\\un.exe"',
        'filename="run.exe "',
        'filename="run.exe."',
        'filename="C:\\dir\\run.exe"',
        'filename="../run.exe"',
        'filename="run\r\n .exe"',
        'filename="=?utf-8?B?cnVuLmV4ZQ==?="',
        'filename="=?utf-8?Q?run=2Eexe?="',
        'filename="=?utf-8?Q?run?= =?utf-8?Q?=2Eexe?="',
        'filename="=?unknown?Q?run=2Eexe?="',
        'filename="=?utf-8?B?cnVuLmV4ZQ"',
        'filename="=?utf-8?B?cnVuLg==ZXhl?="',
        'x="; filename=run.exe; "; filename="run.txt"',
        "filename*=utf-8''run%2Eexe",
        "filename*=unknown''run%2Eexe",
        "filename*=utf-7''run+AC4-exe",
        "filename*=run.exe",
        'filename*0="run"; filename*1=".exe"',
        'filename*1=".exe"; filename*0="run"',
        "filename*0*=utf-8''run; filename*1*=%2Eexe",
        "filename*0*=utf-8''run; filename*1=.exe",
        'filename="run.txt"; filename="run.exe"',
        "filename=\"run.txt\"; filename*=utf-8''run.exe",
        "filename=\"run.exe\"; filename*=utf-8''run.txt",
        'filename="run.txt" name="run.exe"',
        'filename="run.exe;.txt"',
        'filename="run.exe\0.txt"',
        'filename="run.%65xe"',
        'filename="run\N{FULLWIDTH FULL STOP}exe"',
        "filename*=utf-8''run%E2%80%8B.exe",
        "filename*=utf-8''run%C0%AEexe",
        "FileName=run.exe",
        "filename=run.exe*0*",
        'filename="run.exe:zone"',
        "filename:run.exe",
    ],
)
def test_a_name_that_some_reader_shows_is_among_the_names(parameter: str) -> None:
    assert "run.exe" in names(f"Content-Disposition: attachment; {parameter}")


@pytest.mark.parametrize(
    "field",
    [
        "Content-Type: application/octet-stream; name=run.exe",
        "Content-Type: application/octet-stream; filename=run.exe",
        "Content-Type: ; name=run.exe",
        "Content-Disposition: filename=run.exe",
        "Content-Description: run.exe",
        "Content-Location: http://other.test/dir/run.exe?a=b",
        "Content_Disposition: attachment; filename=run.exe",
        "Content-Disposition: =?utf-8?Q?attachment;_filename=3Drun=2Eexe?=",
    ],
)
def test_a_name_is_found_in_each_field_that_may_have_it(field: str) -> None:
    assert "run.exe" in names(field)


def test_a_description_in_words_is_no_name() -> None:
    assert not names("Content-Description: The 2. report. It is long")


def test_names_that_differ_with_a_program_among_them_are_hidden() -> None:
    fields = 'Content-Type: text/plain; name="a.txt"', 'Content-Disposition: attachment; filename="a.exe"'
    oddities = dissect(message(*fields, body=b"x")).oddities
    assert {"MIME_NAME", "MIME_HIDDEN_ATTACHMENT"} <= {each.symbol for each in oddities}


@pytest.mark.parametrize(
    "name",
    [
        "report.pdf",
        "R\xe9sum\xe9.pdf",
        "=?iso-8859-1?Q?R=E9sum=E9.pdf?=",
        "=?utf-8?Q?=C3=9Cbersicht=2Ezip?=",
        "=?utf-8?Q?=C5=BC=C3=B3=C5=82=C4=87=2Edocx?=",
        "=?utf-8?B?cmVwb3J0IHA=?=\r\n =?utf-8?B?INC+0YLRh9C10YIueA==?=\r\n =?utf-8?B?bHN4?=",
        "=?utf-8?B?aW52b2ljZS4=?=\r\n =?utf-8?B?aHRtbA==?=",
    ],
)
def test_ordinary_names_are_not_odd(name: str) -> None:
    assert not dissect(message(f'Content-Disposition: attachment; filename="{name}"', body=b"x")).oddities


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.zip", False),  # Persian
        ("\u05d3\u05d5\u05d7\u200f.zip", False),  # Hebrew
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467.zip", False),
        ("Chat \u202a+49 171 1234567\u202c.zip", False),
        ("report.z\u200dip", True),
        ("report\u200b.zip", True),
        ("report\u202epiz.exe", True),
    ],
)
def test_a_name_may_have_what_its_language_is_written_with_before_its_ending(name: str, odd: bool) -> None:
    words = f"filename*=utf-8''{urllib.parse.quote(name)}"
    found = dissect(message(f"Content-Disposition: attachment; {words}", body=b"PK\3\4")).oddities
    assert any(each.symbol == "MIME_NAME" for each in found) is odd


def test_the_end_of_a_long_name_is_kept() -> None:
    assert any(each.endswith(".exe") for each in every_name(b"x" * 5000 + b".exe"))


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_nothing_makes_it_raise(octets: bytes) -> None:
    assert all(every_name(octets))


def test_an_attachment_of_a_type_that_runs_is_given_a_name_as_mail_programs_do() -> None:
    assert names("Content-Type: application/hta") == ("unnamed.hta",)
    assert names('Content-Type: application/hta; name="a.txt"') == ("a.txt",)


def test_of_many_values_of_one_field_the_first_are_looked_at_in_full() -> None:
    values = [bytes((ord("a") + at,)) * 600 for at in range(6)]
    found = parameters.names(b"".join(b'; name="' + each + b'"' for each in values))
    assert [each in found for each in values] == [True] * 4 + [False] * 2
    assert all(any(name.strip(b'"') and name in each for name in found) for each in values)


@pytest.mark.parametrize(
    ("value", "programs"),
    [
        (b"a; (run.exe) b.EXE.txt", [b"run.exe", b"b.EXE"]),
        (b"..js", [b"..js"]),
        (b".js /.js a.jsx1", []),
        (b"y" * 300 + b".exe", [b"y" * 200 + b".exe"]),
    ],
)
def test_what_looks_like_the_name_of_a_program_is_found_anywhere(value: bytes, programs: list[bytes]) -> None:
    assert parameters.names(value) == programs
