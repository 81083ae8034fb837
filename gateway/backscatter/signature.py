"""Our own DKIM signature (RFC 6376), verified over quoted header fields alone.

A bounce seldom quotes the whole body, so its hash says nothing here; the signed fields are enough to know that we
sent them. Only our own keys count, and they are handed in: nothing is asked of the DNS. Relaxed header
canonicalisation only, which is what we sign with, and what survives refolding and re-casing.
"""

import base64
import binascii
import email.utils
import functools
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from gateway.backscatter.quoted import Block, Field, text_of

TRIES = 8  # verifications a message
_NAMES = 100  # fields that one signature may name
_B_TAG = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")
_BLANK = re.compile(rb"[ \t\r\n]+")
_IN_BRACKETS = re.compile(r"<([^<>\s]+@[^<>\s]+)>")


class Signed(msgspec.Struct, frozen=True):
    """What a good signature of ours covers: the author (lower case), the Message-ID, and the time of signing."""

    author: str
    message_id: str
    at: float
    key: str


def verify(runs: Sequence[Block], records: Mapping[str, bytes]) -> Iterator[Signed]:
    """Give every good signature of ours in the quoted runs, a bounded number of tries in all.

    ``records`` maps ``selector._domainkey.domain`` to the record that we publish. A signature that does not cover From,
    or says no time, is passed over.
    """
    tries = 0
    for run in runs:
        for at, (name, value) in enumerate(run.fields):
            if name != "dkim-signature" or tries >= TRIES:
                continue
            tags = _tags(value[:8000])
            key = f"{tags.get('s', '')}._domainkey.{tags.get('d', '')}".lower()
            record = records.get(key)
            if record is None:
                continue
            tries += 1
            if signed := _verify(run.fields, at, tags, record, key):
                yield signed


def _verify(fields: Sequence[Field], at: int, tags: Mapping[str, str], record: bytes, name: str) -> Signed | None:
    """Verify one signature; None where it is not good."""
    names = [each.strip().lower() for each in tags.get("h", "").split(":")]
    if "from" not in names or len(names) > _NAMES or not tags.get("c", "").startswith("relaxed"):
        return None
    covered, text = _canonical(fields, at, names)
    try:
        signature = base64.b64decode("".join(tags.get("b", "").split()))
        if not _is_good(public_key(record), tags.get("a", ""), signature, text):
            return None
    except (binascii.Error, ValueError, InvalidSignature, UnsupportedAlgorithm):
        return None
    author = _author(covered.get("from", ""))
    when = _when(tags.get("t", ""), covered.get("date", ""))
    if not author or when is None:
        return None
    message_id = covered.get("message-id", "").strip("<> ")
    return Signed(author, message_id, when, name)


def _canonical(fields: Sequence[Field], at: int, names: Sequence[str]) -> tuple[dict[str, str], bytes]:
    """Give the covered fields, and what is signed (RFC 6376 3.4.2 and 5.4.2: each name takes the lowest not used)."""
    left: dict[str, list[bytes]] = {}
    for name, value in fields:
        left.setdefault(name, []).append(value)
    covered: dict[str, str] = {}
    lines = []
    for name in names:
        values = left.get(name)
        if values:
            value = values.pop()
            covered.setdefault(name, text_of(value))
            lines.append(name.encode() + b":" + _BLANK.sub(b" ", value).strip() + b"\r\n")
    own = _B_TAG.sub(rb"\1", fields[at][1], count=1)
    lines.append(b"dkim-signature:" + _BLANK.sub(b" ", own).strip())
    return covered, b"".join(lines)


def _is_good(key: object, algorithm: str, signature: bytes, text: bytes) -> bool:
    """Whether the signature is the key's. Raises InvalidSignature where it is not."""
    if isinstance(key, rsa.RSAPublicKey) and algorithm == "rsa-sha256":
        key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        return True
    if isinstance(key, ed25519.Ed25519PublicKey) and algorithm == "ed25519-sha256":
        key.verify(signature, hashlib.sha256(text).digest())  # RFC 8463 3
        return True
    return False


@functools.lru_cache(maxsize=1000)
def public_key(record: bytes) -> object:
    """Read the key of a record such as ``v=DKIM1; k=rsa; p=...``. Raises ValueError."""
    tags = _tags(record)
    octets = base64.b64decode("".join(tags.get("p", "").split()))
    if tags.get("k", "rsa") == "ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(octets)
    return serialization.load_der_public_key(octets)


def _tags(value: bytes) -> dict[str, str]:
    """Read a list of tags (RFC 6376 3.2); the first of a name counts."""
    found: dict[str, str] = {}
    for each in value.decode("ascii", "replace").split(";")[:50]:
        name, equals, text = each.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), text.strip())
    return found


def _author(value: str) -> str:
    """Give the address of a From field, in lower case; empty unless there is exactly one."""
    found = _IN_BRACKETS.findall(value) or [word for word in value.split() if "@" in word]
    return found[0].lower() if len(found) == 1 else ""


def _when(signed: str, date: str) -> float | None:
    """Give the time of signing: the signature's own, else the signed Date."""
    if signed.isascii() and signed.isdigit() and len(signed) < 12:  # noqa: PLR2004 - beyond, it is no time
        return float(signed)
    try:
        return email.utils.parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
