"""Mails in which a virus lies behind a transfer encoding that is told, or done, in an odd way."""

import base64
import binascii

from tests.lies.building import (
    EICAR,
    TEXT,
    VERSION,
    ZIP,
    Told,
    all_quoted,
    attachment,
    bare,
    base64_of,
    message,
    mixed,
    part,
    printable_of,
)

_KIND = 'Content-Type: application/zip; name="letter.zip"'
_PLACE = 'Content-Disposition: attachment; filename="letter.zip"'
_BASE64 = "Content-Transfer-Encoding: base64"
_QUOTED = "Content-Transfer-Encoding: quoted-printable"

# Name, and a field that tells base64.
FIELDS: tuple[tuple[str, str], ...] = (
    ("upper-case", "CONTENT-TRANSFER-ENCODING: BASE64"),
    ("comment-behind", "Content-Transfer-Encoding: base64 (a comment)"),
    ("comment-before", "Content-Transfer-Encoding: (7bit) base64"),
    ("comment-glued", "Content-Transfer-Encoding: base64(7bit)"),
    ("comment-unclosed", "Content-Transfer-Encoding: base64 (7bit"),
    ("semicolon", "Content-Transfer-Encoding: base64;"),
    ("parameter", "Content-Transfer-Encoding: base64; x=7bit"),
    ("word-behind", "Content-Transfer-Encoding: base64 7bit"),
    ("word-before", "Content-Transfer-Encoding: 7bit base64"),
    ("comma-behind", "Content-Transfer-Encoding: base64, 7bit"),
    ("comma-before", "Content-Transfer-Encoding: 7bit, base64"),
    ("comma-quoted-printable", "Content-Transfer-Encoding: quoted-printable, base64"),
    ("slash", "Content-Transfer-Encoding: base64/7bit"),
    ("quotes", 'Content-Transfer-Encoding: "base64"'),
    ("single-quotes", "Content-Transfer-Encoding: 'base64'"),
    ("angles", "Content-Transfer-Encoding: <base64>"),
    ("hyphen", "Content-Transfer-Encoding: base-64"),
    ("blank-inside", "Content-Transfer-Encoding: base 64"),
    ("x-base64", "Content-Transfer-Encoding: x-base64"),
    ("prefix", "Content-Transfer-Encoding: base64bit"),
    ("short", "Content-Transfer-Encoding: base6"),
    ("b", "Content-Transfer-Encoding: b"),
    ("encoded-word", "Content-Transfer-Encoding: =?us-ascii?Q?base64?="),
    ("folded", "Content-Transfer-Encoding:\r\n base64"),
    ("folded-blanks", "Content-Transfer-Encoding:\r\n \r\n\tbase64"),
    ("folded-inside", "Content-Transfer-Encoding: base\r\n 64"),
    ("no-blank", "Content-Transfer-Encoding:base64"),
    ("blank-before-colon", "Content-Transfer-Encoding : base64"),
    ("tab-before-colon", "Content-Transfer-Encoding\t: base64"),
    ("two-colons", "Content-Transfer-Encoding:: base64"),
    ("equals", "Content-Transfer-Encoding= base64"),
    ("nul", "Content-Transfer-Encoding: base64\0"),
    ("nul-before", "Content-Transfer-Encoding: \0base64"),
    ("nbsp", "Content-Transfer-Encoding:\xa0base64"),
    ("formfeed", "Content-Transfer-Encoding:\x0cbase64"),
    ("dot", "Content-Transfer-Encoding: base64."),
    ("backslash", "Content-Transfer-Encoding: ba\\se64"),
    ("underscores", "Content_Transfer_Encoding: base64"),
    ("content-encoding", "Content-Encoding: base64"),
    ("encoding", "Encoding: base64"),
    ("transfer-encoding", "Transfer-Encoding: base64"),
    ("behind-junk", "This line has no colon\r\nContent-Transfer-Encoding: base64"),
    ("behind-blank-fold", "X-A: 1\r\n Content-Transfer-Encoding: base64"),
    ("behind-type", 'Content-Type: application/zip; name="letter.zip";\r\n Content-Transfer-Encoding: base64'),
    ("in-type", "X-A: 1\rContent-Transfer-Encoding: base64"),
    ("as-parameter", "Content-Type: application/zip; encoding=base64"),
    ("absent", "X-A: 1"),
    ("empty", "Content-Transfer-Encoding:"),
    ("unknown", "Content-Transfer-Encoding: x-unknown"),
    ("7bit", "Content-Transfer-Encoding: 7bit"),
)


