"""What content is, by its first octets; and that an ordinary text is nothing else."""

import pytest

from gateway.mime.kinds import Kind
from gateway.mime.signatures import is_text, script_of, signature_of
from tests.gateway.attaching import ELF, PICTURE, PROGRAM, SHORTCUT, cab, lha, ole, rar, tarred, tnef, zipped


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (PROGRAM, "application/x-dosexec"),
        (ELF, "application/x-executable"),
        (bytes.fromhex("cffaedfe") + bytes(20), "application/x-mach-binary"),
        (bytes.fromhex("cafebabe") + bytes(20), "application/java-vm"),
        (SHORTCUT, "application/x-ms-shortcut"),
        (b"ITSF\x03\0\0\0", "application/vnd.ms-htmlhelp"),
        (zipped({"a": b""}), "application/zip"),
        (rar({"a": b""}), "application/vnd.rar"),
        (cab({"a": b""}), "application/vnd.ms-cab-compressed"),
        (lha("a", b""), "application/x-lha"),
        (tarred({"a": b""}), "application/x-tar"),
        (tarred({"a": b""}, "w:gz"), "application/gzip"),
        (tarred({"a": b""}, "w:bz2"), "application/x-bzip2"),
        (ole({"a": b""}), "application/x-ole-storage"),
        (tnef("a", b""), "application/vnd.ms-tnef"),
        (b"\n\n%PDF-1.7", "application/pdf"),
        (b"{\\rtf1", "application/rtf"),
        (bytes(32_769) + b"CD001", "application/x-iso9660-image"),
        (b"\xeb\x3c\x90MSDOS5.0" + bytes(43) + b"FAT16" + bytes(451) + b"\x55\xaa", "application/x-raw-disk-image"),
        (b"vhdxfile", "application/x-raw-disk-image"),
        (PICTURE, "image/png"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
    ],
)
def test_content_is_known_by_its_beginning(octets: bytes, kind: str) -> None:
    known = signature_of(octets)

    assert known is not None
    assert known.type == kind


@pytest.mark.parametrize(
    "text",
    [
        b"MZ wrote:\r\n> hello, this line is longer than a header of DOS would be, and means nothing at all\r\n",
        b"BM is my initials",
        b"07070 is a number",
        b"PKZIP",
        b"FWS are letters",
        b"a" * 257 + b"hello",
        b"",
    ],
)
def test_a_text_that_begins_like_something_is_still_a_text(text: bytes) -> None:
    assert signature_of(text) is None


@pytest.mark.parametrize(
    ("octets", "text"),
    [(b"hello\r\n", True), ("grüße".encode(), True), ("hello".encode("utf-16"), True), (b"a\0b", False), (b"", True)],
)
def test_a_text_is_told_by_what_no_text_has(octets: bytes, text: bool) -> None:
    assert is_text(octets) is text


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (b"<html><HTA:APPLICATION id=a></html>", Kind.SCRIPT),
        ("<html><hta:application></html>".encode("utf-16"), Kind.SCRIPT),
        (b"<package><job id='a'><script language='VBScript'>x</script></job></package>", Kind.SCRIPT),
        (b"#@~^AAAA==", Kind.SCRIPT),
        (b"[InternetShortcut]\r\nURL=file://evil.test/a", Kind.SHORTCUT),
        (b"<w:wordDocument w:macrosPresent='yes'>", Kind.MACROS),
        (b"<html><script>1</script></html>", None),
        (b"the job was <b>done</b> by a script", None),
    ],
)
def test_some_texts_are_run_when_they_are_opened(octets: bytes, kind: Kind | None) -> None:
    found = script_of(octets)

    assert (found.kind if found is not None else None) is kind
