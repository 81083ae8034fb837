"""Containers that a mail program opens by itself or with one click: TNEF, S/MIME, AppleSingle, archives."""

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

from tests.lies.building import (
    TEXT,
    VERSION,
    Told,
    attachment,
    bare,
    base64_of,
    joined,
    lines,
    message,
    mixed,
    part,
    printable_of,
    zipped,
)

_TNEF_TITLE, _TNEF_DATA, _TNEF_RENDERING = 0x00018010, 0x0006800F, 0x00069002
_TNEF_VERSION, _TNEF_PAGE = 0x00089006, 0x00069007


def containers(name: str, raw: bytes) -> Told:
    """Give mails in which a file of that name lies in a container."""
    yield from _tnef(name, raw)
    yield from _signed(name, raw)
    yield from _apple(name, raw)
    yield from _messages(name, raw)
    yield from _calendars(name, raw)
    yield from _archives(name, raw)


def tnef(name: str, raw: bytes) -> bytes:
    """Give a winmail.dat with one file."""

    def attribute(level: int, kind: int, data: bytes) -> bytes:
        return struct.pack("<BII", level, kind, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)

    return (
        struct.pack("<IH", 0x223E9F78, 1)
        + attribute(1, _TNEF_VERSION, struct.pack("<I", 0x00010000))
        + attribute(1, _TNEF_PAGE, struct.pack("<II", 1252, 0))
        + attribute(2, _TNEF_RENDERING, struct.pack("<HIHHII", 1, 0xFFFFFFFF, 0, 0, 0, 0)[:14])
        + attribute(2, _TNEF_TITLE, name.encode("latin-1") + b"\0")
        + attribute(2, _TNEF_DATA, raw)
    )


def _tnef(name: str, raw: bytes) -> Told:
    """What Outlook packs, and opens without a word."""
    whole = tnef(name, raw)
    for which, kind, file, body in (
        ("plain", "application/ms-tnef", "winmail.dat", whole),
        ("vnd", "application/vnd.ms-tnef", "winmail.dat", whole),
        ("octets", "application/octet-stream", "winmail.dat", whole),
        ("other-name", "application/ms-tnef", "letter.txt", whole),
        ("other-type", "text/plain", "letter.txt", whole),
        ("image", "image/png", "picture.png", whole),
        ("cut", "application/ms-tnef", "winmail.dat", whole[:-2]),
        ("wrong-sums", "application/ms-tnef", "winmail.dat", whole[:-2] + b"\0\0"),
        ("twice", "application/ms-tnef", "winmail.dat", tnef("a.txt", b"hello") + whole[6:]),
        ("in-tnef", "application/ms-tnef", "winmail.dat", tnef("winmail.dat", whole)),
    ):
        yield (
            f"tnef-{which}",
            f"In a winmail.dat that is sent as {kind}, {file}",
            mixed(TEXT, attachment(file, body, kind)),
        )
    alone = message("Content-Type: application/ms-tnef", "Content-Transfer-Encoding: base64", body=base64_of(whole))
    yield "tnef-alone", "The whole mail is TNEF, without a name", alone


def _der(tag: int, *parts: bytes) -> bytes:
    """Give an element of DER."""
    body = b"".join(parts)
    size = len(body)
    length = bytes([size]) if size < 128 else b"\x83" + size.to_bytes(3, "big")
    return bytes([tag]) + length + body


_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_DATA = bytes.fromhex("06092a864886f70d010701")


def opaque(entity: bytes) -> bytes:
    """Give a MIME entity as SignedData that nobody signed (RFC 5652), as opaque signing packs it."""
    content = _der(0x30, _DATA, _der(0xA0, _der(0x04, entity)))
    signed = _der(0x30, b"\x02\x01\x01", _der(0x31), content, _der(0x31))
    return _der(0x30, _SIGNED_DATA, _der(0xA0, signed))


