"""What an attachment is and holds, whatever it is packed in; and that a hostile one has a definite answer in time."""

import base64
import gzip
import io
import random
import subprocess
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.mime.kinds import Kind
from gateway.services.inspection.telling import NAMED
from gateway.services.inspection.walk import inspect
from gateway.services.inspection.words import Inspection, Limits, Thing
from tests.gateway.attaching import (
    ELF,
    PICTURE,
    PROGRAM,
    SHORTCUT,
    cab,
    encrypted_zip,
    lha,
    office,
    ole,
    packaged,
    rar,
    tarred,
    tnef,
    vba,
    zipped,
)

PACKAGE = b"Package\0" + bytes(8) + packaged("a.exe", PROGRAM)
NOTEBOOK = bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3e716e3bd65261145a4c48d4d0b7a9eac")  # with a file within
NOISE = random.Random(1).randbytes(50_000)  # noqa: S311 - the same each time
DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X        \0\1\0\0\0\t\0\0\0\x26\0\0\0\x20" + bytes(range(0x80, 0xA0))
LOCK = b"\7Jane Do" + bytes(47) + b"\7\0" + "Jane Do".encode("utf-16-le") + bytes(94)  # as Word writes it
FILES = {"read me.txt": b"hello\n", "folder/run.exe": PROGRAM}


def look(octets: bytes, name: str = "a.bin", limits: Limits = Limits()) -> Inspection:  # noqa: B008 - frozen
    return inspect(octets, (name,), (), limits)


def itself(octets: bytes, name: str = "a.bin", limits: Limits = Limits()) -> Thing:  # noqa: B008 - frozen
    return look(octets, name, limits).things[0]


def names(found: Inspection) -> set[str]:
    return {each.names[0] for each in found.things[1:] if each.names}


def all_kinds(found: Inspection) -> set[Kind]:
    return {kind for each in found.things for kind in each.kinds}


def packed(tmp_path: Path, files: Mapping[str, bytes], *arguments: str) -> bytes:
    """An archive that bsdtar writes."""
    for name, octets in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(octets)
    subprocess.run(["bsdtar", "-cf", tmp_path / "out", *arguments, "-C", tmp_path, *files], check=True)
    return (tmp_path / "out").read_bytes()


