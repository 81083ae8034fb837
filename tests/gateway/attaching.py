"""Makes what is attached in tests: programs, archives, documents, by hand where no library writes them."""

import binascii
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping

PROGRAM = b"MZ" + b"\0" * 58 + b"\x80\0\0\0" + b"\0" * 64 + b"PE\0\0" + b"\x90" * 400
ELF = b"\x7fELF\x02\x01\x01" + b"\0" * 200
SHORTCUT = bytes.fromhex("4c0000000114020000000000c000000000000046") + b"\0" * 100
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
CONTENT_TYPES = "[Content_Types].xml"


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, octets in files.items():
            archive.writestr(name, octets)
    return out.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """A tar archive; ``mode`` as of tarfile, ``w:gz`` and the like."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload] # any mode
        for name, octets in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(octets)
            archive.addfile(entry, io.BytesIO(octets))
    return out.getvalue()


def encrypted_zip(name: str, octets: bytes = b"secret") -> bytes:
    """A zip archive whose only entry says that it is encrypted."""
    plain = bytearray(zipped({name: octets}, zipfile.ZIP_STORED))
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        plain[plain.index(sign) + at] |= 1
    return bytes(plain)


def rar(files: Mapping[str, bytes], *, encrypted: bool = False) -> bytes:
    """A RAR archive (version 4), its files stored."""
    out = bytearray(b"Rar!\x1a\x07\x00" + _block(0x73, 0, b"\0" * 6))
    for name, octets in files.items():
        encoded = name.encode()
        crc = zlib.crc32(octets)
        body = struct.pack(
            "<LLBLLBBHL", len(octets), len(octets), 3, crc, 0x5A21_0000, 20, 0x30, len(encoded), 0o100644
        )
        out += _block(0x74, 0x8000 | (0x4 if encrypted else 0), body + encoded) + octets
    return bytes(out + _block(0x7B, 0x4000, b""))


def _block(kind: int, flags: int, body: bytes) -> bytes:
    """One header of a RAR archive."""
    head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
    return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head


def cab(files: Mapping[str, bytes]) -> bytes:
    """A cabinet, its files stored."""
    data = b"".join(files.values())
    entries, offset = b"", 0
    for name, octets in files.items():
        entries += struct.pack("<LLHHHH", len(octets), offset, 0, 0x5A21, 0, 0x20) + name.encode() + b"\0"
        offset += len(octets)
    start = 36 + 8 + len(entries)
    total = start + 8 + len(data)
    head = struct.pack("<4sLLLLLBBHHHHH", b"MSCF", 0, total, 0, 44, 0, 3, 1, 1, len(files), 0, 1, 0)
    folder = struct.pack("<LHH", start, 1, 0)
    return head + folder + entries + struct.pack("<LHH", 0, len(data), len(data)) + data


def lha(name: str, octets: bytes) -> bytes:
    """An LHA archive, its file stored."""
    encoded = name.encode()
    body = b"-lh0-" + struct.pack("<LLLBBB", len(octets), len(octets), 0x5A21_0000, 0x20, 0, len(encoded)) + encoded
    body += struct.pack("<H", _crc16(octets))
    return bytes((len(body), sum(body) & 0xFF)) + body + octets + b"\0"


def _crc16(octets: bytes) -> int:
    """The checksum of LHA."""
    crc = 0
    for each in octets:
        crc ^= each
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def ole(streams: Mapping[str, bytes], clsid: str = "") -> bytes:
    """An OLE document (MS-CFB). Folders are told by slashes; streams are filled up to 4 KiB."""
    names = ["Root Entry"]
    for path in streams:
        folders = path.split("/")
        names.extend(name for at in range(1, len(folders) + 1) if (name := "/".join(folders[:at])) not in names)
    sectors: list[bytes] = []
    fat: list[int] = []

    def keep(octets: bytes) -> int:
        start = len(sectors)
        pieces = [octets[at : at + 512].ljust(512, b"\0") for at in range(0, len(octets), 512)]
        sectors.extend(pieces)
        fat.extend([*range(start + 1, start + len(pieces)), 0xFFFFFFFE])
        return start

    filled = {path: octets.ljust(4096, b"\0") for path, octets in streams.items()}
    starts = {path: keep(octets) for path, octets in filled.items()}
    entries = b""
    for at, name in enumerate(names):
        parent = name.rpartition("/")[0] or "Root Entry"
        siblings = [i for i, other in enumerate(names) if i and (other.rpartition("/")[0] or "Root Entry") == parent]
        behind = [i for i in siblings if i > at] if at else []
        children = [i for i, other in enumerate(names) if i and (other.rpartition("/")[0] or "Root Entry") == name]
        encoded = name.rpartition("/")[2].encode("utf-16-le") + b"\0\0"
        kind = 5 if not at else 2 if name in streams else 1
        right, child = (behind or [0xFFFFFFFF])[0], (children or [0xFFFFFFFF])[0]
        entry = encoded.ljust(64, b"\0") + struct.pack("<HBBLLL", len(encoded), kind, 1, 0xFFFFFFFF, right, child)
        entry += binascii.unhexlify(clsid).ljust(16, b"\0") if not at else bytes(16)
        entry += bytes(20) + struct.pack("<LQ", starts.get(name, 0xFFFFFFFE), len(filled.get(name, b"")))
        entries += entry
    directory = keep(entries)
    table = len(sectors)
    fat.append(0xFFFFFFFD)
    assert len(fat) <= 128
    sectors.append(struct.pack("<128L", *fat, *[0xFFFFFFFF] * (128 - len(fat))))
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<9L", 0, 1, directory, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    return head + struct.pack("<109L", table, *[0xFFFFFFFF] * 108) + b"".join(sectors)


def vba(source: str) -> bytes:
    """A module of a VBA project, as it is stored: something in front, then the source, compressed with no copies."""
    octets = b'Attribute VB_Name = "Module1"\r\n' + source.encode()
    tokens = b"".join(b"\0" + octets[at : at + 8] for at in range(0, len(octets), 8))
    return b"\x01\x16\x03" * 5 + b"\x01" + struct.pack("<H", 0xB000 | (len(tokens) - 1)) + tokens


def packaged(name: str, octets: bytes) -> bytes:
    """What an OLE document keeps of a file that was put into it (Ole10Native)."""
    path = name.encode() + b"\0"
    inner = b"\x02\0" + path + b"C:\\" + path + b"\0\0\x03\0" + struct.pack("<L", len(path)) + path
    inner += struct.pack("<L", len(octets)) + octets
    return struct.pack("<L", len(inner)) + inner


def tnef(name: str, octets: bytes) -> bytes:
    """A winmail.dat with one attachment."""

    def part(level: int, kind: int, data: bytes) -> bytes:
        return struct.pack("<BHHL", level, kind, 6, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)

    head = struct.pack("<LH", 0x223E9F78, 1)
    attachment = part(2, 0x9002, bytes(14)) + part(2, 0x8010, name.encode() + b"\0") + part(2, 0x800F, octets)
    return head + part(1, 0x9006, b"\0\0\1\0") + attachment


def office(parts: Mapping[str, bytes], folder: str = "word") -> bytes:
    """An Office document as a zip archive."""
    return zipped({CONTENT_TYPES: b"<Types/>", f"{folder}/document.xml": b"<document/>", **parts})
