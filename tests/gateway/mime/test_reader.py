"""Taking a message apart: every part that some reader has, where it lies, and what hides."""

import base64
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.decoding import readings, whole
from gateway.mime.reader import MAX_DEPTH, MAX_PARTS, dissect
from gateway.mime.words import Anatomy
from tests.lies.building import EICAR, TEXT, ZIP, base64_of, joined, lines, message, mixed, part

MEGABYTE = 1024 * 1024
NESTED = message(
    'Content-Type: multipart/mixed; boundary="outer"',
    body=joined(
        "outer",
        part(
            "Content-Type: multipart/alternative; boundary=inner",
            body=joined(
                "inner",
                b"\r\nhello",
                part("Content-Type: text/html", "Content-Transfer-Encoding: quoted-printable", body=b"<b>h=65llo</b>"),
            ),
        ),
        part(
            'Content-Type: application/zip; name="a.zip"',
            "Content-Transfer-Encoding: base64",
            'Content-Disposition: attachment; filename="b.zip"',
            body=b"UEsDBAAA\r\n",
        ),
        before=b"preamble\r\n",
    ),
)
ATTACHED = part(
    'Content-Type: application/zip; name="letter.zip"', "Content-Transfer-Encoding: base64", body=base64_of(ZIP)
)


def holds(raw: bytes, content: bytes) -> bool:
    """Whether some reading of some part gives the content."""
    return any(
        whole(reading.blocks, MEGABYTE) == content
        for each in dissect(raw).parts
        if not each.multipart
        for reading in readings(raw, each)
    )


def hides(anatomy: Anatomy) -> bool:
    """Whether an attachment hides."""
    return any(each.symbol == "MIME_HIDDEN_ATTACHMENT" and each.points >= 8 for each in anatomy.oddities)


def symbols(anatomy: Anatomy) -> set[str]:
    """The symbols of what is odd."""
    return {each.symbol for each in anatomy.oddities}


# What is well formed.


def test_plain_mail_is_one_part() -> None:
    raw = b"Subject: hello\r\n\r\nworld\r\n"
    (only,) = dissect(raw).parts
    assert (only.path, only.types, only.encodings) == ("1", ("text/plain",), ("7bit",))
    assert raw[slice(*only.body)] == b"world\r\n"


def test_the_parts_of_a_multipart_come_in_their_order() -> None:
    anatomy = dissect(NESTED)
    assert [(each.path, each.types[0], each.multipart) for each in anatomy.parts] == [
        ("1", "multipart/mixed", True),
        ("1.1", "multipart/alternative", True),
        ("1.1.1", "text/plain", False),
        ("1.1.2", "text/html", False),
        ("1.2", "application/zip", False),
    ]
    assert not anatomy.oddities
    assert not anatomy.broken


def test_a_leaf_has_its_names_and_its_content() -> None:
    *_, html, attachment = dissect(NESTED).parts
    assert (attachment.names, attachment.disposition) == (("a.zip", "b.zip"), "attachment")
    assert [(each.encoding, whole(each.blocks, 100)) for each in readings(NESTED, attachment)] == [
        ("base64", b"PK\3\4\0\0")
    ]
    assert [whole(each.blocks, 100) for each in readings(NESTED, html)] == [b"<b>hello</b>"]


def test_a_mail_within_the_mail_is_taken_apart() -> None:
    raw = message("Content-Type: message/rfc822", body=mixed(TEXT, ATTACHED))
    assert [each.path for each in dissect(raw).parts] == ["1", "1.1", "1.1.1", "1.1.2"]
    assert holds(raw, ZIP)


def test_a_mail_that_is_itself_encoded_is_taken_apart() -> None:
    raw = message(
        "Content-Type: message/rfc822", "Content-Transfer-Encoding: base64", body=base64_of(mixed(TEXT, ATTACHED))
    )
    attachment = dissect(raw).parts[-1]
    assert attachment.within is not None
    assert (attachment.names, attachment.under) == (("letter.zip",), "base64")
    assert holds(raw, ZIP)