@pytest.mark.parametrize(
    "octets",
    [
        zipped(FILES),
        tarred(FILES),
        tarred(FILES, "w:gz"),
        tarred(FILES, "w:bz2"),
        tarred(FILES, "w:xz"),
        rar(FILES),
        cab(FILES),
    ],
    ids=["zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "rar", "cab"],
)
def test_the_names_and_contents_in_an_archive_are_told(octets: bytes) -> None:
    found = look(octets)

    assert names(found) == set(FILES)
    program = next(each for each in found.things if each.names == ("folder/run.exe",))
    assert (program.inside, program.type, list(program.kinds)) == (
        ("a.bin",),
        "application/x-dosexec",
        [Kind.EXECUTABLE],
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "7zip"),
        ("--format", "iso9660"),
        ("--format", "cpio"),
        ("--format", "xar"),
        ("--zstd",),
        ("--lz4",),
        ("--lzma",),
        ("--lzip",),
        ("--compress",),
    ],
    ids="".join,
)
def test_so_are_those_that_another_program_has_packed(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    found = look(packed(tmp_path, FILES, *arguments))

    assert set(FILES) <= names(found)
    assert Kind.EXECUTABLE in all_kinds(found)


@pytest.mark.parametrize("filter_name", ["zstd", "lz4", "lzma", "lzip", "compress"])
def test_what_the_virus_scanner_does_not_look_into_is_unreadable(tmp_path: Path, filter_name: str) -> None:
    assert Kind.UNREADABLE in itself(packed(tmp_path, {"read me.txt": b"hello\n"}, f"--{filter_name}")).kinds


def test_so_is_an_entry_of_a_zip_archive_that_is_packed_in_a_rare_way() -> None:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("read me.txt", "hello\n")

    assert Kind.UNREADABLE in itself(octets.getvalue()).kinds


def test_what_is_called_an_archive_and_can_not_be_read_as_one_is_unreadable() -> None:
    assert Kind.UNREADABLE in itself(bytes(16) + cab({"a.txt": b"hello"}), "a.cab").kinds
    assert not itself(PICTURE, "a.zip").kinds
    assert not itself(b"hello\n", "a.zip").kinds


def test_what_systems_keep_beside_a_file_under_its_name_is_no_archive() -> None:
    beside = {"__MACOSX/._Report.docx": DOUBLE, "~$Report.docx": LOCK}

    assert not all_kinds(look(zipped({"Report.docx": office({}), **beside})))
    assert not all_kinds(look(tarred({"._a.zip": DOUBLE}, "w:gz")))
    assert not itself(DOUBLE, "Report.docx").kinds  # as Apple's mail programs attach it, in multipart/appledouble


@pytest.mark.parametrize(
    ("octets", "name"),
    [(DOUBLE + b"Rar!\x1a\x07\x00", "._a.rar"), (LOCK * 4, "~$a.docx"), (LOCK, "a.docx")],
    ids=["an archive within", "longer", "another name"],
)
def test_what_only_looks_so_is_unreadable(octets: bytes, name: str) -> None:
    assert Kind.UNREADABLE in itself(octets, name).kinds


def test_a_program_counts_by_its_content_whatever_its_name() -> None:
    assert itself(PROGRAM, "notes").kinds == {Kind.EXECUTABLE: "by its content, application/x-dosexec"}
    assert Kind.EXECUTABLE in all_kinds(look(zipped({"notes": ELF})))
    assert Kind.SHORTCUT in all_kinds(look(zipped({"notes": SHORTCUT})))


def test_a_script_counts_by_its_name_also_in_an_lha_archive() -> None:
    assert Kind.SCRIPT in all_kinds(look(lha("letter.vbs", b"x = 1")))


def test_archives_in_archives_are_looked_into() -> None:
    found = look(tarred({"inner.zip": zipped({"data.gz": gzip.compress(PROGRAM)})}, "w:gz"), "outer.tgz")

    program = found.things[-1]
    assert program.inside == ("outer.tgz", "inner.zip", "data.gz")
    assert (program.names, list(program.kinds)) == (("data",), [Kind.EXECUTABLE])


def test_the_name_that_a_gzip_stream_keeps_counts_too() -> None:
    out = io.BytesIO()
    with gzip.GzipFile("letter.js", "wb", fileobj=out) as stream:
        stream.write(b"x = 1")

    assert "letter.js" in look(out.getvalue(), "letter.gz").things[1].names
    assert Kind.SCRIPT in all_kinds(look(out.getvalue(), "letter.gz"))


@pytest.mark.parametrize("kind", ["traditional", "aes256"])
def test_an_encrypted_zip_archive_says_so_and_its_names_count(tmp_path: Path, kind: str) -> None:
    options = ("--format", "zip", "--options", f"zip:encryption={kind}", "--passphrase", "secret")
    found = look(packed(tmp_path, FILES, *options))

    assert Kind.ENCRYPTED in found.things[0].kinds
    assert Kind.EXECUTABLE in all_kinds(found)


def test_an_encrypted_rar_archive_says_so_and_its_names_count() -> None:
    found = look(rar(FILES, encrypted=True))

    assert Kind.ENCRYPTED in found.things[0].kinds
    assert Kind.EXECUTABLE in all_kinds(found)


def test_a_zip_archive_with_two_names_for_one_entry_lies() -> None:
    octets = zipped({"invoice.txt": PROGRAM})
    at = octets.index(b"invoice.txt")
    octets = octets[:at] + b"invoice.exe" + octets[at + 11 :]

    found = look(octets)
    assert "'invoice.txt' is called 'invoice.exe'" in found.things[0].kinds[Kind.NAME_LIES]
    assert found.things[1].names == ("invoice.txt", "invoice.exe")


def test_what_a_zip_archives_directory_hides_is_found() -> None:
    hidden = zipped({"run.exe": PROGRAM})
    octets = hidden[: hidden.index(b"PK\x01\x02")]
    with zipfile.ZipFile(whole := io.BytesIO(octets), "a") as archive:
        archive.writestr("a.txt", b"hello")

    found = look(whole.getvalue())
    assert "run.exe" in names(found)
    assert "does not list 'run.exe'" in found.things[0].kinds[Kind.NAME_LIES]


def test_a_zip_archive_whose_headers_tell_two_sizes_lies() -> None:
    octets = bytearray(zipped({"invoice.txt": b"hello"}))
    octets[18:26] = bytes(8)

    assert "another size" in look(bytes(octets)).things[0].kinds[Kind.NAME_LIES]


@pytest.mark.parametrize("front", [PICTURE, b"%PDF-1.4\n%%EOF\n"])
def test_a_picture_or_document_that_ends_as_an_archive_is_one(front: bytes) -> None:
    found = look(front + zipped({"letter.js": b"x = 1"}), "letter.pdf")

    assert {Kind.SCRIPT, Kind.TYPE_LIES} <= all_kinds(found)


def test_each_name_in_a_gzip_stream_counts() -> None:
    def member(name: str, octets: bytes) -> bytes:
        out = io.BytesIO()
        with gzip.GzipFile(name, "wb", fileobj=out) as stream:
            stream.write(octets)
        return out.getvalue()

    for octets in (
        member("a.txt", b"hello") + member("letter.js", b"x = 1"),
        member("a.gz", member("letter.js", b"x = 1")),
    ):
        assert Kind.SCRIPT in all_kinds(look(octets, "letter.gz"))


def test_a_zip_archive_may_have_anything_in_front() -> None:
    found = look(b"GIF89a" + b"\0" * 2000 + zipped({"run.exe": PROGRAM}), "a.zip")

    assert Kind.EXECUTABLE in all_kinds(found)


def test_a_zip_archive_without_its_directory_is_unreadable_and_its_names_count() -> None:
    octets = zipped(FILES)

    found = look(octets[: octets.index(b"PK\x01\x02")])
    assert found.things[0].kinds[Kind.UNREADABLE] == "its directory is missing"
    assert names(found) == set(FILES)


@pytest.mark.parametrize(
    ("octets", "kind"),
    [
        (office({"word/vbaProject.bin": b"x"}), Kind.MACROS),
        (office({"word/_rels/a.rels": b"<R Type='.../relationships/vbaProject'/>"}), Kind.MACROS),
        (office({"word/media/image1.png": PROGRAM}), Kind.EXECUTABLE),
        (ole({"VBA/Module1": b"x" * 5000 + vba("")}), Kind.MACROS),
        (office({"xl/macrosheets/sheet1.xml": b"x"}, "xl"), Kind.MACROS),
        (office({"word/embeddings/a.bin": ole({"\x01Ole10Native": packaged("run.exe", PROGRAM)})}), Kind.EXECUTABLE),
        (ole({"WordDocument": bytes(12), "Macros/VBA/Module1": vba("Sub AutoOpen()\r\nEnd Sub\r\n")}), Kind.MACROS),
        (ole({"Workbook": b"\x85\0\x09\0" + bytes(4) + b"\0\x01\x01\0a"}), Kind.MACROS),
        (ole({"EncryptedPackage": b"x"}), Kind.ENCRYPTED),
        (ole({"WordDocument": bytes(11) + b"\x01"}), Kind.ENCRYPTED),
        (ole({"Workbook": b"\x2f\0\x02\0\0\0"}), Kind.ENCRYPTED),
        (ole({"a": b"x"}, "84100c0000000000c000000000000046"), Kind.EXECUTABLE),
        (ole({"\x01Ole10Native": packaged("letter.js", b"x = 1")}), Kind.SCRIPT),
        (tnef("letter.js", b"x = 1"), Kind.SCRIPT),
        (tnef("letter", PROGRAM), Kind.EXECUTABLE),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "Basic/Standard/A.xml": b"x"}), Kind.MACROS),
        (zipped({"META-INF/MANIFEST.MF": b"x", "A.class": b"\xca\xfe\xba\xbe"}), Kind.EXECUTABLE),
        (b"%PDF-1.7\n<< /S /JavaScript /JS (x) >>", Kind.ACTIVE),
        (b"%PDF-1.7\ntrailer << /Encrypt 5 0 R >>", Kind.ENCRYPTED),
        (b"%PDF-1.7\n<< /Type /EmbeddedFile >> << /UF (run.exe) >>", Kind.EXECUTABLE),
        (b"{\\rtf1 {\\object{\\*\\objdata 010500000200}}}", Kind.ACTIVE),
        (b"{\\rtf1{\\*\\objdata " + PACKAGE.hex().encode() + b"}}", Kind.EXECUTABLE),
        (NOTEBOOK + len(PROGRAM).to_bytes(8, "little") + bytes(12) + PROGRAM, Kind.EXECUTABLE),
    ],
)  # fmt: skip
def test_documents_are_looked_into(octets: bytes, kind: Kind) -> None:
    assert kind in all_kinds(look(octets))


