"""Octets of a header as text, under every charset and encoding that a reader may see in them. Pure; never raises."""

import base64
import binascii
import re
import sys
import unicodedata
import urllib.parse
from collections.abc import Iterator

_WORD = re.compile(rb"=\?([^?]{0,60})\?([bq])\?([^?]*+)(?:\?=?|\Z)", re.IGNORECASE)
_PADDED = re.compile(rb"(?<!=)=++(?=[A-Za-z0-9+/])")
_BETWEEN = re.compile(rb"(\?=)\s+(?==\?)")
_OVERLONG = re.compile(rb"[\xc0\xc1][\x80-\xbf]")
_LONGEST_KEPT = 255  # characters of a name that file systems keep
LONGEST = 8 * 1024  # octets of a name that are looked at
_TIMID = frozenset({"idna", "punycode", "unicode_escape", "unicodeescape", "raw_unicode_escape", "undefined"})
# What an unescaped name must not end in, for Windows does not keep it.
_KEPT = re.compile(r"[;:*?|<>]")  # what some end a name at, for Windows does not take it
_PLAIN = re.compile(r"[\w!#$%&()+,=@^`{}~\[\]-](?:[\w !#$%&()+,.=@^`{}~\[\]-]*[\w!#$%&()+,=@^`{}~\[\]-])?", re.ASCII)
_TRAILING = " .\t\r\n\"';"


def text_of(octets: bytes, charset: str = "") -> str:
    """Give octets as text: in the charset where it is one, else UTF-8 where they are, else as Latin-1."""
    for each in (charset, "utf-8"):
        if each and each.lower().replace("-", "_") not in _TIMID:
            try:
                return octets.decode(each)
            except (LookupError, ValueError):
                continue
    return octets.decode("latin-1")


def encoded_words(octets: bytes) -> Iterator[str]:
    """Give a text with its encoded-words (RFC 2047) decoded: each by itself, and all joined first."""
    octets = octets[:LONGEST]
    joined = _BETWEEN.sub(rb"\1", octets)
    yield _each_word(joined)
    rest, charset, collected = 0, "", b""
    for found in _WORD.finditer(joined):
        collected += joined[rest : found.start()] + _word_octets(found)
        charset = charset or _charset_of(found)
        rest = found.end()
    yield text_of(collected + joined[rest:], charset)
    words = list(_WORD.finditer(joined))
    yield "".join(text_of(_word_octets(each), _charset_of(each)) for each in words)  # without what stands around them
    yield text_of(binascii.a2b_qp(octets.replace(b"?=", b"").replace(b"_", b" ")))  # as if all were one
    if any(each[2] in b"bB" and _PADDED.search(each[3]) for each in words):
        yield "".join(text_of(_word_octets(each, goes_on=True), _charset_of(each)) for each in words)
    once = _each_word(joined)
    if "=?" in once:
        yield _each_word(once.encode("utf-8", "surrogatepass"))


def _each_word(octets: bytes) -> str:
    """Decode each encoded-word by itself."""
    pieces, rest = [], 0
    for found in _WORD.finditer(octets):
        pieces.append(text_of(octets[rest : found.start()]))
        pieces.append(text_of(_word_octets(found), _charset_of(found)))
        rest = found.end()
    pieces.append(text_of(octets[rest:]))
    return "".join(pieces)


def _charset_of(found: re.Match[bytes]) -> str:
    """Give the charset of an encoded-word, without the language that may follow."""
    return found[1].decode("latin-1").split("*")[0].strip()


def _word_octets(found: re.Match[bytes], *, goes_on: bool = False) -> bytes:
    """Give the octets of one encoded-word; ``goes_on`` with what stands behind the padding of its base64."""
    if found[2].lower() == b"q":
        return binascii.a2b_qp(found[3].replace(b"_", b" "))
    groups = _PADDED.split(found[3]) if goes_on else [found[3].partition(b"=")[0]]
    return b"".join(map(unpadded, groups))


def unpadded(group: bytes) -> bytes:
    """Undo one piece of base64, whatever else stands in it; its padding may be missing."""
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", group)
    kept = kept[:-1] if len(kept) % 4 == 1 else kept
    return base64.b64decode(kept + b"=" * (-len(kept) % 4))


def names_of(octets: bytes) -> Iterator[str]:
    """Give every name that a reader may show for these octets, the likeliest first."""
    if len(octets) > LONGEST:
        yield text_of(octets[-LONGEST:])
        octets = octets[:LONGEST]
    first = text_of(octets)
    if b"=?" in octets:
        yield from encoded_words(octets)
    yield first
    charset, _, rest = octets.partition(b"'")
    if rest and b"'" in rest:
        yield text_of(urllib.parse.unquote_to_bytes(rest.split(b"'", 1)[1]), charset.decode("latin-1"))
    if b"%" in octets:
        yield text_of(urllib.parse.unquote_to_bytes(octets))
        yield text_of(_overlong(urllib.parse.unquote_to_bytes(octets)))
    if b"\xc0" in octets:
        yield text_of(_overlong(octets))
    if b"&" in octets:
        yield re.sub(r"&#(\d{1,6});", _reference, first)
    if b"+" in octets and b"-" in octets and b"=?" not in octets:
        yield text_of(octets, "utf-7")
    if b"\0" in octets[:40]:
        yield text_of(octets.replace(b"\0", b""))
        yield text_of(octets, "utf-16")


def _overlong(octets: bytes) -> bytes:
    """Give octets with ASCII that is written as UTF-8 of two octets written as one."""
    return _OVERLONG.sub(lambda found: bytes(((found[0][0] & 1) << 6 | found[0][1] & 63,)), octets)


def _reference(found: re.Match[str]) -> str:
    """Give the character of a numeric reference."""
    number = int(found[1])
    return chr(number) if number <= sys.maxunicode else found[0]


def shown(name: str) -> Iterator[str]:
    """Give a name as it stands, and as a system may make it that does not keep everything: cut, stripped, folded."""
    yield name
    if len(name) <= _LONGEST_KEPT and _PLAIN.fullmatch(name):
        return
    wide = unicodedata.normalize("NFKC", name).replace("\u3002", ".").replace("\u2024", ".").replace("\uff61", ".")
    clean = "".join(each for each in wide if unicodedata.category(each) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    yield clean.strip(_TRAILING)
    for odd in ("\0", "\r", "\n"):
        if odd in name:
            yield name.split(odd, 1)[0].strip(_TRAILING)
    if len(clean) > _LONGEST_KEPT:
        yield clean[:_LONGEST_KEPT].strip(_TRAILING)
    yield _KEPT.split(clean, 1)[0].strip(_TRAILING)
    for separator in "/\\":
        if separator in clean:
            yield clean.rsplit(separator, 1)[1].strip(_TRAILING)


def every_name(octets: bytes) -> tuple[str, ...]:
    """Give every form of a name that a reader or a system may make of octets; nothing of nothing."""
    return tuple(dict.fromkeys(each for name in names_of(octets) for each in shown(name) if each)) if octets else ()