def _signed(name: str, raw: bytes) -> Told:
    """What mail programs unpack from a signature: the mail is within it."""
    entity = part("Content-Type: multipart/mixed; boundary=s", body=joined("s", TEXT, attachment(name, raw)))
    whole = base64_of(opaque(entity))
    encoding = "Content-Transfer-Encoding: base64"
    for which, kind in (
        ("plain", "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"),
        ("x", 'application/x-pkcs7-mime; smime-type=signed-data; name="smime.p7m"'),
        ("no-type", "application/pkcs7-mime"),
        ("octets", "application/octet-stream; name=smime.p7m"),
    ):
        raw_mail = message(f"Content-Type: {kind}", encoding, body=whole)
        yield f"signed-{which}", f"Within an opaque signature, sent as {kind}", raw_mail
    armoured = b"-----BEGIN PKCS7-----\r\n" + base64_of(opaque(entity), 64) + b"-----END PKCS7-----\r\n"
    for which, body in (("base64", whole), ("pem", armoured)):
        mail = mixed(TEXT, attachment("letter.p7m", body))
        yield f"signed-{which}", f"Within an opaque signature that is itself a text, {which}", mail
    signed = part("Content-Type: application/pkcs7-mime; smime-type=signed-data", encoding, body=whole)
    yield "signed-part", "Within an opaque signature that is one part of a mail", mixed(TEXT, signed)
    packed = opaque(part("Content-Type: multipart/mixed; boundary=s", body=joined("s", TEXT, attachment(name, raw))))
    kind = "Content-Type: application/pkcs7-mime; smime-type=signed-data"
    twice = message(kind, encoding, body=base64_of(opaque(part(kind, encoding, body=base64_of(packed)))))
    yield "signed-twice", "Within an opaque signature within another one", twice


def _apple(name: str, raw: bytes) -> Told:
    """What Apple's mail programs unpack."""
    entries = ((1, raw), (3, name.encode("latin-1")))
    archive = gzip.compress(zipped(name, raw), mtime=0)
    at, table, data = 26 + 12 * len(entries), b"", b""
    for kind, body in entries:
        table += struct.pack(">III", kind, at + len(data), len(body))
        data += body
    for which, magic, kind in (
        ("single", 0x00051600, "application/applefile"),
        ("octets", 0x00051600, "application/octet-stream"),
    ):
        whole = struct.pack(">II16xH", magic, 0x00020000, len(entries)) + table + data
        yield (
            f"apple-{which}",
            f"In an AppleSingle file, sent as {kind}",
            mixed(TEXT, attachment("letter", whole, kind)),
        )
    packed = struct.pack(">II16xHIII", 0x00051600, 0x00020000, 1, 1, 38, len(archive)) + archive
    yield "apple-archive", "In an archive in an AppleSingle file", mixed(TEXT, attachment("letter", packed))
    double = part(
        "Content-Type: multipart/appledouble; boundary=a",
        body=joined("a", attachment("x", b"\0" * 30, "application/applefile"), attachment(name, raw)),
    )
    yield "apple-double", "The second half of an AppleDouble", mixed(TEXT, double)


def _messages(name: str, raw: bytes) -> Told:
    """A file that is called a message of a kind that nobody knows; what is not known is saved as a file."""
    for kind in ("delivery-status", "disposition-notification", "feedback-report", "http", "x-unknown"):
        fields = f'Content-Type: message/{kind}; name="{name}"', "Content-Transfer-Encoding: base64"
        yield f"message-{kind}", f"The whole mail is a message/{kind}", message(*fields, body=base64_of(raw))
        entity = part(*fields[:1], "Content-Transfer-Encoding: 8bit", body=raw)
        yield f"message-{kind}-8bit", f"A part is a message/{kind}, as it stands", mixed(TEXT, entity)


def _calendars(name: str, raw: bytes) -> Told:
    """A file that is attached to an event; calendars show it, whatever lies around."""
    file = base64_of(gzip.compress(raw, mtime=0), 60).replace(b"\r\n", b"\r\n ").rstrip()
    event = lines(
        *("BEGIN:VCALENDAR", "VERSION:2.0", "METHOD:REQUEST", "BEGIN:VEVENT", "UID:1@other.test", "SUMMARY:Letter"),
        f'ATTACH;ENCODING=BASE64;VALUE=BINARY;FMTTYPE=text/plain;\r\n X-FILENAME="{name}":{file.decode()}',
        *("END:VEVENT", "END:VCALENDAR"),
    )
    kind = "Content-Type: text/calendar; method=REQUEST"
    for encoding, body in (("7bit", event), ("base64", base64_of(event)), ("quoted-printable", printable_of(event))):
        entity = part(kind, f"Content-Transfer-Encoding: {encoding}", body=body)
        yield f"calendar-{encoding}", f"Attached to an event, in a calendar in {encoding}", mixed(TEXT, entity)


