"""Taking a message apart: every part that some reader has, and where it lies."""

from gateway.mime.decoding import readings, whole
from gateway.mime.reader import dissect


def lines(*each: str) -> bytes:
    """A message of these lines."""
    return "".join(line + "\r\n" for line in each).encode("latin-1")


NESTED = lines(
    "From: ann@example.org",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="outer"',
    "",
    "preamble",
    "--outer",
    "Content-Type: multipart/alternative; boundary=inner",
    "",
    "--inner",
    "",
    "hello",
    "--inner",
    "Content-Type: text/html",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    "<b>h=65llo</b>",
    "--inner--",
    "--outer",
    'Content-Type: application/zip; name="a.zip"',
    "Content-Transfer-Encoding: base64",
    'Content-Disposition: attachment; filename="b.zip"',
    "",
    "UEsDBA==",
    "--outer--",
)


def test_plain_mail_is_one_part() -> None:
    raw = lines("Subject: hello", "", "world")
    (part,) = dissect(raw).parts
    assert (part.path, part.types, part.encodings, raw[slice(*part.body)]) == (
        "1",
        ("text/plain",),
        ("7bit",),
        b"world\r\n",
    )


def test_the_parts_of_a_multipart_come_in_their_order() -> None:
    anatomy = dissect(NESTED)
    assert [(each.path, each.types[0], each.multipart) for each in anatomy.parts] == [
        ("1", "multipart/mixed", True),
        ("1.1", "multipart/alternative", True),
        ("1.1.1", "text/plain", False),
        ("1.1.2", "text/html", False),
        ("1.2", "application/zip", False),
    ]
    assert not anatomy.broken


def test_a_leaf_has_its_names_and_its_content() -> None:
    *_, html, attachment = dissect(NESTED).parts
    assert (attachment.names, attachment.disposition) == (("a.zip", "b.zip"), "attachment")
    assert [(each.encoding, whole(each.blocks, 100)) for each in readings(NESTED, attachment)] == [
        ("base64", b"PK\3\4")
    ]
    assert [whole(each.blocks, 100) for each in readings(NESTED, html)] == [b"<b>hello</b>"]