def test_what_an_empty_message_is() -> None:
    assert [each.body for each in dissect(b"").parts] == [(0, 0)]


@pytest.mark.parametrize(
    "body",
    [
        "He wrote:\r\n--\r\nBob, who begins lines with dashes\r\n",
        "-----BEGIN PGP SIGNATURE-----\r\n\r\niQIzBAEBCAAdFiEE" + "A" * 48 + "\r\n-----END PGP SIGNATURE-----\r\n",
        "We begin 2 new projects\r\nbegin with this\r\n",
    ],
)
def test_an_ordinary_text_is_not_odd(body: str) -> None:
    assert not dissect(message("Content-Type: text/plain", body=body.encode())).oddities


# What lies. Each of these is a zip archive with EICAR in it.

BOUNDARIES = [
    b'boundary="decoy"; boundary="outer"',
    b'boundary="outer"; boundary="decoy"',
    b"boundary*0=ou; boundary*1=ter; boundary=decoy",
    b"boundary*=us-ascii''out%65r; boundary=decoy",
    b'boundary="=?us-ascii?Q?outer?="',
    b'boundary="ou\\ter"',
    b"boundary=outer(decoy)",
    b'boundary="decoy" outer; boundary=outer',
    b'boundary="outer',
    b"boundary='outer'",
    b'boundary="outer "',
    b'boundary="ou\r\n ter"; boundary="ou\r\n\tter"',
    b"x=(; boundary=outer",
]


@pytest.mark.parametrize("parameters", BOUNDARIES)
def test_each_boundary_that_a_reader_may_take_is_taken(parameters: bytes) -> None:
    raw = mixed(TEXT, ATTACHED, parameters=parameters)
    anatomy = dissect(raw)
    assert "letter.zip" in {name for each in anatomy.parts for name in each.names}
    assert holds(raw, ZIP)
    assert anatomy.broken


def test_two_types_are_both_read_and_hide_what_one_does_not_show() -> None:
    raw = message(
        "Content-Type: text/plain", 'Content-Type: multipart/mixed; boundary="outer"', body=joined("outer", ATTACHED)
    )
    assert holds(raw, ZIP)
    assert hides(dissect(raw))


@pytest.mark.parametrize(
    "field",
    [
        "Content-Type : multipart/mixed; boundary=outer",
        " Content-Type: multipart/mixed; boundary=outer",
        "Subject: x\rContent-Type: multipart/mixed; boundary=outer",
        "  \r\nContent-Type: multipart/mixed; boundary=outer",
        "no field\r\nContent-Type: multipart/mixed; boundary=outer",
        "Content\0-Type: multipart/mixed; boundary=outer",
        "\xef\xbb\xbfContent-Type: multipart/mixed; boundary=outer",
    ],
)
def test_a_field_that_some_do_not_see_is_read_and_odd(field: str) -> None:
    raw = message("X-A: 1", field, body=joined("outer", TEXT, ATTACHED))
    assert holds(raw, ZIP)
    assert hides(dissect(raw))


@pytest.mark.parametrize("encoding", ['"base64"', "base 64", "x-base64", "base64 quoted-printable", "Base64;", "b64"])
def test_an_encoding_that_is_misspelt_is_undone_and_odd(encoding: str) -> None:
    raw = mixed(TEXT, ATTACHED.replace(b"base64", encoding.encode()))
    assert holds(raw, ZIP)
    assert hides(dissect(raw))