@pytest.mark.parametrize(
    "octets",
    [
        office({"word/media/a.png": PICTURE, "word/theme/theme1.xml": b"<a/>"}),
        ole({"WordDocument": bytes(12), "Macros/VBA/ThisDocument": vba("Option Explicit\r\n' nothing\r\n")}),
        zipped({"mimetype": b"application/epub+zip", "OEBPS/a.js": b"x"}),
        b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj",
        b"{\\rtf1 hello}",
        PICTURE,
        b"",
    ],
)
def test_ordinary_documents_are_of_no_kind(octets: bytes) -> None:
    assert all_kinds(look(octets)) == set()


def test_a_document_that_loads_its_template_from_outside_is_active() -> None:
    relationship = (
        b'<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate"'
        b' Target="https://evil.test/t.dotm" TargetMode="External"/>'
    )

    assert itself(office({"word/_rels/settings.xml.rels": relationship})).kinds == {
        Kind.ACTIVE: "it loads https://evil.test/t.dotm"
    }


def test_a_message_that_outlook_saved_is_looked_into() -> None:
    attached = {
        "__attach_version1.0_#00000000/__substg1.0_3707001F": "run.exe".encode("utf-16-le"),
        "__attach_version1.0_#00000000/__substg1.0_37010102": PROGRAM,
    }

    found = look(ole({"__properties_version1.0": b"x", **attached}))
    assert found.things[0].type == "application/vnd.ms-outlook"
    assert [(each.names, list(each.kinds)) for each in found.things[1:]] == [(("run.exe",), [Kind.EXECUTABLE])]


