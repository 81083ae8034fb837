"""Attachments taken out: a note stands for each, all else stays octet for octet, and in doubt nothing is touched."""

import base64
import email
import os
import tracemalloc
from collections.abc import Iterator
from email.message import EmailMessage, Message
from pathlib import Path

import pytest

from gateway.delivery.stripping import NotStrippableError, plan, stripped
from gateway.mail.findings import Finding
from gateway.mail.message import Content, head_of
from gateway.mail.stripped import Taken
from gateway.mime.reader import dissect

NODE, ID = "mx.example.test", "01ABCDEF"


def found(part: str, name: str = "a.docm", detail: str = "macros in a.docm") -> Finding:
    return Finding("MACROS", 0.0, detail, facts={"names": name, "type": "application/x-docm", "part": part})


def letter(*names: str, html: bool = True) -> EmailMessage:
    """A letter in plain text and HTML with attachments of these names."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "them@other.test", "alice@example.test", "Grüße"
    message.set_content("Hello Alice, 'ä' is here.\n")
    if html:
        message.add_alternative("<p>Hello <b>Alice</b></p>\n", subtype="html")
    for name in names:
        message.add_attachment(name.encode() * 50, maintype="application", subtype="octet-stream", filename=name)
    return message


def octets(message: EmailMessage) -> bytes:
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))


def content_of(raw: bytes) -> Content:
    return Content(len(raw), "x", head_of(raw), memory=raw)


def planned(raw: bytes, *findings: Finding) -> tuple[Taken, ...]:
    return plan(dissect(raw), findings, lambda start, stop: raw[start:stop])


def without(raw: bytes, *findings: Finding) -> bytes:
    memory = stripped(content_of(raw), planned(raw, *findings), NODE, ID, Path("/nowhere")).memory
    assert memory is not None
    return memory


def leaves(raw: bytes) -> list[Message]:
    return [each for each in email.message_from_bytes(raw).walk() if not each.is_multipart()]


def test_a_note_stands_for_the_attachment_and_names_it() -> None:
    raw = octets(letter("a.docm", "b.pdf"))
    text, html, note, pdf = leaves(without(raw, found("1.2")))
    assert note.get_content_type() == "text/plain"
    words = str(note.get_payload())
    for said in (NODE, "a.docm", "application/x-docm", "about 301 octets", "macros in a.docm", ID):
        assert said in words
    assert [text.as_bytes(), html.as_bytes(), pdf.as_bytes()] == [
        each.as_bytes() for at, each in enumerate(leaves(raw)) if at != 2
    ]
    assert all(not each.defects for each in email.message_from_bytes(without(raw, found("1.2"))).walk())


def test_nothing_else_changes_by_an_octet() -> None:
    raw = octets(letter("a.docm", "b.pdf"))
    (taken,) = planned(raw, found("1.2"))
    result = without(raw, found("1.2"))
    assert result.startswith(raw[: taken.start])
    assert result.endswith(raw[taken.stop :])
    assert b'Content-Disposition: attachment; filename="a.docm"' in raw[taken.start : taken.stop]


def test_several_are_taken_out_the_last_one_too() -> None:
    raw = octets(letter("a.docm", "b.pdf", "c.docm"))
    kinds = [each.get_content_type() for each in leaves(without(raw, found("1.4", "c.docm"), found("1.2")))]
    assert kinds == ["text/plain", "text/html", "text/plain", "application/octet-stream", "text/plain"]


def test_one_deep_inside_nested_multiparts_is_taken_out_and_the_tree_stays() -> None:
    inner = letter("a.docm")
    outer = EmailMessage()
    outer["From"], outer["MIME-Version"] = "them@other.test", "1.0"
    outer.make_mixed()
    for part in (letter(html=False), inner):
        del part["From"], part["To"], part["Subject"], part["MIME-Version"]
        outer.attach(part)
    raw = octets(outer)
    result = without(raw, found("1.2.2"))

    def shape(raw: bytes) -> Iterator[str]:
        yield from (each.get_content_type() for each in email.message_from_bytes(raw).walk())

    before, after = list(shape(raw)), list(shape(result))
    assert before[-1] == "application/octet-stream"
    assert after == [*before[:-1], "text/plain"]


def test_a_whole_multipart_is_taken_out_once() -> None:
    raw = octets(letter("a.docm"))
    result = without(raw, found("1.1"), found("1.1.2"))
    assert [each.get_content_type() for each in leaves(result)] == ["text/plain", "application/octet-stream"]


def test_a_name_beyond_ascii_or_of_tricks_stays_one_line_of_text() -> None:
    raw = octets(letter("a.docm"))
    wild = "grüße\r\t--boundary\x00\u202egnp.exe" + "x" * 5000
    result = without(raw, found("1.2", wild))
    note = leaves(result)[2]
    words = note.get_payload(decode=True)
    assert isinstance(words, bytes)
    assert "grüße?--boundary?gnp.exe" in words.decode()
    assert all(len(line) < 998 for line in result.split(b"\r\n"))


def test_a_note_keeps_the_line_end_before_a_boundary_that_is_not_closed() -> None:
    raw = octets(letter("a.docm", html=False)).rstrip().removesuffix(b"--")
    raw = raw[: raw.rindex(b"\r\n--")] + b"\r\n"
    if dissect(raw).broken:
        with pytest.raises(NotStrippableError, match="broken"):
            planned(raw, found("1.2"))
    else:
        assert len(leaves(without(raw, found("1.2")))) == 2


def attached_message() -> bytes:
    outer = EmailMessage()
    outer.set_content("see what I got\n")
    outer.add_attachment(letter("a.docm"))
    return octets(outer)


def signed(kind: str) -> bytes:
    raw = octets(letter("a.docm"))
    return raw.replace(b"multipart/mixed", kind.encode())


@pytest.mark.parametrize(
    ("raw", "part", "reason"),
    [
        (signed("multipart/signed"), "1.2", "the message is signed"),
        (signed("multipart/encrypted"), "1.2", "the message is encrypted"),
        (attached_message(), "1.2.1.2", "in an attached message"),
        (b"MIME-Version: 1.0\r\nContent-Type: application/zip\r\n\r\nxxx\r\n", "1", "the whole message"),
        (octets(letter("a.docm")), "1.9", "no part of the message"),
        (octets(letter("a.docm")), "", "no part of the message"),
        (octets(letter(*(f"{number}.docm" for number in range(1200)))), "1.2", "broken"),
    ],
)
def test_what_can_not_be_taken_out_safely_is_left_alone(raw: bytes, part: str, reason: str) -> None:
    with pytest.raises(NotStrippableError, match=reason):
        planned(raw, found(part))


def test_a_large_message_goes_from_file_to_file(tmp_path: Path) -> None:
    body = base64.encodebytes(os.urandom(6_000_000)).replace(b"\n", b"\r\n")
    part = b"--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    raw = (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n'
        + part
        + body
        + part
        + body
        + b"--x--\r\n"
    )
    source = tmp_path / "source"
    source.write_bytes(raw)
    taken = planned(raw, found("1.1"))
    tracemalloc.start()
    result = stripped(Content(len(raw), "x", head_of(raw), path=source), taken, NODE, ID, tmp_path / "result")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    assert result.path is not None
    written = result.path.read_bytes()
    assert (result.size, result.head) == (len(written), head_of(raw))
    assert written.endswith(part + body + b"--x--\r\n")
    assert source.read_bytes() == raw