def encodings() -> Told:
    """Give every construction."""
    yield from _told_oddly()
    yield from _told_twice()
    yield from _base64_done_oddly()
    yield from _printable_done_oddly()
    yield from _uu_in_text()
    yield from _other_codes()
    yield from _in_files()
    yield from _mails_of_one_part()


def _letter(body: bytes, *fields: str | bytes) -> bytes:
    """Give a mail whose second part is the letter, with these fields for its encoding."""
    return mixed(TEXT, part(_KIND, *fields, _PLACE, body=body))


def _told_oddly() -> Told:
    """The encoding is what it always is, and its name or field is odd."""
    for name, field in FIELDS:
        yield f"base64-as-{name}", f"In base64, told as {field[:60]!r}", _letter(base64_of(ZIP), field)
    for name, field in (
        ("comment", "Content-Transfer-Encoding: quoted-printable (8bit)"),
        ("comment-before", "Content-Transfer-Encoding: (8bit)quoted-printable"),
        ("semicolon", "Content-Transfer-Encoding: quoted-printable; x=y"),
        ("no-hyphen", "Content-Transfer-Encoding: quotedprintable"),
        ("blank", "Content-Transfer-Encoding: quoted printable"),
        ("underscore", "Content-Transfer-Encoding: quoted_printable"),
        ("qp", "Content-Transfer-Encoding: qp"),
        ("q", "Content-Transfer-Encoding: Q"),
        ("quotes", 'Content-Transfer-Encoding: "quoted-printable"'),
        ("folded", "Content-Transfer-Encoding:\r\n quoted-printable"),
        ("word-behind", "Content-Transfer-Encoding: quoted-printable 8bit"),
    ):
        yield f"printable-as-{name}", f"Quoted-printable, told as {field[:60]!r}", _letter(printable_of(ZIP), field)


def _told_twice() -> Told:
    """Two fields contradict each other; one of them is true."""
    plain = "Content-Transfer-Encoding: 7bit"
    quoted = all_quoted(ZIP)
    for name, fields, body in (
        ("base64-7bit", (_BASE64, plain), base64_of(ZIP)),
        ("7bit-base64", (plain, _BASE64), base64_of(ZIP)),
        ("base64-printable-first", (_BASE64, _QUOTED), base64_of(ZIP)),
        ("printable-base64-last", (_QUOTED, _BASE64), base64_of(ZIP)),
        ("base64-printable-last", (_BASE64, _QUOTED), quoted),
        ("printable-base64-first", (_QUOTED, _BASE64), quoted),
        ("printable-7bit", (_QUOTED, plain), quoted),
        ("7bit-printable", (plain, _QUOTED), quoted),
        ("unknown-base64", ("Content-Transfer-Encoding: x-none", _BASE64), base64_of(ZIP)),
        ("base64-unknown", (_BASE64, "Content-Transfer-Encoding: x-none"), base64_of(ZIP)),
        ("base64-empty", (_BASE64, "Content-Transfer-Encoding:"), base64_of(ZIP)),
        ("base64-uuencode", (_BASE64, "Content-Transfer-Encoding: x-uuencode"), uuencoded(ZIP)),
        ("uuencode-base64", ("Content-Transfer-Encoding: x-uuencode", _BASE64), base64_of(ZIP)),
        ("base64-binary", (_BASE64, "Content-Transfer-Encoding: binary"), ZIP),
        ("base64-7bit-case", ("content-transfer-encoding: 7bit", _BASE64), base64_of(ZIP)),
        ("three", (plain, _BASE64, plain), base64_of(ZIP)),
        ("base64-base64", (_BASE64, _BASE64), base64_of(base64_of(ZIP))),
    ):
        yield f"twice-{name}", f"The encoding is told more than once: {', '.join(fields)}", _letter(body, *fields)
    for name, fields, body in (
        ("said-base64-is-printable", (_BASE64,), quoted),
        ("said-printable-is-base64", (_QUOTED,), base64_of(ZIP)),
        ("said-uuencode-is-base64", ("Content-Transfer-Encoding: x-uuencode",), base64_of(ZIP)),
        ("said-base64-is-uuencode", (_BASE64,), uuencoded(ZIP)),
        ("said-base64-is-raw", (_BASE64,), ZIP),
    ):
        yield name, f"The body is not what {fields[0]} says; some look for themselves", _letter(body, *fields)
    wrapped = all_quoted(base64_of(ZIP))
    yield (
        "base64-in-printable",
        "Both are told and both were done, one upon the other",
        _letter(wrapped, _BASE64, _QUOTED),
    )


