"""Which parts of a message are attachments, and what they are as far as their first octets tell. Pure.

A text that is shown as the message is none. What may hold something else, or is not known here, has to be looked at
whole (``opens``).
"""

from collections.abc import Iterator

import msgspec

from gateway.mime.decoding import Raw, decoded, octets, whole
from gateway.mime.endings import OPENED, SAVED
from gateway.mime.names import extension, normal
from gateway.mime.signatures import PREFIX, Signature, ends_in_zip, is_text, script_of, signature_of
from gateway.mime.words import Anatomy, Part

_AS_IT_STANDS = frozenset({"", "7bit", "8bit", "binary"})
_SHOWN = ("text/", "message/", "multipart/")
_UNKNOWN = Signature("application/octet-stream", opens=True)
_HOLDING = OPENED | SAVED | {"p7m"}


class Attached(msgspec.Struct, frozen=True):
    """One attachment under one of its encodings, and what its first octets say it is."""

    part: Part
    encoding: str
    signature: Signature

    def blocks(self, raw: Raw) -> Iterator[bytes]:
        """Give its octets, in blocks. ``raw`` is the message."""
        return decoded(self.encoding, octets(raw, self.part))


def attachments(raw: Raw, anatomy: Anatomy) -> Iterator[Attached]:
    """Give every attachment of a message, under each of its encodings."""
    for part in anatomy.parts:
        for encoding in part.encodings:
            if part.multipart and encoding in _AS_IT_STANDS:
                continue  # its parts follow
            prefix = whole(decoded(encoding, octets(raw, part)), PREFIX)
            signature = _signature(part, prefix)
            if signature is not None:
                yield Attached(part, encoding, signature)


def _signature(part: Part, prefix: bytes) -> Signature | None:
    """Say what the content of a part is; None where the part is no attachment."""
    text = is_text(prefix)
    declared = part.types[0] if part.types else ""
    if _is_shown(part, declared) and (text or signature_of(prefix) is None):
        return None
    known = signature_of(prefix)
    if known is not None and known.kind is None and len(prefix) < PREFIX and ends_in_zip(prefix):
        return _UNKNOWN
    if known is not None:
        return known
    if not text:
        return _UNKNOWN
    if any(extension(normal(name)) in _HOLDING for name in part.names):
        return _UNKNOWN  # something may stand in front of an archive; a message is a text
    if found := script_of(prefix):
        return found
    return Signature(declared if not prefix or declared.startswith(_SHOWN) else "text/plain")


def _is_shown(part: Part, declared: str) -> bool:
    """Whether a part is shown as the message, not as an attachment to it."""
    if part.multipart:
        return True
    return not part.names and part.disposition != "attachment" and declared.startswith(_SHOWN)