def test_two_encodings_are_both_undone_and_one_upon_the_other() -> None:
    fields = "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable"
    leaf = dissect(mixed(part(*fields, body=b"x"))).parts[-1]
    assert {"base64", "quoted-printable", "base64+quoted-printable", "quoted-printable+base64"} <= set(leaf.encodings)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (base64.b64encode(ZIP[:10]) + b"\r\n" + base64.b64encode(ZIP[10:]), "base64"),
        (base64.b64encode(ZIP).replace(b"A", b"A!"), "base64"),
        (base64.b64encode(ZIP).replace(b"A", b"A -\r\n"), "base64"),
        (base64.b64encode(ZIP).rstrip(b"="), "base64"),
    ],
)
def test_base64_that_not_all_decode_alike_is_odd(body: bytes, encoding: str) -> None:
    raw = mixed(TEXT, part("Content-Type: application/zip", "Content-Transfer-Encoding: base64", body=body))
    assert "MIME_ENCODING" in symbols(dissect(raw))
    assert encoding in dissect(raw).parts[-1].encodings
    assert holds(raw, ZIP)


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (b"", b"--outer\r\n" + ATTACHED + b"\r\n"),
        (b"--other\r\n" + ATTACHED + b"\r\n", b""),
        (ATTACHED + b"\r\n", b""),
        (b"", b"--other\r\n" + ATTACHED + b"\r\n"),
    ],
)
def test_a_part_outside_of_the_boundaries_is_read_and_hidden(before: bytes, behind: bytes) -> None:
    raw = message(
        "Content-Type: multipart/mixed; boundary=outer", body=joined("outer", TEXT, before=before, behind=behind)
    )
    assert holds(raw, ZIP)
    assert hides(dissect(raw))


def test_a_part_behind_a_boundary_that_is_longer_is_read_and_hidden() -> None:
    raw = mixed(TEXT, b"--outer behind\r\n" + ATTACHED)
    assert holds(raw, ZIP)
    assert hides(dissect(raw))


def test_uuencode_in_a_text_has_a_name_and_content() -> None:
    raw = mixed(b"\r\nbegin 644 run.exe\r\n%:&5L;&\\`\r\n`\r\nend\r\n")
    guessed = dissect(raw).parts[-1]
    assert (guessed.names, guessed.encodings) == (("run.exe",), ("guess-uuencode",))
    assert holds(raw, b"hello")


@pytest.mark.parametrize("encoding", ["7bit", "base64"])
def test_what_is_attached_to_an_event_has_a_name_and_content(encoding: str) -> None:
    event = lines(
        "BEGIN:VEVENT", "ATTACH;VALUE=BINARY;ENCODING=BASE64;X-FILENA", " ME=run.exe:aGVs", " bG8=", "END:VEVENT"
    )
    body = base64_of(event) if encoding == "base64" else event
    raw = mixed(part("Content-Type: text/calendar", f"Content-Transfer-Encoding: {encoding}", body=body))
    guessed = dissect(raw).parts[-1]
    assert (guessed.names, guessed.encodings) == (("run.exe",), ("guess-base64",))
    assert holds(raw, b"hello")


@pytest.mark.parametrize("encoding", ["7bit", "base64"])
@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.xml"])
def test_what_stands_in_base64_in_a_file_that_runs_scripts_is_a_part(name: str, encoding: str) -> None:
    program = base64.b64encode(b"MZ" + bytes(100))
    page = b"<script>var b = atob('" + program + b"')</script>\r\n"
    body = base64.encodebytes(page) if encoding == "base64" else page

    anatomy = dissect(
        message(
            f"Content-Type: application/octet-stream; name={name}",
            f"Content-Transfer-Encoding: {encoding}",
            body=body,
        )
    )

    assert [each.encodings for each in anatomy.parts[1:]] == [("guess-base64",)]


def test_a_link_that_is_attached_to_an_event_is_no_file() -> None:
    event = lines("BEGIN:VEVENT", "ATTACH;FMTTYPE=text/html:https://other.test/run.exe", "END:VEVENT")
    assert len(dissect(mixed(part("Content-Type: text/calendar", body=event))).parts) == 2


@pytest.mark.parametrize(("length", "overlong"), [(998, False), (999, True), (100_000, True)])
def test_a_line_that_is_longer_than_smtp_allows_is_noted(length: int, overlong: bool) -> None:
    raw = mixed(part("Content-Type: text/plain", body=b"x\r\n" * 700 + b"a" * length + b"\r\nx\r\n"))
    assert dissect(raw).overlong is overlong


