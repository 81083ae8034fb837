"""One signature against one message (RFC 6376 6.1): no network, no waiting, and nothing raises.

A signature is unusable (``permerror``) before its key is asked for wherever that can be told by itself.
"""

import re
import time

import idna
import msgspec

from gateway.services.dkim.message import Field, SignedMessage
from gateway.services.dkim.tags import MAX_BITS, MIN_BITS, Key, base64_of, tag_list, unfolded
from gateway.services.dkim.words import Signature

FIELD_LIMIT = 16_384  # octets of one signature
_NAMES = 300  # fields that one signature may name
_SKEW = 300  # seconds that clocks may differ
_HINT = 8  # characters of b= that name a signature (RFC 6008)
_NUMBER = re.compile(rb"[0-9]{1,12}\Z")
_LABELS = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*\Z")
_FORMS = {b"simple": (False, False), b"relaxed": (True, False), b"simple/simple": (False, False),
          b"simple/relaxed": (False, True), b"relaxed/simple": (True, False),
          b"relaxed/relaxed": (True, True)}  # fmt: skip
REQUIRED = (b"v", b"a", b"b", b"bh", b"d", b"h", b"s")


class Claim(msgspec.Struct, frozen=True):
    """What a signature says of itself, once that is well formed.

    ``about`` is its result to be; ``relaxed`` is of header and body; ``identity`` the domain of i=.
    """

    field: Field
    about: Signature
    algorithm: bytes
    names: tuple[bytes, ...]
    value: bytes
    body_hash: bytes
    relaxed: tuple[bool, bool]
    length: int | None
    identity: str
    expires: int | None

    @property
    def key_name(self) -> str:
        """Where its key is published."""
        return f"{self.about.selector}._domainkey.{self.about.domain}"


def read(field: Field) -> Claim | Signature:
    """Read a DKIM-Signature field; what is unusable is a result at once."""
    if len(field[1]) > FIELD_LIMIT:
        return Signature("permerror", detail="the signature is too long")
    tags = tag_list(field[1])
    if tags is None:
        return Signature("permerror", detail="the signature is no tag list")
    domain, selector = domain_of(tags.get(b"d", b"")), domain_of(tags.get(b"s", b""))
    about = Signature(
        "permerror", domain, selector, unfolded(tags.get(b"b", b""))[:_HINT].decode("ascii", "replace"),
        tags.get(b"a", b"")[:20].decode("ascii", "replace"),
    )  # fmt: skip
    trouble = _trouble(tags, domain, selector)
    if trouble:
        return msgspec.structs.replace(about, detail=trouble)
    if tags[b"a"] == b"rsa-sha1":  # RFC 8301 3.1
        return msgspec.structs.replace(about, result="policy", detail="rsa-sha1 proves nothing any more")
    value, body_hash = base64_of(tags[b"b"]), base64_of(tags[b"bh"])
    if not value or not body_hash:
        return msgspec.structs.replace(about, detail="b= or bh= is no base64")
    return Claim(
        field,
        about,
        tags[b"a"],
        names_of(tags[b"h"]),
        value,
        body_hash,
        _FORMS[unfolded(tags.get(b"c", b"simple/simple"))],
        int(tags[b"l"]) if b"l" in tags else None,
        domain_of(tags[b"i"].rpartition(b"@")[2]) if b"i" in tags else domain,
        int(tags[b"x"]) if b"x" in tags else None,
    )


def _trouble(tags: dict[bytes, bytes], domain: str, selector: str) -> str:  # noqa: PLR0911 - one line a rule
    """Say what is wrong with a signature's tags; empty where nothing is (RFC 6376 3.5 and 6.1.1)."""
    if missing := [each.decode() for each in REQUIRED if each not in tags]:
        return f"the signature has no {missing[0]}="
    if tags[b"v"] != b"1":
        return "the signature is of another version"
    if tags[b"a"] not in {b"rsa-sha256", b"ed25519-sha256", b"rsa-sha1"}:
        return "the signing algorithm is unknown"
    if not domain or not selector:
        return "d= or s= is no domain name"
    if unfolded(tags.get(b"c", b"simple")) not in _FORMS:
        return "the canonicalization is unknown"
    if b"dns/txt" not in tags.get(b"q", b"dns/txt"):
        return "the query method is unknown"
    names = names_of(tags[b"h"])
    if b"from" not in names:
        return "the From field is not signed"
    if len(names) > _NAMES:
        return "the signature names too many fields"
    if bad := [each.decode() for each in (b"l", b"t", b"x") if each in tags and not _NUMBER.match(tags[each])]:
        return f"{bad[0]}= is no number"
    if b"t" in tags and b"x" in tags and int(tags[b"x"]) < int(tags[b"t"]):
        return "the signature expires before it was made"
    identity = domain_of(tags[b"i"].rpartition(b"@")[2]) if b"i" in tags else domain
    return "" if f".{identity}".endswith(f".{domain}") else "i= is not below d="


def verify(claim: Claim, key: Key, message: SignedMessage, now: float | None = None) -> Signature:
    """Verify a signature with its key; ``now`` is in seconds since the epoch."""
    result, detail = _judge(claim, key, message, time.time() if now is None else now)
    return msgspec.structs.replace(claim.about, result=result, bits=key.bits, testing=key.testing, detail=detail)


def _judge(claim: Claim, key: Key, message: SignedMessage, now: float) -> tuple[str, str]:  # noqa: PLR0911 - as above
    """Give result and reason."""
    if key.trouble:
        return "permerror", key.trouble
    if not key.fits(claim.algorithm):
        return "permerror", "the key is for another algorithm"
    if key.strict and claim.identity != claim.about.domain:
        return "permerror", "the key is not for subdomains"
    if claim.expires is not None and claim.expires + _SKEW < now:
        return "fail", "the signature has expired"
    relaxed_head, relaxed_body = claim.relaxed
    if message.body_hash(relaxed=relaxed_body, length=claim.length) != claim.body_hash:
        return "fail", "the body was changed"
    # A From that is added later is never outside the signature, whatever h= says.
    octets = message.header_octets((*claim.names, b"from"), claim.field, relaxed=relaxed_head)
    if not key.has_signed(octets, claim.value):
        return "fail", "the header was changed"
    if not MIN_BITS <= key.bits <= MAX_BITS and claim.algorithm == b"rsa-sha256":
        return "policy", f"a key of {key.bits} bits proves nothing"
    size = message.body_size(relaxed=relaxed_body)
    if claim.length is not None and claim.length > size:
        return "permerror", "l= is beyond the body"
    if claim.length is not None and claim.length < size:
        return "policy", f"l= leaves {size - claim.length} octets of the body unsigned"
    return "pass", "the domain only tries DKIM (t=y)" if key.testing else ""


def domain_of(value: bytes) -> str:
    """Read a domain name, or a selector: lower case, A-labels (RFC 8616); empty where it is none."""
    try:
        text = value.strip().rstrip(b".").decode().lower()
        if not text.isascii():
            text = idna.encode(text, uts46=True).decode()
    except (UnicodeError, idna.IDNAError):
        return ""
    return text if _LABELS.match(text) else ""


def names_of(value: bytes) -> tuple[bytes, ...]:
    """Read h=."""
    return tuple(each.strip().lower() for each in value.split(b":"))