def _every(text: bytes, step: int, junk: bytes) -> bytes:
    """Put something in every few octets."""
    return junk.join(text[at : at + step] for at in range(0, len(text), step))


def base64_bodies(raw: bytes) -> tuple[tuple[str, bytes], ...]:
    """Give octets in base64 in every odd way, each with its name."""
    text = base64.b64encode(raw)
    padded = b"".join(base64.b64encode(raw[at : at + 4]) for at in range(0, len(raw), 4))
    by_line = b"".join(base64.b64encode(raw[at : at + 40]) + b"\r\n" for at in range(0, len(raw), 40))
    shifted = base64_of(b"\0\0\0" + raw)
    return (
        ("dots", _every(text, 4, b".")),
        ("stars", _every(text, 1, b"*")),
        ("exclamation", _every(text, 7, b"!")),
        ("blanks", _every(text, 1, b" ")),
        ("tabs", _every(text, 3, b"\t")),
        ("hyphens", _every(text, 5, b"-")),
        ("underscores", _every(text, 5, b"_")),
        ("8bit", _every(text, 4, b"\xe9")),
        ("nbsp", _every(text, 4, b"\xa0")),
        ("nuls", _every(text, 4, b"\0")),
        ("controls", _every(text, 4, b"\x07")),
        ("backslashes", _every(text, 4, b"\\")),
        ("commas", _every(text, 10, b", ")),
        ("percent", _every(text, 4, b"%")),
        ("one-each-line", _every(text, 1, b"\r\n")),
        ("three-each-line", _every(text, 3, b"\r\n")),
        ("blank-lines", _every(text, 40, b"\r\n\r\n")),
        ("lines-of-blanks", _every(text, 40, b"\r\n  \r\n")),
        ("one-line", text),
        ("quoted-reply", b"> " + _every(text, 60, b"\r\n> ")),
        ("blank-first", b" " + _every(text, 60, b"\r\n ")),
        ("blanks-behind", _every(text, 60, b"   \r\n")),
        ("padded-each-four", padded),
        ("padded-each-line", by_line),
        ("padding-first", b"=" + text),
        ("padding-four-first", b"====" + text),
        ("padding-line-first", b"=\r\n" + text),
        ("padding-in-the-middle", text[:40] + b"==" + text[40:]),
        ("padding-one-in-the-middle", text[:41] + b"=" + text[41:]),
        ("padding-every-quad", _every(text, 4, b"=")),
        ("no-padding", text.rstrip(b"=")),
        ("much-padding", text + b"=" * 20),
        ("padding-then-junk", base64_of(b"hello there") + text),
        ("one-octet-then-all", base64.b64encode(b"A") + b"\r\n" + text),
        ("url-alphabet", text.replace(b"+", b"-").replace(b"/", b"_")),
        ("comma-alphabet", text.replace(b"/", b",")),
        ("junk-line-first", b"This is base64:\r\n\r\n" + text),
        ("junk-octet-first", b"!" + text),
        ("blank-lines-first", b"\r\n" * 50 + text),
        ("text-behind", text + b"\r\n\r\nThat was it, best regards\r\n"),
        ("second-behind", base64_of(HARMLESS_ZIP) + b"\r\n" + text),
        ("dashes-behind", text + b"\r\n--\r\nThem\r\n"),
        ("comment-with-junk", text[:40] + b"(....)" + text[40:]),
        ("cr-ends", _every(text, 60, b"\r")),
        ("lf-ends", _every(text, 60, b"\n")),
        ("soft-breaks", _every(text, 60, b"=\r\n")),
        ("unfinished-quad", text.rstrip(b"=") + b"A"),
        ("bom", b"\xef\xbb\xbf" + text),
        ("shifted-by-three", shifted),
        ("utf-16", text.decode().encode("utf-16-le")),
    )