def test_base64_of_a_program_in_a_text_is_read() -> None:
    assert holds(message("X-A: 1", body=b"See:\r\n\r\n" + base64_of(EICAR)), EICAR)


def test_what_hides_must_be_an_attachment() -> None:
    fields = "Content-Type: text/html", "Content-Type: text/plain"
    anatomy = dissect(message(*fields, body=b"<b>hello</b>\r\n"))
    assert "MIME_HEADER_TWICE" in symbols(anatomy)
    assert not hides(anatomy)


@pytest.mark.parametrize(
    "raw",
    [
        mixed(TEXT, ATTACHED).removesuffix(b"--outer--\r\n"),
        mixed(TEXT, ATTACHED.replace(b"application/zip; ", b"application/zip ")),
        mixed(TEXT, ATTACHED).replace(b"MIME-Version: 1.0\r\n", b""),
        mixed(TEXT, ATTACHED).replace(b"--outer\r\n", b"--outer \r\n"),
    ],
)
def test_what_ordinary_mail_does_as_well_is_odd_but_hides_nothing(raw: bytes) -> None:
    anatomy = dissect(raw)
    assert anatomy.broken
    assert not hides(anatomy)
    assert sum(each.points for each in anatomy.oddities) < 1


# Bounds.


def test_more_parts_than_the_bound_are_cut_and_told() -> None:
    anatomy = dissect(mixed(*[TEXT] * (MAX_PARTS + 1)))
    assert len(anatomy.parts) == MAX_PARTS
    assert anatomy.cut


def test_more_levels_than_the_bound_are_cut_and_told() -> None:
    raw = b"Content-Type: message/rfc822\r\n\r\n" * (MAX_DEPTH + 2)
    anatomy = dissect(raw)
    assert anatomy.cut == f"more than {MAX_DEPTH} levels"
    assert anatomy.broken


def test_a_header_section_over_the_bound_is_cut_and_told() -> None:
    assert dissect(b"X-A: " + b"a" * MEGABYTE + b"\r\n\r\n").cut == "a header section of more than 256 KiB"


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: multipart/mixed"
        + b"".join(b"; boundary=b%d" % each for each in range(20))
        + b"\r\n\r\n--b19\r\n",
        b"Content-Disposition: a" + b"".join(b"; filename*%d=b" % each for each in range(100)) + b"\r\n\r\n",
        b'Content-Disposition: a; filename="' + b"a" * 10_000 + b'.exe"\r\n\r\n',
        b"A: b\r\n\r\n" + b"begin 644 a\r\n#86)C\r\n`\r\nend\r\n" * 300,
        b"A: b\r\n\r\n" + (b"UEsDBAAA" * 6 + b"\r\n\r\n") * 300,
        b"A: b\r\n\r\n" + b"--x\r\nContent-Type: a/b\r\n\r\n" * 300,
    ],
    ids=["boundaries", "pieces of a name", "a long name", "uuencode", "base64", "strays"],
)
def test_more_of_anything_than_is_read_is_told(raw: bytes) -> None:
    assert dissect(raw).cut


def multipart(body: bytes, boundary: bytes = b"b") -> bytes:
    """A multipart with this body."""
    return b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + body


