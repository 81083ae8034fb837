"""Whether an old Office document holds macros that do something (MS-OVBA): an empty project is no macro."""

import re

import olefile  # type: ignore[import-untyped]

_MODULE = re.compile(rb"\x00Attribut[^e]")  # how a compressed module's source begins
_NO_CODE = re.compile(r"(?i)\s*(?:attribute\b|option\b|'|rem\b|$)")
_COMPILED = 4096  # octets; that of a module without code takes about 1000
_LARGEST = 4 * 1024 * 1024  # octets of a module that are read
_SIGNED = 0x3000  # what the header of each chunk has
_NO_MODULES = frozenset({"_vba_project", "dir", "project", "projectwm"})


def macros_of(document: olefile.OleFileIO, streams: list[str]) -> str:
    """Say which module of a document does something; empty where none does."""
    for each in streams:
        *folders, name = each.lower().split("/")
        if folders[-1:] != ["vba"] or name in _NO_MODULES or name.startswith("__srp_"):
            continue
        octets = document.openstream(each).read(_LARGEST)
        if does_something(octets):
            return f"the module {each.rpartition('/')[2]} has code"
    return ""


def does_something(module: bytes) -> bool:
    """Whether a module's source has more than attributes, options and comments. What can't be read counts as code.

    In front of the source stands what Office has compiled of it, and may run instead: where it is long, it counts too.
    """
    found = _MODULE.search(module)
    if found is None or found.start() > _COMPILED:
        return True
    source = decompressed(module[found.start() - 3 :])
    if source is None:
        return True
    return any(not _NO_CODE.match(line) for line in source.decode("latin-1").splitlines())


def decompressed(octets: bytes) -> bytes | None:
    """Undo the compression of MS-OVBA 2.4.1; None where it is none. ``octets`` begin with its signature."""
    if octets[:1] != b"\x01":
        return None
    out = bytearray()
    at = 1
    while at + 2 <= len(octets) and len(out) < _LARGEST:
        header = int.from_bytes(octets[at : at + 2], "little")
        if header & 0x7000 != _SIGNED:
            break  # what stands behind the source
        end = min(len(octets), at + (header & 0x0FFF) + 3)
        at += 2
        if not header & 0x8000:
            out += octets[at : at + 4096]
        else:
            _chunk(octets, at, end, out)
        at = end
    return bytes(out)


def _chunk(octets: bytes, at: int, end: int, out: bytearray) -> None:
    """Undo one chunk: literal octets, and copies of what came before in it."""
    began = len(out)
    while at < end:
        flags = octets[at]
        at += 1
        for bit in range(8):
            if at >= end:
                return
            if not flags >> bit & 1:
                out.append(octets[at])
                at += 1
                continue
            token = int.from_bytes(octets[at : at + 2], "little")
            at += 2
            bits = max(4, (len(out) - began - 1).bit_length())
            length = (token & (0xFFFF >> bits)) + 3
            offset = (token >> (16 - bits)) + 1
            if offset > len(out) - began:
                return
            for _ in range(length):
                out.append(out[-offset])