def _base64_done_oddly() -> Told:
    """Rightly told, and what it holds is odd."""
    for name, body in base64_bodies(ZIP):
        raw = _letter(body, _BASE64)
        yield f"base64-{name}", f"In base64 with {name.replace('-', ' ')}; readers skip, stop or shift there", raw


def _printable_done_oddly() -> Told:
    """Quoted-printable, with what is not allowed in it."""
    quoted = all_quoted(ZIP)
    flat = quoted.replace(b"=\r\n", b"")
    for name, body in (
        ("all-quoted", quoted),
        ("lower-case", quoted.lower()),
        ("one-line", flat),
        ("soft-break-everywhere", _every(flat, 3, b"=\r\n")),
        ("blanks-behind-soft-break", quoted.replace(b"=\r\n", b"=   \r\n")),
        ("tabs-behind-soft-break", quoted.replace(b"=\r\n", b"=\t\r\n")),
        ("soft-break-within-escape", b"=\r\n".join((flat[:31], flat[31:]))),
        ("soft-break-at-end", quoted + b"=\r\n="),
        ("soft-break-lf", quoted.replace(b"=\r\n", b"=\n")),
        ("soft-break-cr", quoted.replace(b"=\r\n", b"=\r")),
        ("junk-behind", quoted + b"=ZZ=4"),
        ("equals-behind", quoted + b"="),
    ):
        raw = _letter(body, _QUOTED)
        yield f"printable-{name}", f"Quoted-printable with {name.replace('-', ' ')}", raw
    for name, body in (
        ("eicar-quoted", all_quoted(EICAR)),
        ("eicar-split", _every(EICAR.replace(b"=", b"=3D"), 10, b"=\r\n")),
        ("eicar-split-blanks", _every(EICAR, 10, b"= \r\n")),
        ("eicar-lower-case", all_quoted(EICAR).lower()),
    ):
        raw = mixed(
            TEXT,
            part("Content-Type: text/plain", _QUOTED, 'Content-Disposition: attachment; filename="a.txt"', body=body),
        )
        yield f"printable-{name}", "The virus is text, split by what quoted-printable takes out", raw


def uuencoded(raw: bytes, name: str = "letter.zip", *, blank: bytes = b"`") -> bytes:
    """Give octets uuencoded."""
    body = b"".join(binascii.b2a_uu(raw[at : at + 45], backtick=True) for at in range(0, len(raw), 45))
    made = b"begin 644 " + name.encode() + b"\n" + body + b"`\nend\n"
    head, _, rest = made.partition(b"\n")
    return (head + b"\n" + rest.replace(b"`", blank)).replace(b"\n", b"\r\n")


