"""What one thing tells of itself: what it is, by content and name; what it is called; which of many are named."""

import mmap
import re

from gateway.mime.claims import BY_NAME
from gateway.mime.endings import OPENED, SAVED
from gateway.mime.kinds import Kind
from gateway.mime.names import extension, normal, shown
from gateway.mime.signatures import PREFIX, ZIP, Signature, ends_in_zip, signature_of
from gateway.services.filetypes import TEXT, content_type
from gateway.services.inspection import cms, documents, zips
from gateway.services.inspection.words import Thing

Octets = bytes | mmap.mmap

NAMED = 100  # things of one attachment that are named
MESSAGE = Signature("message/rfc822", opens=True)
CMS = Signature("application/pkcs7-mime", opens=True)
_MESSAGES = SAVED | {"p7m"}
_ENDING = 66_000  # octets at the end among which the end of a zip archive stands
_STEM = re.compile(r"(?i)\.(?:gz|bz2|xz|lzma|lz|zst|lz4|z)$")
_SHORT = re.compile(r"(?i)\.t(?:gz|bz2?|xz|zst|az)$")
_MIMETYPE = re.compile(rb"application/[a-z0-9.+-]{1,80}")
_APPLE_DOUBLE = b"\0\5\x16\7"  # RFC 1740
_LOCK = 165  # octets of the file with which an office says who has a document open
_WITHIN = re.compile(rb"PK\x03\x04|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|MSCF\0|\*\*ACE\*\*")


def read_part(name: str, part: bytes, thing: Thing) -> None:
    """Read what a document tells of itself: what it is made of, what it loads, whether it is encrypted."""
    if documents.names_macros(part):
        thing.kinds.setdefault(Kind.MACROS, f"{name} names macros")
    if told := documents.loads_from_outside(part):
        thing.kinds.setdefault(Kind.ACTIVE, f"it loads {shown(told)}")
    if b":encryption-data" in part:
        thing.kinds.setdefault(Kind.ENCRYPTED, "an encrypted document")


def matters(head: bytes) -> bool:
    """Whether a part of a document is more than text and pictures, by its first octets."""
    found = signature_of(head)
    return found is not None and (found.opens or found.kind is not None)


def signature_for(octets: Octets, names: tuple[str, ...]) -> Signature:
    """Say what content is; a zip archive may have anything in front of it."""
    signature = known(octets[:PREFIX], names)
    if signature.kind is None and ends_in_zip(octets):
        return ZIP
    if signature.opens or signature.kind is not None or not is_called_archive(names):
        return signature
    return ZIP if octets.rfind(b"PK\x05\x06", max(0, len(octets) - _ENDING)) >= 0 else signature


def known(head: bytes, names: tuple[str, ...]) -> Signature:
    """Say what content is, by its first octets; that a text is a message is told by its name."""
    if cms.is_signed(head):
        return CMS
    signature = content_type(head)
    if signature.type == TEXT and any(extension(normal(name)) in _MESSAGES for name in names):
        return MESSAGE
    return MESSAGE if signature.type == MESSAGE.type and signature.kind is None else signature


def is_called_archive(names: tuple[str, ...]) -> bool:
    """Whether a name says that it is an archive."""
    return any(extension(normal(name)) in OPENED for name in names)


def is_beside(octets: Octets, names: tuple[str, ...]) -> bool:
    """Whether it is what a system keeps beside a file under the file's name, and no archive, whatever it is called.

    Macs tell what only they know of a file in AppleDouble (as ``__MACOSX/._Report.docx``); offices lock a document that
    is open (``~$Report.docx``). What has an archive within is neither: some programs find it there.
    """
    locks = len(octets) <= _LOCK and all(re.split(r"[/\\]", name)[-1].startswith("~$") for name in names)
    return (locks or octets[:4] == _APPLE_DOUBLE) and not _WITHIN.search(octets)


def of_content(thing: Thing, signature: Signature) -> Kind | None:
    """Give the kind that the content makes of a thing, once it was looked into."""
    detail = thing.kinds.get(Kind.EXECUTABLE, "")
    return signature.kind or (Kind.EXECUTABLE if detail not in {"", BY_NAME} else None)


def called(thing: Thing) -> str:
    """Give the name that a thing goes by where something lies in it."""
    return shown(thing.names[0]) if thing.names and thing.names[0] else thing.type


def stems(names: tuple[str, ...]) -> tuple[str, ...]:
    """Give the names of what lies in a compressed stream, by the stream's own."""
    return tuple(_SHORT.sub(".tar", _STEM.sub("", name)) for name in names)


def mimetype(octets: Octets, archive: zips.Archive) -> str:
    """Give the type that an OpenDocument or an e-book says it is; empty where it says nothing."""
    first = archive.members[0] if archive.members else None
    if first is None or first.names[0] != "mimetype":
        return ""
    found = _MIMETYPE.match(zips.unpacked(octets, first, 100) or b"")
    return found[0].decode() if found else ""


def chosen(things: list[Thing], more: int) -> tuple[tuple[Thing, ...], int]:
    """Choose which things are named: the attachment, what is dangerous, then one of each extension, then the rest."""
    if len(things) <= NAMED:
        return tuple(things), more
    seen: set[str] = set()
    ranks = []
    for at, thing in enumerate(things):
        last = extension(normal(thing.names[0])) if thing.names else ""
        rank = 0 if at == 0 else 1 if thing.kinds else 2 if last not in seen else 3
        seen.add(last)
        ranks.append((rank, at))
    kept = sorted(at for _, at in sorted(ranks)[:NAMED])
    return tuple(things[at] for at in kept), more + len(things) - len(kept)