EML = (
    b"From: a@other.test\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=run.exe\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(PROGRAM)
)


@pytest.mark.parametrize("octets", [zipped({"letter.eml": EML}), tnef("letter.eml", EML)])
def test_a_message_in_something_else_is_looked_into(octets: bytes) -> None:
    program = look(octets).things[-1]

    assert (program.inside[-1], program.names, list(program.kinds)) == ("letter.eml", ("run.exe",), [Kind.EXECUTABLE])


@pytest.mark.parametrize("arguments", [("smime", "-sign"), ("cms", "-sign", "-stream")], ids=["length", "stream"])
def test_so_is_one_in_an_opaque_signature(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    new = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=a")
    subprocess.run(["openssl", "req", *new, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with_key = ("-signer", certificate, "-inkey", key)
    signed = subprocess.run(
        ["openssl", *arguments, "-nodetach", "-binary", "-outform", "DER", *with_key],
        input=EML,
        check=True,
        capture_output=True,
    ).stdout

    found = look(signed, "smime.p7m")
    assert [(each.names, list(each.kinds)) for each in found.things] == [
        (("smime.p7m",), []),
        (("run.exe",), [Kind.EXECUTABLE]),
    ]


def test_of_many_entries_the_dangerous_ones_are_named_and_one_of_each_extension() -> None:
    files = {**{f"{at}.txt": b"x" for at in range(500)}, "run.exe": PROGRAM, "film.mp4": b"x"}

    found = look(zipped(files))
    assert len(found.things) == NAMED
    assert {"run.exe", "film.mp4"} <= names(found)
    assert found.more == len(files) + 1 - NAMED


def nested(levels: int) -> bytes:
    octets = zipped({"run.exe": PROGRAM})
    for at in range(levels):
        octets = zipped({f"{at}.zip": octets})
    return octets


def overlapping() -> bytes:
    """A zip bomb whose many entries share the same data."""
    octets = zipped({"a": b"\0" * 10_000_000})
    at = octets.index(b"PK\x01\x02")
    entry, end = octets[at : octets.index(b"PK\x05\x06")], octets[octets.index(b"PK\x05\x06") :]
    count = 5000
    sizes = count.to_bytes(2, "little") * 2 + (len(entry) * count).to_bytes(4, "little")
    return octets[:at] + entry * count + end[:8] + sizes + end[16:]


@pytest.mark.parametrize(
    "octets",
    [
        nested(20),
        zipped({"big.bin": b"\0" * 300_000_000}),
        zipped({"big.zip": zipped({"big.bin": b"\0" * 300_000_000})}),
        zipped({"big.zip": b"PK\x03\x04" + b"\0" * 60_000_000}),
        zipped({f"{at}": b"" for at in range(21_000)}),
        overlapping(),
        tarred({"big.tar": b"\0" * 257 + b"ustar" + b"\0" * 60_000_000}, "w:gz"),
        b"Rar!\x1a\x07\x00" + NOISE,
        b"7z\xbc\xaf\x27\x1c" + NOISE,
        b"\xfd7zXZ\x00" + NOISE,
        b"MSCF\0\0\0\0" + NOISE,
        bytes.fromhex("d0cf11e0a1b11ae1") + NOISE,
        b"\x60\xea\x28\x00\x1e" + bytes(100),
        rar(FILES)[:60],
        b"PK\x03\x04",
    ],
    ids=lambda octets: octets[:4].hex(),
)
def test_what_can_not_be_read_or_is_beyond_the_bounds_says_so_within_seconds(octets: bytes) -> None:
    began = time.process_time()

    found = look(octets)

    assert Kind.UNREADABLE in all_kinds(found)
    assert not any("errno" in why for thing in found.things for why in thing.kinds.values())
    assert time.process_time() - began < 40


def test_a_name_behind_the_bounds_still_counts() -> None:
    files = {"big.bin": b"\0" * 300_000_000, "run.exe": b"x"}

    assert {Kind.UNREADABLE, Kind.EXECUTABLE} <= all_kinds(look(zipped(files)))


def test_time_is_a_bound() -> None:
    found = look(zipped(FILES), limits=Limits(seconds=-1))

    assert found.things[0].kinds[Kind.UNREADABLE] == "it takes too long to read"


@pytest.mark.parametrize("seed", range(5))
def test_no_damage_makes_it_raise(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    samples = [
        zipped(FILES), rar(FILES), cab(FILES), lha("a.js", b"x"), tarred(FILES, "w:gz"), encrypted_zip("a"),
        tnef("a", PROGRAM), ole({"VBA/M": vba("x"), "\x01Ole10Native": packaged("a", b"b")}), office({"a/b": b""}),
    ]  # fmt: skip
    for octets in samples:
        for _ in range(20):
            spoilt = bytearray(octets)
            for _ in range(chance.randint(1, 8)):
                spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
            assert look(bytes(spoilt[: chance.randint(1, len(spoilt))])).things


def test_what_nobody_knows_is_told_by_libmagic() -> None:
    assert itself(b"\1\2\3" + bytes(50)).type == "application/octet-stream"
    assert itself(b"%!PS-Adobe\0\1").type == "application/postscript"