def _uu_in_text() -> Told:
    """The letter stands uuencoded in what looks like text, where some still find it."""
    body = uuencoded(ZIP)
    plain = "Content-Type: text/plain; charset=us-ascii"
    first, _, rest = body.partition(b"\r\n")
    checked = [line + b"z" if line.startswith(b"M") else line for line in rest.split(b"\r\n")]
    for name, text in (
        ("in-text", b"Here it is:\r\n\r\n" + body),
        ("no-blank-line", b"Here it is:\r\n" + body),
        ("at-start", body),
        ("blanks", uuencoded(ZIP, blank=b" ")),
        ("blanks-stripped", b"\r\n".join(line.rstrip() for line in uuencoded(ZIP, blank=b" ").split(b"\r\n"))),
        ("no-end", body.removesuffix(b"`\r\nend\r\n")),
        ("end-missing", body.removesuffix(b"end\r\n")),
        ("mode-0644", body.replace(b"begin 644", b"begin 0644")),
        ("mode-short", body.replace(b"begin 644", b"begin 6")),
        ("many-blanks", body.replace(b"begin 644 ", b"begin  644  ")),
        ("tab", body.replace(b"begin 644 ", b"begin\t644\t")),
        ("no-name", body.replace(b"begin 644 letter.zip", b"begin 644 ")),
        ("quoted-name", body.replace(b"letter.zip", b'"letter.zip"')),
        ("check-character", b"\r\n".join((first, *checked))),
        ("blank-lines", body.replace(b"\r\n", b"\r\n\r\n")),
        ("begin-base64", b"begin-base64 644 letter.zip\r\n" + base64_of(ZIP) + b"====\r\n"),
        ("second", uuencoded(HARMLESS_ZIP, "a.zip") + b"\r\n" + body),
        ("begin-twice", b"begin 644 a.txt\r\n" + body),
    ):
        yield f"uu-{name}", f"Uuencoded in a text ({name.replace('-', ' ')})", mixed(TEXT, part(plain, body=text))
    for name in ("x-uuencode", "x-uue", "uuencode", "uue", "x-uu", "uucode"):
        raw = _letter(body, f"Content-Transfer-Encoding: {name}")
        yield f"uu-as-{name}", f"Uuencoded, told as {name}", raw
    raw = _letter(body.partition(b"\r\n")[2], "Content-Transfer-Encoding: x-uuencode")
    yield "uu-without-begin", "Uuencoded, told so, and no begin line", raw
    yield "uu-in-mail", "Uuencoded in a mail that says nothing of MIME", bare(body=b"Here it is:\r\n\r\n" + body)
    html = part("Content-Type: text/html", body=b"<p>Here</p>\r\n" + body)
    yield "uu-in-html", "Uuencoded in HTML", mixed(html)
    outside = 'Content-Type: multipart/mixed; boundary="outer"'
    text = b"--outer\r\n" + TEXT + b"\r\n--outer--\r\n"
    yield "uu-in-preamble", "Uuencoded before the first delimiter", message(outside, body=body + text)
    yield "uu-in-epilogue", "Uuencoded behind the end", message(outside, body=text + body)
    coded = part(plain, _BASE64, body=base64_of(body))
    yield "uu-in-base64", "Uuencoded text in a part in base64", mixed(TEXT, coded)
    quoted = part(plain, _QUOTED, body=body.replace(b"=", b"=3D"))
    yield "uu-in-printable", "Uuencoded text in a part that is quoted-printable", mixed(TEXT, quoted)


def yenc(raw: bytes, name: str) -> bytes:
    """Give octets in yEnc, in one line."""
    moved = [(each + 42) % 256 for each in raw]
    body = b"".join(
        b"=" + bytes([(each + 64) % 256]) if each in {0, 10, 13, 46, 61} else bytes([each]) for each in moved
    )
    size = len(raw)
    return b"=ybegin line=128 size=%d name=%b\r\n%b\r\n=yend size=%d\r\n" % (size, name.encode(), body, size)


def _other_codes() -> Told:
    """yEnc, and names of encodings that once were used."""
    made = yenc(ZIP, "letter.zip")
    yield "yenc-in-text", "yEnc in a text", mixed(TEXT, part("Content-Type: text/plain; charset=iso-8859-1", body=made))
    yield "yenc-as-x-yenc", "yEnc, told as x-yenc", _letter(made, "Content-Transfer-Encoding: x-yenc")
    for name in ("binary", "8bit", "7bit"):
        raw = _letter(ZIP, f"Content-Transfer-Encoding: {name}")
        yield f"raw-{name}", f"The archive lies in the mail as it is, told as {name}", raw
    yield "raw-untold", "The archive lies in the mail as it is", _letter(ZIP)
    hexadecimal = b"(This file must be converted with BinHex 4.0)\r\n\r\n:" + _binhex(ZIP) + b":\r\n"
    for name, fields in (
        ("in-text", ("Content-Type: text/plain",)),
        ("as-type", ("Content-Type: application/mac-binhex40; name=letter.zip",)),
        ("as-encoding", (_KIND, "Content-Transfer-Encoding: mac-binhex40", _PLACE)),
    ):
        yield f"binhex-{name}", f"BinHex 4.0 ({name.replace('-', ' ')})", mixed(TEXT, part(*fields, body=hexadecimal))


