"""ARC chains (RFC 8617): dkimpy walks the chain, our own arithmetic verifies each signature of it.

dkimpy reads the whole message itself and asks DNS itself; here it gets fields that are read already, and keys that
were asked for. It raises on much that strangers can write: whatever it raises makes the chain ``fail``.
"""

import logging
import re
from collections.abc import Iterator

import dkim

from gateway.services.dkim.message import Field, SignedMessage
from gateway.services.dkim.signature import domain_of, names_of
from gateway.services.dkim.tags import MAX_BITS, MIN_BITS, Key, base64_of, tag_list, unfolded
from gateway.services.dkim.words import ArcChain, ArcSet
from gateway.services.dns import Answer

SETS = 50  # RFC 8617 4.2.1
_SETS_VERIFIED = 20  # more were never seen, and cost two signatures each
_FIELDS = (b"arc-seal", b"arc-message-signature", b"arc-authentication-results")
_INSTANCE = re.compile(rb"\A\s*i\s*=\s*[0-9]+\s*;")
_FORMS = {b"relaxed": (True, False), b"simple": (False, False), b"relaxed/relaxed": (True, True),
          b"relaxed/simple": (True, False), b"simple/relaxed": (False, True),
          b"simple/simple": (False, False)}  # fmt: skip

Keys = dict[str, Key | Answer]

_silent = logging.getLogger("dkim.arc")  # dkimpy writes an error for whatever strangers send
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


def seals_of(message: SignedMessage) -> tuple[str, ...]:
    """Give the domains that say that they have sealed the message, without verifying anything."""
    return tuple(domain_of((tag_list(value) or {}).get(b"d", b"")) for _, value in message.all(b"arc-seal")[:SETS])


def key_names(message: SignedMessage) -> Iterator[str]:
    """Name the keys of a chain; those of a chain that is too long are not wanted."""
    fields = [*message.all(b"arc-seal"), *message.all(b"arc-message-signature")]
    if len(fields) > 2 * _SETS_VERIFIED:
        return
    for _, value in fields:
        tags = tag_list(value) or {}
        if name := _key_name(tags):
            yield name


def verify(message: SignedMessage, keys: Keys) -> ArcChain:
    """Verify a chain with the keys that it names. Never raises."""
    fields = [each for each in message.fields if each[0].lower() in _FIELDS]
    if not fields:
        return ArcChain("none")
    if len(fields) > 3 * _SETS_VERIFIED:
        return ArcChain("fail", detail="the chain is too long")
    chain = _Chain(message, keys)
    try:
        result, found, why = chain.verify(dnsfunc=None)
    except Exception as error:  # noqa: BLE001 - what dkimpy makes of hostile chains is not bounded
        return ArcChain("fail", detail=_line(f"{type(error).__name__}: {error}"))
    if result == dkim.CV_None:
        return ArcChain("none")
    if result != dkim.CV_Pass:
        return ArcChain("temperror" if chain.unanswered else "fail", detail=_line(why))
    sets = sorted((_set(each) for each in found), key=lambda each: each.instance)
    return ArcChain("pass", tuple(sets))


class _Chain(dkim.ARC):  # type: ignore[misc] # the library has no types
    """dkimpy's walk over fields that are read already. ``unanswered`` says that a key did not come."""

    def __init__(self, message: SignedMessage, keys: Keys) -> None:
        """Take message and keys."""
        super().__init__(logger=_silent)
        self.headers = [list(each) for each in message.fields]
        self.unanswered = False
        self._message = message
        self._keys = keys

    def verify_sig(self, sig: dict[bytes, bytes], include_headers: list[bytes], sig_header: Field, _: object) -> bool:
        """Verify one signature of the chain: a message signature where it has bh=, else a seal."""
        key = self._keys.get(_key_name(sig))
        if isinstance(key, Answer):
            self.unanswered = self.unanswered or key.status.failed
            return False
        value = base64_of(sig[b"b"])
        if key is None or key.trouble or not value or not key.fits(sig[b"a"]):
            return False
        if sig[b"a"] == b"rsa-sha256" and not MIN_BITS <= key.bits <= MAX_BITS:
            return False
        forms = _FORMS.get(unfolded(sig.get(b"c", b"relaxed/relaxed")))
        if forms is None:
            return False
        if b"bh" not in sig:
            return key.has_signed(self._seal_octets(include_headers, sig_header), value)
        if b"c" not in (
            tag_list(sig_header[1]) or {}
        ):  # the public suite wants a message signature to say how it was made
            return False
        length = int(sig[b"l"]) if b"l" in sig else None
        if self._message.body_hash(relaxed=forms[1], length=length) != base64_of(sig[b"bh"]):
            return False
        names = names_of(sig[b"h"])
        if b"from" in names:
            names += (b"from",)  # as in DKIM
        octets = self._message.header_octets(names, (sig_header[0], sig_header[1]), relaxed=forms[0])
        return key.has_signed(octets, value)

    def _seal_octets(self, names: list[bytes], seal: Field) -> bytes:
        """Give what a seal is over: the sets up to its own, each in its order (RFC 8617 5.1.1)."""
        instance = int(tag_list(seal[1])[b"i"])  # type: ignore[index] # dkimpy has read it before
        order = {each: at for at, each in enumerate((_FIELDS[2], _FIELDS[1], _FIELDS[0]))}
        own = []
        for name, value in self._message.fields:
            place = _instance_of(value), order.get(name.lower(), -1)
            if place[1] >= 0 and place < (instance, order[b"arc-seal"]):
                own.append((*place, (name, value)))
        own.sort(key=lambda each: each[:2])
        shown = SignedMessage(b"")
        shown.fields = [each for _, _, each in reversed(own)]
        return shown.header_octets(names, seal, relaxed=True)


def _instance_of(value: bytes) -> int:
    """Read the instance of a field; one that has none belongs to no set."""
    found = dkim.ARC.INSTANCE_RE.search(value.replace(b"\r\n", b""))
    return int(found[1]) if found else SETS + 1


def _key_name(tags: dict[bytes, bytes]) -> str:
    """Give where the key of a signature is published; empty where that is no name."""
    selector, domain = domain_of(tags.get(b"s", b"")), domain_of(tags.get(b"d", b""))
    return f"{selector}._domainkey.{domain}" if selector and domain else ""


def _set(found: dict[str, object]) -> ArcSet:
    """Give one set of a chain that passed."""
    results = bytes(found["aar-value"])  # type: ignore[call-overload] # dkimpy's words
    instance, sealer = int(str(found["instance"])), domain_of(bytes(found["as-domain"]))  # type: ignore[call-overload]
    return ArcSet(instance, sealer, _INSTANCE.sub(b"", results, count=1).decode("utf-8", "replace").strip())


def _line(words: object) -> str:
    """Give dkimpy's words as one line of printable ASCII, bounded."""
    return "".join(each if " " <= each <= "~" else "?" for each in str(words))[:200]
