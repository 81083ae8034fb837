"""Tag lists (RFC 6376 3.2), and the key records that are written in them (RFC 6376 3.6.1, RFC 8463)."""

import base64
import binascii
import functools
import re

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

MIN_BITS = 1024  # RFC 8301 3.2
MAX_BITS = 8192  # more costs time and proves nothing
_TAGS = 60  # in one list
_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*\Z")
_BLANK = re.compile(rb"[ \t\r\n]+")


def tag_list(text: bytes) -> dict[bytes, bytes] | None:
    """Read a tag list; None where it is none, or where a tag comes twice."""
    tags: dict[bytes, bytes] = {}
    parts = text.split(b";")
    if not parts[-1].strip():
        parts.pop()
    if len(parts) > _TAGS:
        return None
    for part in parts:
        name, equals, value = part.partition(b"=")
        name = name.strip()
        if not equals or not _NAME.match(name) or name in tags:
            return None
        tags[name] = value.strip()
    return tags


def unfolded(value: bytes) -> bytes:
    """Remove every blank, which base64 values may be folded with."""
    return _BLANK.sub(b"", value)


def base64_of(value: bytes) -> bytes | None:
    """Decode a folded base64 value; None where it is none."""
    try:
        return base64.b64decode(unfolded(value), validate=True)
    except (binascii.Error, ValueError):
        return None


class Key(msgspec.Struct, frozen=True):
    """A public key as it was published. ``trouble`` says why it can't be used; ``public`` is None then.

    ``testing`` is t=y, ``strict`` t=s: the identity's domain must be the signing domain itself.
    """

    public: rsa.RSAPublicKey | ed25519.Ed25519PublicKey | None = None
    bits: int = 0
    testing: bool = False
    strict: bool = False
    trouble: str = ""

    def fits(self, algorithm: bytes) -> bool:
        """Whether it is a key for that signing algorithm."""
        wanted = {b"rsa-sha256": rsa.RSAPublicKey, b"ed25519-sha256": ed25519.Ed25519PublicKey}.get(algorithm)
        return wanted is not None and isinstance(self.public, wanted)

    def has_signed(self, octets: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's over the octets."""
        try:
            if isinstance(self.public, rsa.RSAPublicKey):
                self.public.verify(signature, octets, padding.PKCS1v15(), hashes.SHA256())
            elif self.public is not None:
                digest = hashes.Hash(hashes.SHA256())
                digest.update(octets)
                self.public.verify(signature, digest.finalize())  # RFC 8463 3
            else:
                return False
        except (InvalidSignature, ValueError, UnsupportedAlgorithm):
            return False
        return True


@functools.lru_cache(maxsize=1000)
def read_key(record: bytes) -> Key:
    """Read a key record. What can't be used is a key with ``trouble``."""
    tags = tag_list(record)
    if tags is None:
        return Key(trouble="the key record is no tag list")
    if tags.get(b"v", b"DKIM1") != b"DKIM1":
        return Key(trouble="the key record is of another version")
    if b"p" not in tags:
        return Key(trouble="the key record has no key")
    if not tags[b"p"]:
        return Key(trouble="the key was revoked")
    if b"h" in tags and b"sha256" not in _words(tags[b"h"]):
        return Key(trouble="the key may not be used with sha256")
    if not {b"*", b"email"} & _words(tags.get(b"s", b"*")):
        return Key(trouble="the key is not for mail")
    octets, kind = base64_of(tags[b"p"]), tags.get(b"k", b"rsa")
    public = None if octets is None else _public(kind, octets)
    if public is None:
        return Key(trouble="the key can't be read")
    flags = _words(tags.get(b"t", b""))
    bits = public.key_size if isinstance(public, rsa.RSAPublicKey) else 256
    return Key(public, bits, b"y" in flags, b"s" in flags)


def _public(kind: bytes, octets: bytes) -> rsa.RSAPublicKey | ed25519.Ed25519PublicKey | None:
    """Read a public key of a type; None where it is none."""
    try:
        if kind == b"ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(octets)
        key = serialization.load_der_public_key(octets) if kind == b"rsa" else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, rsa.RSAPublicKey) else None


def _words(value: bytes) -> set[bytes]:
    """Read a list with colons between its words."""
    return {each.strip() for each in value.split(b":")}