HOSTILE: dict[str, Callable[[], bytes]] = {
    "dashes": lambda: multipart(b"--\r\n" * (5 * MEGABYTE)),
    "dashes in one line": lambda: multipart(b"-" * 20 * MEGABYTE, b"-"),
    "strays": lambda: multipart(b"--x\r\nContent-Type: a/b\r\n\r\n" * (MEGABYTE // 2)),
    "longer boundaries": lambda: multipart(b"".join(b"--b%d\r\n" % each for each in range(MEGABYTE))),
    "nesting": lambda: b"".join(multipart(b"--b%d\r\n" % each, b"b%d" % each) for each in range(100_000)),
    "blank lines": lambda: multipart(b"\n" * 20 * MEGABYTE),
    "carriage returns": lambda: multipart(b"\r" * 20 * MEGABYTE),
    "uuencode": lambda: multipart(b"begin 644 x\r\n" * MEGABYTE),
    "short base64": lambda: b"A: b\r\n\r\n" + (b"A" * 44 + b"\r\n\r\n") * (MEGABYTE // 3),
    "blanks in the head": lambda: b"A: b\r\n" + b" \r\n" * 80_000,
    "NULs in the head": lambda: b"A: b\r\nContent-Type: " + b"\0" * 250_000,
    "parameters": lambda: b"Content-Type: multipart/mixed" + b"; boundary*0=a" * 15_000,
    "comments": lambda: b"Content-Type: multipart/mixed; boundary=" + b"(" * 200_000,
    "quotes": lambda: b"Content-Type: a/b" + b'; name="\\"(a' * 15_000,
    "escaped comments": lambda: b"Content-Type: a/b; x=(" + b"\\(" * 120_000,
    "escaped comments of an encoding": lambda: b"Content-Transfer-Encoding: base64 (" + b"\\(" * 120_000,
    "words": lambda: b"Content-Type: " + b"a/" * 120_000,
    "names": lambda: b"Content-Disposition: a; " + b"name (" * 40_000,
    "a type in quotes": lambda: b"Content-Type: multipart/mixed " + b'"' * 250_000,
    "blanks": lambda: b"Content-Type: multipart" + b" " * 250_000,
    "a field of equals": lambda: b"Content-Type: a/b; name=" + b"=?" * 120_000,
    "BinHex of blank lines": lambda: b"A: b\r\n\r\nconverted with BinHex\r\n" + b"\n" * 20 * MEGABYTE,
    "a long value": lambda: b"Content-Type: a/b; x=(" + b"a" * 250_000,
    "encoded-words": lambda: b'Content-Type: a/b; name="' + b"=?utf-8?q?" * 20_000,
    "dots": lambda: multipart((b"--b\r\nContent-Type: a/b; name*=" + b"." * 8000 + b"\r\n\r\n") * 150),
    "padding of encoded-words": lambda: multipart(
        (b'--b\r\nContent-Type: a/b; name="=?b?b?' + b"=" * 8000 + b'?="\r\n\r\n') * 150
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_message_takes_long(name: str) -> None:
    raw = HOSTILE[name]()
    began = time.process_time()
    dissect(raw)
    assert time.process_time() - began < 30  # seconds of this process; some two where nothing else runs


PIECES = st.sampled_from(
    [
        *(b"Content-Type: ", b"Content-Transfer-Encoding: ", b"Content-Disposition: ", b"multipart/mixed; boundary="),
        *(b"message/rfc822", b"application/zip", b"base64", b"quoted-printable", b"; name=", b"; filename*0*=utf-8''"),
        *(
            b"--b",
            b"--b--",
            b"\r\n",
            b"\r\n\r\n",
            b"\n",
            b"\r",
            b"\0",
            b"\f",
            b"\v",
            b"*0",
            b"name",
            b" ",
            b'"',
            b"b",
            b"(",
            b")",
            b"\\",
            b"=?utf-8?b?",
        ),
        *(b"UEsDBA==", b"begin 644 x\r\n", b"%41", b"=41", b"\xff\xfe", EICAR, b":", b";", b"boundary=b"),
    ]
)


@given(st.lists(PIECES | st.binary(max_size=20), max_size=60))
def test_nothing_makes_it_raise_and_all_lies_within_the_message(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    for each in dissect(raw).parts:
        for start, stop in (each.head, each.body):
            assert 0 <= start <= stop
            assert each.within is not None or stop <= len(raw)
        for reading in readings(raw, each):
            for _ in reading.blocks:
                pass
