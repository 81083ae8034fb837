"""What lying mails are made of: payloads, fields, parts, and the word for a construction.

Everything is deterministic. The test file of EICAR stands here in pieces, so that no scanner takes this source for it.
"""

import base64
import io
import zipfile
from collections.abc import Iterator

import msgspec

CONTENT = "hidden content"
NAME = "hidden file name"
SIGNS = "one odd octet"
COMBINED = "several at once"
CONTROL = "control"  # the same in well-formed MIME
HARMLESS = "harmless"  # well-formed, and nothing is behind it

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!" + b"$H+H*"
_TOP = (
    "From: Them <them@other.test>",
    "To: alice@example.test",
    "Date: Fri, 20 Nov 2026 10:00:00 +0000",
    "Message-ID: <1@other.test>",
    "Subject: The letter that you asked for",
)
VERSION = "MIME-Version: 1.0"


class Lie(msgspec.Struct, frozen=True):
    """One construction: its name, its family, one sentence on who reads it how, and the mail."""

    name: str
    family: str
    says: str
    raw: bytes


Told = Iterator[tuple[str, str, bytes]]  # name, sentence, mail


def octets(text: str | bytes) -> bytes:
    """Give the octets of a line that stands in the source as text; what is not Latin-1 is UTF-8."""
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def lines(*fields: str | bytes) -> bytes:
    """Give lines, each with its end."""
    return b"".join(octets(each) + b"\r\n" for each in fields)


def message(*fields: str | bytes, body: bytes) -> bytes:
    """Give a mail: the fields that every mail has, MIME-Version, these fields, a body."""
    return bare(VERSION, *fields, body=body)


def bare(*fields: str | bytes, body: bytes) -> bytes:
    """Give a mail without MIME-Version."""
    return lines(*_TOP, *fields) + b"\r\n" + body


def part(*fields: str | bytes, body: bytes) -> bytes:
    """Give a part: fields, a blank line, a body without a line end behind it."""
    return lines(*fields) + b"\r\n" + body.removesuffix(b"\r\n")


def joined(boundary: str | bytes, *parts: bytes, before: bytes = b"", behind: bytes = b"", end: bool = True) -> bytes:
    """Give the body of a multipart."""
    mark = b"--" + octets(boundary)
    text = b"".join(mark + b"\r\n" + each + b"\r\n" for each in parts)
    return before + text + (mark + b"--\r\n" if end else b"") + behind


def mixed(*parts: bytes, parameters: str | bytes = 'boundary="outer"', boundary: str | bytes = "outer") -> bytes:
    """Give a mail of parts: how the boundary is told, and which one is used."""
    field = b"Content-Type: multipart/mixed; " + octets(parameters)
    return message(field, body=joined(boundary, *parts))


def base64_of(raw: bytes, length: int = 76) -> bytes:
    """Give octets in base64, in lines."""
    text = base64.b64encode(raw)
    return b"\r\n".join(text[at : at + length] for at in range(0, len(text), length)) + b"\r\n"


def printable_of(raw: bytes) -> bytes:
    """Give octets quoted-printable, with every octet of a line end quoted too."""
    text, line = b"", b""
    for each in raw:
        piece = bytes([each]) if 32 < each < 127 and each != 61 else b"=%02X" % each
        if len(line) + len(piece) > 72:
            text, line = text + line + b"=\r\n", b""
        line += piece
    return text + line + b"\r\n"


def all_quoted(raw: bytes) -> bytes:
    """Give octets quoted-printable, each of them quoted."""
    text = b"".join(b"=%02X" % each for each in raw)
    return b"=\r\n".join(text[at : at + 72] for at in range(0, len(text), 72)) + b"\r\n"


def zipped(name: str, raw: bytes) -> bytes:
    """Give a zip archive of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo(name, (2026, 11, 20, 10, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, raw)
    return file.getvalue()


ZIP = zipped("letter.txt", EICAR)
TEXT = part("Content-Type: text/plain; charset=us-ascii", body=b"Here is the letter that you asked for.")


def attachment(name: str, raw: bytes, kind: str = "application/octet-stream") -> bytes:
    """Give an attachment as every mail program writes it."""
    return part(
        f'Content-Type: {kind}; name="{name}"',
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment; filename="{name}"',
        body=base64_of(raw),
    )


LETTER = attachment("letter.zip", ZIP, "application/zip")
HARMLESS_TEXT = b"This is a harmless text, whatever it is called.\r\n"
PROGRAM = attachment("letter.exe", HARMLESS_TEXT)
