"""Turns octets of headers and parts into text that can be searched: encoded words, transfer encodings, charsets, HTML.

It gives its best guess for anything, however broken, and never raises; it never looks at more octets than it is given.
"""

import binascii
import html
import re

_WORD = re.compile(rb"=\?([A-Za-z0-9_.:*-]{1,40})\?([bBqQ])\?([^?]{0,400})\?=(?:[ \t\r\n]+(?==\?))?")
# Only charsets that mail is written in: Python knows codecs by name that are slow, or no charsets at all.
_CHARSET = re.compile(
    r"(?:utf-?(?:8|16|16le|16be|7)|us-ascii|ascii|(?:iso-?|)8859-?\d{1,2}|iso_8859-\d{1,2}|windows-\d{3,4}|cp-?\d{3,4}|koi8-[rut]"
    r"|iso-2022-(?:jp|jp-\d|kr)|euc-?(?:jp|kr)|shift[_-]?jis|sjis|gb2312|gbk|gb18030|hz|big5(?:-hkscs)?|ks_c_5601-1987|tis-620|mac-?roman)"
)
_TAG = re.compile(
    r"<(?:style|script|title)\b[^>]{0,300}>[^<]{0,4000}|<br\b[^<>]{0,50}>|<[a-z/!][^<>]{0,600}>", re.IGNORECASE
)
_ENDLESS = re.compile(r"&#x?[0-9a-fA-F]{9,}")  # Python refuses to read numbers that are thousands of digits long
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " ", "\x00": " "})


def charset_text(octets: bytes, charset: str) -> str:
    """Decode octets by the name of a charset; where it is none, or a wrong one, by UTF-8, then Latin-1."""
    name = charset.strip("\"' ").lower()
    if _CHARSET.fullmatch(name) and name not in {"utf-8", "utf8", "us-ascii", "ascii"}:
        try:
            return octets.decode(name, "replace")
        except (LookupError, ValueError):
            pass
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end >= len(octets) - 1 and error.start > len(octets) - 5:
            return octets.decode("utf-8", "ignore")  # cut in the middle of a character
        return octets.decode("utf-8" if name in {"utf-8", "utf8"} else "latin-1", "replace")


def header_text(value: bytes) -> str:
    """Give a header's value as lower-case text on one line, encoded words (RFC 2047) decoded."""
    if b"=?" in value:
        value = _WORD.sub(_decode_word, value)
    elif value.isascii():
        return " ".join(value.decode("ascii").lower().split())
    text = charset_text(value, "utf-8")
    return " ".join(text.translate(_QUOTES).lower().split())


def _decode_word(word: re.Match[bytes]) -> bytes:
    """Give one encoded word as UTF-8."""
    charset, form, coded = word.groups()
    octets = base64_octets(coded) if form in b"bB" else binascii.a2b_qp(coded, header=True)
    return charset_text(octets, charset.partition(b"*")[0].decode("ascii")).encode("utf-8", "replace")


def base64_octets(coded: bytes) -> bytes:
    """Decode base64 as far as it goes; what is cut off or broken is left away."""
    clean = re.sub(rb"[^A-Za-z0-9+/]+", b"", coded)
    clean = clean[: len(clean) - (len(clean) % 4 == 1)]
    try:
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
    except binascii.Error:
        return b""


def body_text(octets: bytes, encoding: str, charset: str, *, is_html: bool) -> str:
    """Give a part's text in its own lines: transfer encoding undone, charset decoded, tags taken out of HTML."""
    if encoding == "base64":
        octets = base64_octets(octets)
    elif encoding == "quoted-printable":
        octets = binascii.a2b_qp(octets)
    text = charset_text(octets, charset)
    if is_html or text[:200].lstrip()[:5].lower() in {"<html", "<!doc"}:
        text = html.unescape(_ENDLESS.sub("", _TAG.sub("\n", text)))
    return text.replace("\x00", " ") if text.isascii() else text.translate(_QUOTES)
