"""The letter again, as large as real ones are: who guesses from the first octets, or stops at a size, is found out."""

import io
import random
import zipfile

from tests.lies.building import EICAR, TEXT, Told, all_quoted, base64_of, message, mixed, part
from tests.lies.encodings import base64_bodies, uuencoded, yenc

_SEED = 20_261_121
_NOISE = 100_000  # octets that can't be made smaller
_KIND = 'Content-Type: application/zip; name="letter.zip"'
_BASE64 = "Content-Transfer-Encoding: base64"
_PLAIN = "Content-Type: text/plain; charset=us-ascii"
_LONG_TEXT = part(_PLAIN, body=b"Here is the letter that you asked for, and a few words with it.\r\n" * 5000)


def archive() -> bytes:
    """Give an archive of noise and the virus."""
    file = io.BytesIO()
    chance = random.Random(_SEED)  # noqa: S311 - nothing is kept secret by it
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(zipfile.ZipInfo("noise.bin", (2026, 11, 20, 10, 0, 0)), chance.randbytes(_NOISE))
        info = zipfile.ZipInfo("letter.txt", (2026, 11, 20, 10, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        made.writestr(info, EICAR)
    return file.getvalue()


def large() -> Told:
    """Give every construction."""
    raw = archive()
    for name, body in base64_bodies(raw)[::4]:
        yield (
            f"large-base64-{name}",
            f"A large letter in base64 with {name}",
            mixed(TEXT, part(_KIND, _BASE64, body=body)),
        )
    quoted = all_quoted(raw)
    encoded, told = base64_of(raw), "Content-Transfer-Encoding: quoted-printable"
    for name, parts in (
        ("printable", (TEXT, part(_KIND, told, body=quoted))),
        ("printable-one-line", (TEXT, part(_KIND, told, body=quoted.replace(b"=\r\n", b"")))),
        ("untold", (TEXT, part(_PLAIN, body=encoded))),
        ("untold-behind-text", (part(_PLAIN, body=b"See below.\r\n" * 20_000 + b"\r\n" + encoded),)),
        ("uu", (TEXT, part(_PLAIN, body=uuencoded(raw)))),
        ("uu-behind-text", (part(_PLAIN, body=b"See below.\r\n" * 20_000 + uuencoded(raw)),)),
        ("yenc-behind-text", (part(_PLAIN, body=b"See below.\r\n" * 20_000 + yenc(raw, "letter.zip")),)),
        ("told-twice", (_LONG_TEXT, part(_KIND, "Content-Transfer-Encoding: 7bit", _BASE64, body=encoded))),
        ("behind-long-text", (_LONG_TEXT, part(_KIND, "Content-Transfer-Encoding : base64", body=encoded))),
    ):
        yield f"large-{name}", f"A large letter: {name.replace('-', ' ')}", mixed(*parts)
    letter = part(_KIND, _BASE64, body=encoded)
    for name, raw_mail in (
        ("no-boundary-told", mixed(_LONG_TEXT, letter, parameters="x=y")),
        ("wrong-boundary-told", mixed(_LONG_TEXT, letter, parameters="boundary=inner")),
        ("no-type", message(body=b"--outer\r\n" + _LONG_TEXT + b"\r\n--outer\r\n" + letter + b"\r\n--outer--\r\n")),
        ("percent-boundary", mixed(_LONG_TEXT, letter, parameters="boundary*=us-ascii''%6futer")),
    ):
        yield f"large-{name}", f"A large letter behind a long text: {name.replace('-', ' ')}", raw_mail
