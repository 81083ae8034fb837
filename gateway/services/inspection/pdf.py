"""Looks into a PDF as it stands, without unpacking its streams: encryption, scripts, names of embedded files.

A PDF may be encrypted and open all the same, with the empty password, only to be kept from being printed (ISO 32000-2
7.6.4): that is none which nobody can look into.
"""

import hashlib
import mmap
import re
from collections.abc import Iterator

import msgspec

from gateway.mime.claims import by_names
from gateway.mime.kinds import Kind
from gateway.mime.names import shown
from gateway.mime.signatures import PDF
from gateway.services.inspection.words import Thing

Octets = bytes | mmap.mmap

_ENCRYPTED = re.compile(rb"/Encrypt\s*(?:(\d{1,9})\s+(\d{1,5})\s+R|<<)")
_ACTIVE = re.compile(rb"/(JavaScript|JS|Launch)[\s(<\[/\d]")
# What was taken is never given back, so that hostile parentheses cost no more than others.
_STRING = rb"(\((?>(?:[^()\\]|\\.|\((?:[^()\\]|\\.){0,200}+\)){0,600}+)\)|<[0-9A-Fa-f\s]{0,600}+>)"
_NAME = re.compile(rb"/UF?\s*" + _STRING + rb"|/F\s*" + _STRING, re.DOTALL)
_ID = re.compile(rb"/ID\s*\[\s*" + _STRING, re.DOTALL)
_ESCAPED = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}
_PAD = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
_DICTIONARY = 8192  # octets of the dictionary that are read
_MOST = 50  # names that are told
_OLDEST, _NEWEST = 2, 6  # revisions of the standard handler


class Encryption(msgspec.Struct, frozen=True):
    """What a PDF says of its encryption, as the standard names it."""

    revision: int
    length: int
    permissions: int
    owner: bytes
    user: bytes
    metadata: bool
    id: bytes


def look(octets: Octets, names: tuple[str, ...]) -> tuple[Thing, ...]:
    """Look at a PDF that goes by these names, and at the names in it. Light enough for any process."""
    thing = Thing(names, (), PDF.type, by_names(names))
    if is_closed(octets):
        thing.kinds[Kind.ENCRYPTED] = "an encrypted PDF"
    if told := active(octets):
        thing.kinds[Kind.ACTIVE] = f"a PDF with {told}"
    inside = (shown(names[0]) if names else PDF.type,)
    return (thing, *(Thing((name,), inside, "", by_names((name,))) for name in embedded(octets)))


def is_closed(octets: Octets) -> bool:
    """Whether only a password opens it."""
    if not _ENCRYPTED.search(octets):
        return False
    told = _encryption(octets)
    return told is None or not opens_without_password(told)


def active(octets: Octets) -> str:
    """Name what it runs: a script, another program; empty where it is told of none."""
    found = _ACTIVE.search(octets)
    return found[1].decode() if found else ""


def embedded(octets: Octets) -> Iterator[str]:
    """Give the names of files that are embedded."""
    if octets.find(b"/EmbeddedFile") >= 0:
        names = dict.fromkeys(_text(_string(found[1] or found[2])) for found in _NAME.finditer(octets))
        yield from list(names)[:_MOST]


def opens_without_password(told: Encryption) -> bool:
    """Whether the empty password is the user's (ISO 32000-2 7.6.4.4)."""
    if told.revision == _NEWEST:
        return _hash(told.user[32:40]) == told.user[:32]
    if told.revision == _NEWEST - 1:
        return hashlib.sha256(told.user[32:40]).digest() == told.user[:32]
    size = 5 if told.revision == _OLDEST else max(5, min(16, told.length // 8))
    seed = _PAD + told.owner[:32] + (told.permissions & 0xFFFFFFFF).to_bytes(4, "little") + told.id
    if told.revision > _OLDEST + 1 and not told.metadata:
        seed += b"\xff" * 4
    key = hashlib.md5(seed, usedforsecurity=False).digest()
    if told.revision == _OLDEST:
        return _rc4(key[:size], _PAD) == told.user[:32]
    for _ in range(50):
        key = hashlib.md5(key[:size], usedforsecurity=False).digest()
    check = hashlib.md5(_PAD + told.id, usedforsecurity=False).digest()
    for at in range(20):
        check = _rc4(bytes(each ^ at for each in key[:size]), check)
    return check == told.user[:16]


def _encryption(octets: Octets) -> Encryption | None:
    """Read what a PDF says of its encryption; None where it is not the standard kind, or can't be read."""
    found = _ENCRYPTED.search(octets)
    if found is None:
        return None
    at = found.start()
    if found[1]:
        place = re.search(rb"(?<!\d)%s\s+%s\s+obj" % (found[1], found[2]), octets)
        if place is None:
            return None
        at = place.end()
    text = octets[at : at + _DICTIONARY].partition(b"endobj")[0]
    owner, user = _value(text, b"O"), _value(text, b"U")
    revision = _number(text, b"R", 0)
    if not re.search(rb"/Filter\s*/Standard\b", text) or not _OLDEST <= revision <= _NEWEST or not (owner and user):
        return None
    found = _ID.search(octets)
    length = 128 if revision > _OLDEST + 1 else _number(text, b"Length", 40)
    metadata = not re.search(rb"/EncryptMetadata\s+false", text)
    return Encryption(
        revision, length, _number(text, b"P", 0), owner, user, metadata, _string(found[1]) if found else b""
    )


def _number(text: bytes, name: bytes, default: int) -> int:
    """Give a number out of a dictionary."""
    found = re.search(rb"/%s\s+(-?\d{1,12})" % name, text)
    return int(found[1]) if found else default


def _value(text: bytes, name: bytes) -> bytes:
    """Give a string out of a dictionary; empty where it has none."""
    found = re.search(rb"/%s\s*%s" % (name, _STRING), text, re.DOTALL)
    return _string(found[1]) if found else b""


def _string(text: bytes) -> bytes:
    """Give the octets of a string, as they are written in a PDF."""
    if text.startswith(b"<"):
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", text)
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())

    def unescaped(found: re.Match[bytes]) -> bytes:
        word = found[1]
        return bytes((int(word, 8) & 0xFF,)) if word.isdigit() and word < b"8" else _LETTERS.get(word, word)

    return _ESCAPED.sub(unescaped, text[1:-1])


def _text(octets: bytes) -> str:
    """Give a string of a PDF as text."""
    if octets.startswith(b"\xfe\xff"):
        return octets[2:].decode("utf-16-be", "replace")
    return octets.decode("utf-8", "replace")


def _rc4(key: bytes, octets: bytes) -> bytes:
    """Apply RC4, of which a few octets are needed."""
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) & 0xFF
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for each in octets:
        i = (i + 1) & 0xFF
        j = (j + state[i]) & 0xFF
        state[i], state[j] = state[j], state[i]
        out.append(each ^ state[(state[i] + state[j]) & 0xFF])
    return bytes(out)


def _hash(salt: bytes) -> bytes:
    """Hash the empty password as revision 6 does (ISO 32000-2 7.6.4.3.4, algorithm 2.B)."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - rarely needed

    key = hashlib.sha256(salt).digest()
    at = 0
    while True:
        cipher = Cipher(algorithms.AES(key[:16]), modes.CBC(key[16:32])).encryptor()
        block = cipher.update(key * 64)
        key = (hashlib.sha256, hashlib.sha384, hashlib.sha512)[sum(block[:16]) % 3](block).digest()
        at += 1
        if at >= 64 and block[-1] <= at - 32:  # noqa: PLR2004 - the standard's
            return key[:32]
