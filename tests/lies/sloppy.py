"""Harmless mails as careless programs really write them: broken in small ways, with nothing to hide."""

import gzip
import io
import tarfile
import zipfile

from tests.lies.building import (
    TEXT,
    VERSION,
    Told,
    attachment,
    bare,
    base64_of,
    joined,
    message,
    mixed,
    part,
    zipped,
)
from tests.lies.containers import opaque, tnef
from tests.lies.encodings import uuencoded

_PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(300)
_JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01" + bytes(300) + b"\xff\xd9"
_TALK = "application/vnd.oasis.opendocument.presentation"
_BASE64 = "Content-Transfer-Encoding: base64"
_HTML = part("Content-Type: text/html; charset=iso-8859-1", body=b"<p>Hello</p>")
_PATCH = b"--- a/x.c\r\n+++ b/x.c\r\n@@ -1,2 +1,2 @@\r\n-int a;\r\n+int b;\r\n"


def sloppy() -> Told:
    """Give every mail."""
    yield from _structures()
    yield from _names()
    yield from _files()


def _office(kind: str) -> bytes:
    """Give a document without macros in one of Office's formats."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(zipfile.ZipInfo("[Content_Types].xml", (2026, 1, 1, 0, 0, 0)), "<Types/>")
        made.writestr(zipfile.ZipInfo(f"{kind}/document.xml", (2026, 1, 1, 0, 0, 0)), "<x>" + "hello " * 100 + "</x>")
    return file.getvalue()


def _armoured(what: str) -> bytes:
    """Give what PGP writes, in its armour."""
    return f"-----BEGIN PGP {what}-----\n\niQ==\n-----END PGP {what}-----\n".encode()


def _source() -> bytes:
    """Give the source of a small program, as people mail it to lists."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        for name, text in (
            ("x-1/README", b"hello\n"),
            ("x-1/x.c", b"int main(void) { return 0; }\n"),
            ("x-1/x.py", b"print(1)\n"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            made.addfile(info, io.BytesIO(text))
    return gzip.compress(file.getvalue(), mtime=0)


def _structures() -> Told:
    """What is careless about the parts."""
    told = 'Content-Type: multipart/mixed; boundary="outer"'
    pdf = attachment("offer.pdf", _PDF, "application/pdf")
    body = joined("outer", TEXT, pdf)
    yield "no-end", "No final boundary", message(told, body=joined("outer", TEXT, pdf, end=False))
    yield "no-version", "No MIME-Version", bare(told, body=body)
    yield (
        "version-comment",
        "A version with a comment",
        bare("Mime-Version: 1.0 (Apple Message framework v1085)", told, body=body),
    )
    yield (
        "mbox-line",
        "A line of an mbox before the head",
        b"From a@other.test Fri Nov 20 10:00:00 2026\r\n" + message(told, body=body),
    )
    yield (
        "quoted-from",
        "A line of an mbox within the head",
        message(">From a@other.test Fri Nov 20 10:00:00 2026", told, body=body),
    )
    yield (
        "unquoted-equals",
        "A boundary with signs and without quotes",
        message("Content-Type: multipart/mixed; boundary==_outer_=", body=joined("=_outer_=", TEXT, pdf)),
    )
    yield (
        "no-blank-behind-colon",
        "Nothing behind colons",
        message("Content-Type:multipart/mixed;boundary=outer", body=body),
    )
    yield (
        "semicolon-at-end",
        "A semicolon with nothing behind",
        message('Content-Type: multipart/mixed; boundary="outer";', body=body),
    )
    yield (
        "trailing-blanks",
        "Delimiters with blanks behind",
        message(told, body=body.replace(b"--outer\r\n", b"--outer  \r\n")),
    )
    yield (
        "text-behind",
        "A list's footer behind the end",
        message(told, body=body + b"\r\n_______________\r\nTo leave this list, write to us.\r\n"),
    )
    yield (
        "text-before",
        "A text before the first part",
        message(told, body=b"This is a multi-part message in MIME format.\r\n\r\n" + body),
    )
    yield (
        "no-type-but-parts",
        "A text that quotes the source of a mail",
        bare(body=b"Look at this:\r\n\r\n" + joined("outer", _HTML)),
    )
    yield "8bit-head", "Eight bits in a field", message("X-Sender: J\xfcrgen", told, body=body)
    yield (
        "8bit-body",
        "Eight bits, told as seven",
        message("Content-Type: text/plain", "Content-Transfer-Encoding: 7bit", body="Grüße\r\n".encode("latin-1")),
    )
    yield (
        "encoding-upper-case",
        "An encoding in upper case",
        message("Content-Type: text/plain", "Content-Transfer-Encoding: QUOTED-PRINTABLE", body=b"Gr=FC=DFe\r\n"),
    )
    yield (
        "encoding-odd",
        "An encoding that does not exist",
        message("Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: utf-8", body=b"hello\r\n"),
    )
    yield (
        "encoding-8-bit",
        "An encoding that is misspelt",
        message("Content-Type: text/plain", "Content-Transfer-Encoding: 8-bit", body=b"hello\r\n"),
    )
    yield (
        "encoding-twice",
        "The same encoding twice",
        message(
            "Content-Type: text/plain",
            "Content-Transfer-Encoding: 7bit",
            "Content-Transfer-Encoding: 7bit",
            body=b"hello\r\n",
        ),
    )
    yield (
        "type-twice",
        "The same type twice",
        message(
            "Content-Type: text/plain; charset=utf-8", "Content-Type: text/plain; charset=utf-8", body=b"hello\r\n"
        ),
    )
    yield "type-text", "Only half of a type", message("Content-Type: text", body=b"hello\r\n")
    yield (
        "type-plain-charset",
        "A character set that is none",
        message("Content-Type: text/plain; charset=", body=b"hello\r\n"),
    )
    yield (
        "printable-broken",
        "Equals signs in what is said to be quoted-printable",
        message(
            "Content-Type: text/html",
            "Content-Transfer-Encoding: quoted-printable",
            body=b'<a href="http://other.test/?a=b&c=zz">x</a>=\r\n',
        ),
    )
    yield (
        "base64-long-lines",
        "Base64 in one line",
        mixed(TEXT, part("Content-Type: application/pdf; name=a.pdf", _BASE64, body=base64_of(_PDF, 2000))),
    )
    yield (
        "base64-blank-lines",
        "Blank lines in base64",
        mixed(
            TEXT,
            part("Content-Type: image/jpeg; name=a.jpg", _BASE64, body=base64_of(_JPEG).replace(b"\r\n", b"\r\n\r\n")),
        ),
    )
    yield (
        "base64-no-padding",
        "Base64 without its padding",
        mixed(TEXT, part("Content-Type: image/jpeg; name=a.jpg", _BASE64, body=base64_of(_JPEG).replace(b"=", b""))),
    )
    yield (
        "base64-footer",
        "A footer behind base64",
        message(
            "Content-Type: text/plain; charset=utf-8",
            _BASE64,
            body=base64_of("Grüße ".encode() * 20) + b"\r\n-- \r\nTo leave this list, write to us.\r\n",
        ),
    )
    yield (
        "digest-of-list",
        "A digest with a list of contents",
        message(
            "Content-Type: multipart/digest; boundary=d",
            body=joined(
                "d",
                b"\r\n" + bare(body=b"one\r\n"),
                part("Content-Type: message/rfc822", body=mixed(TEXT, pdf, boundary="i", parameters="boundary=i")),
            ),
        ),
    )
    yield (
        "uu-in-text",
        "A small uuencoded picture in a text",
        bare(body=b"Here it is:\r\n\r\n" + uuencoded(_JPEG, "p.jpg")),
    )
    yield (
        "html-alone",
        "HTML that has no end",
        message("Content-Type: text/html", body=b"<html><body><table><tr><td>hello\r\n"),
    )
    yield "empty", "An empty mail", bare(body=b"")
    yield "empty-attachment", "An empty file", mixed(TEXT, attachment("a.txt", b"", "text/plain"))
    yield (
        "many-received",
        "Thirty hops",
        message(*[f"Received: from a{n} by b{n}; Fri, 20 Nov 2026 10:00:00 +0000" for n in range(30)], told, body=body),
    )


def _names() -> Told:
    """What is careless about names."""
    for name, fields in (
        ("unquoted-blanks", "Content-Disposition: attachment; filename=Offer of May.pdf"),
        ("words", 'Content-Disposition: attachment; filename="=?utf-8?B?QW5nZWJvdCBmw7xyIFNpZS5wZGY=?="'),
        (
            "words-split",
            'Content-Disposition: attachment;\r\n filename="=?utf-8?Q?Angebot_f=C3=BCr?=\r\n =?utf-8?Q?_Sie.pdf?="',
        ),
        ("8bit", b'Content-Disposition: attachment; filename="Angebot f\xfcr Sie.pdf"'),
        ("utf-8", 'Content-Disposition: attachment; filename="Angebot für Sie.pdf"'.encode()),
        ("both", "Content-Disposition: attachment; filename=Offer.pdf; filename*=utf-8''Offer.pdf"),
        ("no-quote-end", 'Content-Disposition: attachment; filename="Offer.pdf; size=100'),
        (
            "inline-size",
            'Content-Disposition: inline; filename="Offer.pdf"; size=1; creation-date="Fri, 20 Nov 2026 10:00:00 GMT"',
        ),
        ("date-in-name", 'Content-Disposition: attachment; filename="Offer 20.11.2026.pdf"'),
        ("company", 'Content-Disposition: attachment; filename="www.other.com.pdf"'),
        ("percent", 'Content-Disposition: attachment; filename="Offer%20of%20May.pdf"'),
        ("apostrophe", 'Content-Disposition: attachment; filename="Ann\'s offer.pdf"'),
        ("brackets", 'Content-Disposition: attachment; filename="Offer (1) [final].pdf"'),
        ("no-extension", 'Content-Disposition: attachment; filename="offer"'),
        ("name-twice", 'Content-Disposition: attachment; filename="Offer.pdf"; filename="Offer.pdf"'),
        ("right-to-left", "Content-Disposition: attachment; filename*=utf-8''%D7%94%D7%A6%D7%A2%D7%94.pdf"),
        ("japanese", 'Content-Disposition: attachment; filename="=?iso-2022-jp?B?GyRCRnxLXBsoQi5wZGY=?="'),
    ):
        entity = part("Content-Type: application/pdf", _BASE64, fields, body=base64_of(_PDF))
        yield f"name-{name}", f"A document whose name is told with {name}", mixed(TEXT, entity)


def _files() -> Told:
    """Files that people send each other."""
    for name, kind, raw in (
        ("letter.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", _office("word")),
        ("table.xlsx", "application/octet-stream", _office("xl")),
        ("talk.odp", _TALK, zipped("mimetype", _TALK.encode())),
        ("patch.diff", "text/x-patch", _PATCH),
        ("x-1.tar.gz", "application/gzip", _source()),
        ("log.gz", "application/x-gzip", gzip.compress(b"hello\n" * 100, mtime=0)),
        ("pictures.zip", "application/zip", zipped("p.jpg", _JPEG)),
        ("data.csv", "text/csv", b"a;b\r\n1;2\r\n"),
        ("page.html", "text/html", b"<html><body>hello</body></html>"),
        ("card.vcf", "text/x-vcard", b"BEGIN:VCARD\r\nFN:Ann\r\nEND:VCARD\r\n"),
        ("invite.ics", "text/calendar; method=REQUEST", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),
        ("winmail.dat", "application/ms-tnef", tnef("offer.pdf", _PDF)),
        ("smime.p7s", "application/pkcs7-signature", bytes.fromhex("3080060a2a864886f70d010702") + bytes(60)),
        ("signature.asc", "application/pgp-signature", _armoured("SIGNATURE")),
        ("forwarded.eml", "message/rfc822", None),
        ("image001.png", "image/png", _PNG),
        ("photo.JPG", "application/octet-stream", _JPEG),
        ("notes.txt", "application/octet-stream", b"hello\r\n" * 20),
        ("noname", "application/octet-stream", b"\x01\x02\x03\x04" * 50),
        ("x.c", "text/x-csrc", b"int main(void) { return 0; }\n"),
        ("x.py", "text/x-python", b"#!/usr/bin/python3\nprint(1)\n"),
        ("x.sql", "application/sql", b"select 1;\n"),
        ("x.xml", "application/xml", b"<?xml version='1.0'?><a/>"),
        ("x.json", "application/json", b'{"a": 1}'),
        ("x.asc", "application/pgp-keys", _armoured("PUBLIC KEY BLOCK")),
    ):  # fmt: skip
        if raw is None:
            inner = mixed(TEXT, _HTML, parameters="boundary=i", boundary="i")
            entity = part(f"Content-Type: {kind}", f'Content-Disposition: attachment; filename="{name}"', body=inner)
        else:
            entity = part(
                f'Content-Type: {kind}; name="{name}"',
                _BASE64,
                f'Content-Disposition: attachment; filename="{name}"',
                body=base64_of(raw),
            )
        yield f"file-{name}", f"A file that is called {name}", mixed(TEXT, entity)
    signed = opaque(mixed(TEXT, _HTML).partition(b"Content-Type")[2].join((b"Content-Type", b"")))
    kind = "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"
    yield "signed", "A mail within an opaque signature", message(kind, _BASE64, body=base64_of(signed))
    encrypted = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"
    yield (
        "encrypted",
        "An encrypted mail",
        message(encrypted, _BASE64, body=base64_of(bytes.fromhex("3080060a2a864886f70d010703a080") + bytes(200))),
    )
    pgp = joined(
        "p",
        part("Content-Type: application/pgp-encrypted", body=b"Version: 1"),
        part(
            "Content-Type: application/octet-stream; name=encrypted.asc",
            body=b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n-----END PGP MESSAGE-----",
        ),
    )
    yield (
        "pgp-mime",
        "Another one",
        message('Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=p', body=pgp),
    )
    yield (
        "pgp-inline",
        "A third one",
        bare(
            VERSION,
            "Content-Type: text/plain",
            body=b"-----BEGIN PGP MESSAGE-----\r\n\r\n"
            + base64_of(bytes(range(256)) * 2)
            + b"=abcd\r\n-----END PGP MESSAGE-----\r\n",
        ),
    )
    yield (
        "patch-in-text",
        "A patch as git mails it",
        bare(
            VERSION,
            "Content-Type: text/plain",
            body=b"Fix x\r\n---\r\n x.c | 2 +-\r\n\r\ndiff --git a/x.c b/x.c\r\n" + _PATCH + b"-- \r\n2.39.5\r\n\r\n",
        ),
    )