def _in_files() -> Told:
    """The letter stands encoded in a file; what opens the file undoes that."""
    coded = base64.b64encode(ZIP)
    script = b"<script>var b = new Blob([atob('%b')]); open(URL.createObjectURL(b))</script>" % coded
    folded = base64_of(ZIP, 60).replace(b"\r\n", b"\r\n ").strip()
    event = b"BEGIN:VEVENT\r\nATTACH;ENCODING=BASE64;VALUE=BINARY:\r\n %b\r\nEND:VEVENT\r\n" % folded
    hexadecimal = b"(This file must be converted with BinHex 4.0)\r\n\r\n:" + _binhex(ZIP) + b":\r\n"
    for name, which, body in (
        ("letter.html", "page-link", b'<a download href="data:application/zip;base64,%b">here</a>' % coded),
        ("letter.html", "page-script", script),
        ("letter.svg", "picture-script", b'<svg xmlns="http://www.w3.org/2000/svg">%b</svg>' % script),
        ("letter.xml", "flat-document", b"<pkg:binaryData>%b</pkg:binaryData>" % base64_of(ZIP)),
        ("letter.ics", "calendar", b"BEGIN:VCALENDAR\r\n%bEND:VCALENDAR\r\n" % event),
        ("letter.vcf", "card", b"BEGIN:VCARD\r\nPHOTO;ENCODING=b:%b\r\nEND:VCARD\r\n" % coded),
        ("letter.b64", "base64", base64_of(ZIP)),
        ("letter.uue", "uuencode", uuencoded(ZIP)),
        ("letter.hqx", "binhex", hexadecimal),
        ("letter.ync", "yenc", yenc(ZIP, "letter.zip")),
    ):
        yield f"file-{which}", f"Encoded in a file that is called {name}", mixed(TEXT, attachment(name, body))


def _binhex(raw: bytes) -> bytes:
    """Give octets as a file in BinHex 4.0, in lines."""
    name = b"letter.zip"
    head = bytes([len(name)]) + name + b"\0" + b"????????" + b"\0\0" + len(raw).to_bytes(4, "big") + bytes(4)
    whole = head + _sum(head) + raw + _sum(raw) + b"\0\0"
    alphabet = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    bits = "".join(f"{each:08b}" for each in whole.replace(b"\x90", b"\x90\0"))
    bits += "0" * (-len(bits) % 6)
    text = bytes(alphabet[int(bits[at : at + 6], 2)] for at in range(0, len(bits), 6))
    return b"\r\n".join(text[at : at + 63] for at in range(0, len(text), 63))


def _sum(raw: bytes) -> bytes:
    """Give the checksum of BinHex."""
    return binascii.crc_hqx(raw, 0).to_bytes(2, "big")


def _mails_of_one_part() -> Told:
    """The mail itself is the letter, and its head is odd."""
    for name, fields, body in (
        ("twice", ("Content-Transfer-Encoding: 7bit", _BASE64), base64_of(ZIP)),
        ("twice-other", (_BASE64, "Content-Transfer-Encoding: 7bit"), base64_of(ZIP)),
        ("blank-before-colon", ("Content-Transfer-Encoding : base64",), base64_of(ZIP)),
        ("behind-junk", ("no colon here", _BASE64), base64_of(ZIP)),
        ("behind-from", (">From them", _BASE64), base64_of(ZIP)),
        ("comment", ("Content-Transfer-Encoding: (x) base64",), base64_of(ZIP)),
        ("dots", (_BASE64,), _every(base64.b64encode(ZIP), 4, b".")),
        ("padded", (_BASE64,), b"".join(base64.b64encode(ZIP[at : at + 4]) for at in range(0, len(ZIP), 4))),
    ):
        yield (
            f"alone-{name}",
            f"The whole mail is the letter ({name.replace('-', ' ')})",
            message(_KIND, *fields, _PLACE, body=body),
        )
    raw = bare(_KIND, _BASE64, _PLACE, body=base64_of(ZIP))
    yield "alone-no-version", "The whole mail is the letter; strict readers want MIME-Version", raw
    raw = bare(VERSION, "Content-Type: text/plain", _BASE64, body=base64_of(EICAR))
    yield "alone-text-base64", "The text of the mail is the virus, in base64", raw


HARMLESS_ZIP = base64.b64decode("UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==")  # an archive of nothing