def _archives(name: str, raw: bytes) -> Told:
    """Archives with something odd about them."""
    good = zipped(name, raw)
    central = struct.pack("<I", 0x02014B50)
    at, end = good.index(central), good.index(b"PK\5\6")
    hidden = good.replace(name.encode(), b"x" * len(name), 1)
    shown = good[:at] + good[at:].replace(name.encode(), b"x" * len(name), 1)
    for which, file, body in (
        ("prefix", "letter.zip", b"This is no archive\r\n" * 50 + good),
        ("suffix", "letter.zip", good + b"This is no archive\r\n" * 50),
        ("other-name", "letter.txt", good),
        ("no-extension", "letter", good),
        ("picture", "letter.png", b"\x89PNG\r\n\x1a\n" + good),
        ("pdf", "letter.pdf", b"%PDF-1.4\n%%EOF\n" + good),
        ("no-central", "letter.zip", good[:at]),
        ("no-end", "letter.zip", good[:end]),
        ("local-name", "letter.zip", shown),
        ("central-name", "letter.zip", hidden),
        ("size-zero", "letter.zip", good[:18] + bytes(8) + good[26:]),
        ("wrong-crc", "letter.zip", good[:14] + b"\1\2\3\4" + good[18:]),
        ("empty-first", "letter.zip", zipped("a.txt", b"")[:-22] + good),
        ("two", "letter.zip", zipped("a.txt", b"hello") + good),
        ("two-last-harmless", "letter.zip", good + zipped("a.txt", b"hello")),
        ("in-zip", "letter.zip", zipped("inner.zip", good)),
        ("in-zip-in-zip", "letter.zip", zipped("b.zip", zipped("c.zip", good))),
        ("in-zip-other-name", "letter.zip", zipped("inner.dat", good)),
        ("folders", "letter.zip", zipped("../../" + name, raw)),
        ("stored", "letter.zip", _stored(name, raw)),
        ("gzip", "letter.gz", _gzipped(name, raw)),
        ("gzip-other-name", "letter.txt", _gzipped(name, raw)),
        ("gzip-twice", "letter.gz", _gzipped("a.gz", _gzipped(name, raw))),
        ("gzip-second", "letter.gz", _gzipped("a.txt", b"hello") + _gzipped(name, raw)),
        ("tar", "letter.tar", _tarred(name, raw)),
        ("tar-gzip", "letter.tgz", _gzipped("letter.tar", _tarred(name, raw))),
        ("tar-in-zip", "letter.zip", zipped("letter.tar", _tarred(name, raw))),
        ("mail-in-zip", "letter.zip", zipped("letter.eml", mixed(TEXT, attachment(name, raw)))),
        ("tnef-in-zip", "letter.zip", zipped("winmail.dat", tnef(name, raw))),
        ("html-first", "letter.zip", zipped("a.html", b"<html>") + good),
        ("mail-as-file", "letter.eml", mixed(TEXT, attachment(name, raw))),
        ("mailbox", "letter.mbox", b"From them Fri Nov 20 10:00:00 2026\r\n" + mixed(TEXT, attachment(name, raw))),
        ("tar-old", "letter.tar", _without_magic(_tarred(name, raw))),
        ("lzma", "letter.lzma", lzma.compress(raw, lzma.FORMAT_ALONE)),
        ("mail-as-text", "letter.txt", mixed(TEXT, attachment(name, raw))),
        (
            "mht",
            "letter.mht",
            bare(VERSION, "Content-Type: multipart/related; boundary=h", body=joined("h", attachment(name, raw))),
        ),
    ):
        yield (
            f"archive-{which}",
            f"In an archive ({which.replace('-', ' ')}) that is called {file}",
            mixed(TEXT, attachment(file, body)),
        )
    external = part(
        'Content-Type: message/external-body; access-type=URL; URL="http://other.test/letter"',
        body=lines(f'Content-Type: application/octet-stream; name="{name}"'),
    )
    yield "external-body", "The mail program fetches the file itself", mixed(TEXT, external)


def _stored(name: str, raw: bytes) -> bytes:
    """Give a zip archive with a file that is not compressed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (2026, 11, 20, 10, 0, 0)), raw)
    return file.getvalue()


def _gzipped(name: str, raw: bytes) -> bytes:
    """Give a gzip file that tells a name."""
    plain = gzip.compress(raw, mtime=0)
    return plain[:3] + b"\x08" + plain[4:10] + name.encode("latin-1") + b"\0" + plain[10:]


def _tarred(name: str, raw: bytes) -> bytes:
    """Give a tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(raw)
        archive.addfile(info, io.BytesIO(raw))
    return file.getvalue()


def _without_magic(archive: bytes) -> bytes:
    """Give a tar archive as Unix Version 7 wrote it."""
    old = archive[:148] + b" " * 8 + archive[156:257] + bytes(8) + archive[265:]
    return old[:148] + b"%06o\0 " % sum(old[:512]) + old[156:]


def bomb(megabytes: int) -> bytes:
    """Give a gzip file that is small and holds that many megabytes of zeros."""
    made = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1_048_576)
    return b"".join([*(made.compress(block) for _ in range(megabytes)), made.flush()])
