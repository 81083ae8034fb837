"""Mails made to exhaust whoever reads them: a few octets that become many, and structures without an end."""

import base64
import io
import random
import zipfile
from collections.abc import Iterator

from tests.lies.building import (
    LETTER,
    TEXT,
    VERSION,
    ZIP,
    attachment,
    bare,
    joined,
    lines,
    message,
    mixed,
    part,
    zipped,
)
from tests.lies.containers import bomb

MEGABYTE = 1_048_576
BOMB = 600  # megabytes
_SEED = 20_261_121


def with_a_virus() -> Iterator[tuple[str, bytes]]:
    """Give mails with the test file of EICAR behind what is to tire the reader."""
    for levels in (2, 17, 20):
        yield f"{levels} archives", mixed(TEXT, attachment("letter.zip", nested(levels)))
    parts = [b"Content-Type: text/plain\r\n\r\nx"] * 10_000
    yield "10,000 parts", mixed(*parts, LETTER)
    told = 'Content-Type: multipart/mixed; boundary="outer"'
    body = joined("outer", TEXT, LETTER)
    yield "a field of 1 MB", message("X-Long: " + "x" * MEGABYTE, told, body=body)
    yield "1 MB of fields", message(*[f"X-{each}: {'x' * 80}" for each in range(11_000)], told, body=body)
    yield "1 MB of folded lines", message("X-Long: x", *[" " + "x" * 70] * 14_000, told, body=body)
    yield (
        "1 MB of comments",
        message("Content-Type: " + "(" * MEGABYTE + ' multipart/mixed; boundary="outer"', body=body),
    )
    yield (
        "1 MB of quotes",
        message("Content-Type: multipart/mixed; x=" + '"\\' * 500_000 + '; boundary="outer"', body=body),
    )
    many = "".join(f"; boundary*{each}=x" for each in range(50_000))
    yield "50,000 continuations", message(f"Content-Type: multipart/mixed{many}", body=body)
    yield (
        "10,000 boundaries",
        message(*[f"Content-Type: multipart/mixed; boundary=b{each}" for each in range(10_000)], told, body=body),
    )
    dashes = (b"-" * 76 + b"\r\n") * (20 * MEGABYTE // 78)
    yield "20 MB of dashes", message(told, body=dashes + body)
    yield (
        "20 MB of dashes, of which each is a delimiter",
        message("Content-Type: multipart/mixed; boundary=-", body=dashes[: 2 * MEGABYTE] + body),
    )
    names = "".join(f"; filename={each}" for each in range(14_000))
    heads = [part("Content-Disposition: attachment" + names, body=b"x")] * 60
    yield "60 heads of 14,000 names", mixed(*heads, LETTER)
    yield "4,000 multiparts deep", _deep("multipart/mixed; boundary=d", 4000)
    yield "1,000 messages deep", _deep("message/rfc822", 1000)


def without() -> Iterator[tuple[str, bytes]]:
    """Give mails that hold nothing but trouble."""
    yield "a bomb in a zip archive", mixed(TEXT, attachment("letter.zip", _zip_bomb()))
    yield "a bomb in a gzip file", mixed(TEXT, attachment("letter.gz", bomb(BOMB)))
    yield "5 MB of nothing", bare(VERSION, "Content-Type: multipart/mixed; boundary=x", body=bytes(5 * MEGABYTE))
    yield "1 MB at random", _chance().randbytes(MEGABYTE)
    word = "=?utf-8?Q?=41?= "
    yield (
        "50,000 encoded words",
        mixed(TEXT, part(f'Content-Disposition: attachment; filename="{word * 50_000}"', body=b"x")),
    )
    many = "".join(f"; filename*{each}*=utf-8''%41" for each in range(50_000))
    yield "50,000 pieces of a name", mixed(TEXT, part(f"Content-Disposition: attachment{many}", body=b"x"))
    begins = b"begin 644 a.txt\r\n" * 100_000
    yield "100,000 begins", mixed(part("Content-Type: text/plain", body=begins))
    padding = part("Content-Transfer-Encoding: base64", body=(b"=" * 76 + b"\r\n") * 50_000)
    yield "4 MB of padding", mixed(TEXT, padding)
    soft = part("Content-Transfer-Encoding: quoted-printable", body=b"=\r\n" * 1_000_000)
    yield "a million soft breaks", mixed(TEXT, soft)


def mutants(mails: list[bytes], count: int) -> Iterator[tuple[str, bytes]]:
    """Give mails with damage done at random, always the same."""
    chance = _chance()
    for number in range(count):
        raw = bytearray(mails[number % len(mails)][:200_000])
        for _ in range(chance.randint(1, 40)):
            at = chance.randrange(len(raw))
            kind = chance.randrange(5)
            if kind == 0:
                raw[at] = chance.randrange(256)
            elif kind == 1:
                del raw[at : at + chance.randint(1, 200)]
            elif kind == 2:
                raw[at:at] = raw[at // 2 : at // 2 + chance.randint(1, 300)]
            elif kind == 3:
                raw[at:at] = chance.choice((b"\0", b"\r\n", b"--", b'"', b"(", b"=?", b";", b"\r\n\r\n", b"boundary="))
            else:
                end = raw.find(b"\r\n", at)
                raw[at : end if end > 0 else at] = b""
            if not raw:
                raw = bytearray(b"x")
        yield f"mutant {number}", bytes(raw)


def nested(levels: int) -> bytes:
    """Give the virus within that many archives."""
    made = ZIP
    for level in range(levels - 1):
        made = zipped(f"{level}.zip", made)
    return made


def _zip_bomb() -> bytes:
    """Give a zip archive that is small and holds many zeros."""
    file = io.BytesIO()
    block = bytes(MEGABYTE)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("zeros", (2026, 11, 20, 10, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w", force_zip64=True) as inner:
            for _ in range(BOMB):
                inner.write(block)
    return file.getvalue()


def _chance() -> random.Random:
    """Give chance that is the same each time."""
    return random.Random(_SEED)  # noqa: S311 - nothing is kept secret by it


def _deep(kind: str, levels: int) -> bytes:
    """Give the letter behind that many heads, each of which opens another."""
    opening = lines(f"Content-Type: {kind}") + b"\r\n" + (b"--d\r\n" if "boundary" in kind else b"")
    return bare(VERSION, body=b"").removesuffix(b"\r\n") + opening * levels + LETTER + b"\r\n"


def text_of(size: int) -> bytes:
    """Give a harmless mail with attachments of about that many octets on the wire."""
    chance = _chance()
    raw = base64.b64encode(chance.randbytes(57)) + b"\r\n"
    count = size // 2 // len(raw)
    fields = ("Content-Type: application/octet-stream; name=data.bin", "Content-Transfer-Encoding: base64")
    return mixed(TEXT, *[part(*fields, body=raw * count)] * 2)
