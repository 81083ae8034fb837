"""What content is, by its first octets: what a scanner of mail must know by itself. Pure."""

import mmap
import re

import msgspec

from gateway.mime.kinds import Kind

PREFIX = 48 * 1024  # octets that are looked at; an ISO image says what it is at 32 KiB


class Signature(msgspec.Struct, frozen=True):
    """What content is: its media type, whether it holds others (``opens``), and the kind that it makes by itself."""

    type: str
    opens: bool = False
    kind: Kind | None = None


_PROGRAM = Kind.EXECUTABLE
PE = Signature("application/x-dosexec", kind=_PROGRAM)
ZIP = Signature("application/zip", opens=True)
OLE = Signature("application/x-ole-storage", opens=True)
PDF = Signature("application/pdf", opens=True)
RTF = Signature("application/rtf", opens=True)
TAR = Signature("application/x-tar", opens=True)
TNEF = Signature("application/vnd.ms-tnef", opens=True)
ONENOTE = Signature("application/onenote", opens=True)
ISO = Signature("application/x-iso9660-image", opens=True, kind=Kind.DISK_IMAGE)
JAVA = Signature("application/java-vm", kind=_PROGRAM)
_DISK = Signature("application/x-raw-disk-image", kind=Kind.DISK_IMAGE)

# What begins a file, the longest first where one begins another.
_STARTS: tuple[tuple[bytes, Signature], ...] = (
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"PK\x07\x08PK", ZIP),
    (b"PK00PK\x03\x04", ZIP),
    (b"Rar!\x1a\x07", Signature("application/vnd.rar", opens=True)),
    (b"7z\xbc\xaf\x27\x1c", Signature("application/x-7z-compressed", opens=True)),
    (b"\x1f\x8b\x08", Signature("application/gzip", opens=True)),
    (b"\xfd7zXZ\x00", Signature("application/x-xz", opens=True)),
    (b"\x28\xb5\x2f\xfd", Signature("application/zstd", opens=True)),
    (b"\x04\x22\x4d\x18", Signature("application/x-lz4", opens=True)),
    (b"LZIP\x01", Signature("application/x-lzip", opens=True)),
    (b"]\x00\x00", Signature("application/x-lzma", opens=True)),
    (b"MSCF\x00\x00\x00\x00", Signature("application/vnd.ms-cab-compressed", opens=True)),
    (b"xar!", Signature("application/x-xar", opens=True)),
    (b"!<arch>\n", Signature("application/x-archive", opens=True)),
    (b"ALZ\x01", Signature("application/x-alz-compressed", opens=True)),
    (b"EGGA", Signature("application/x-egg", opens=True)),
    (b"ISc(", Signature("application/x-installshield", opens=True)),
    (b"MSWIM\x00\x00\x00", Signature("application/x-ms-wim", opens=True, kind=Kind.DISK_IMAGE)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"\x78\x9f\x3e\x22", TNEF),
    (b"{\\rt", RTF),
    (bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3"), ONENOTE),
    (b"\x7fELF", Signature("application/x-executable", kind=_PROGRAM)),
    (b"\xfe\xed\xfa\xce", Signature("application/x-mach-binary", kind=_PROGRAM)),
    (b"\xfe\xed\xfa\xcf", Signature("application/x-mach-binary", kind=_PROGRAM)),
    (b"\xce\xfa\xed\xfe", Signature("application/x-mach-binary", kind=_PROGRAM)),
    (b"\xcf\xfa\xed\xfe", Signature("application/x-mach-binary", kind=_PROGRAM)),
    (b"\xca\xfe\xba\xbe", JAVA),  # a Mach-O of several machines as well
    (b"ITSF\x03\x00\x00\x00", Signature("application/vnd.ms-htmlhelp", kind=_PROGRAM)),
    (b"\x3f\x5f\x03\x00", Signature("application/winhlp", kind=_PROGRAM)),
    (b"dex\n0", Signature("application/vnd.android.dex", kind=_PROGRAM)),
    (
        bytes.fromhex("4c0000000114020000000000c000000000000046"),
        Signature("application/x-ms-shortcut", kind=Kind.SHORTCUT),
    ),
    (b"#@~^", Signature("text/x-encoded-script", kind=Kind.SCRIPT)),
    (b"conectix", _DISK),
    (b"vhdxfile", _DISK),
    (b"KDMV", _DISK),
    (b"QFI\xfb", _DISK),
    (b"<<< Oracle VM VirtualBox", _DISK),
    # What is common and holds nothing.
    (b"\xff\xd8\xff", Signature("image/jpeg")),
    (b"\x89PNG\r\n\x1a\n", Signature("image/png")),
    (b"GIF87a", Signature("image/gif")),
    (b"GIF89a", Signature("image/gif")),
    (b"II*\x00", Signature("image/tiff")),
    (b"MM\x00*", Signature("image/tiff")),
    (b"ID3\x03", Signature("audio/mpeg")),
    (b"ID3\x04", Signature("audio/mpeg")),
    (b"OggS\x00", Signature("audio/ogg")),
    (b"fLaC", Signature("audio/flac")),
    (b"\x1aE\xdf\xa3", Signature("video/x-matroska")),
    (b"wOFF", Signature("font/woff")),
    (b"wOF2", Signature("font/woff2")),
)
_BY_FIRST: dict[int, tuple[tuple[bytes, Signature], ...]] = {}
for _start, _signature in _STARTS:
    _BY_FIRST[_start[0]] = (*_BY_FIRST.get(_start[0], ()), (_start, _signature))

_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/x-wav", b"AVI ": "video/x-msvideo"}
_STRUCTURES: tuple[tuple[re.Pattern[bytes], Signature], ...] = (
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), Signature("application/x-bzip2", opens=True)),
    (re.compile(rb"..-l[hz][0-9ds]-", re.DOTALL), Signature("application/x-lha", opens=True)),
    (re.compile(rb"07070[127][0-9A-Fa-f]{70}"), Signature("application/x-cpio", opens=True)),
    (re.compile(rb"\xc7\x71.{24}", re.DOTALL), Signature("application/x-cpio", opens=True)),
    (re.compile(rb"\x60\xea.[\x00-\x0a][\x1e-\x60]", re.DOTALL), Signature("application/x-arj", opens=True)),
    (re.compile(rb"\x1f\x9d[\x09-\x10\x80-\x90]"), Signature("application/x-compress", opens=True)),
    (re.compile(rb".{7}\*\*ACE\*\*", re.DOTALL), Signature("application/x-ace-compressed", opens=True)),
)
_FLASH = re.compile(rb"[FCZ]WS[\x01-\x32]", re.DOTALL)
_VOLUMES = (b"CD001", b"BEA01", b"NSR02", b"NSR03", b"CDW02")
_BOOT = re.compile(rb"(?:\xeb.\x90|\xe9..)", re.DOTALL)
_TEXT = bytes((*b"\t\n\r\f\x1b\x08", *range(0x20, 0x100)))
_WORDS: tuple[tuple[re.Pattern[bytes], Signature], ...] = (
    (re.compile(rb"<hta:application\b"), Signature("application/hta", kind=Kind.SCRIPT)),
    (re.compile(rb"<(?:job|package)\b[^>]*>.{0,2000}<script\b", re.DOTALL), Signature("text/x-wsf", kind=Kind.SCRIPT)),
    (
        re.compile(rb"<scriptlet\b.{0,2000}<(?:registration|implements|script)\b", re.DOTALL),
        Signature("text/scriptlet", kind=Kind.SCRIPT),
    ),
    (re.compile(rb"\A\s*\[internetshortcut\]"), Signature("application/x-mswinurl", kind=Kind.SHORTCUT)),
    (re.compile(rb"<librarydescription\b"), Signature("application/windows-library+xml", kind=Kind.SHORTCUT)),
    (re.compile(rb"<searchconnectordescription\b"), Signature("application/windows-search+xml", kind=Kind.SHORTCUT)),
    (re.compile(rb"macrospresent=[\"']yes"), Signature("application/xml", kind=Kind.MACROS)),
    (re.compile(rb"application/x-mso\b"), Signature("message/rfc822", kind=Kind.MACROS)),  # Word's MHTML with macros
)
_ENDING = 22 + 0xFFFF  # octets of the longest end of a zip archive
_SCRIPT_HEAD = 16 * 1024  # octets of a text in which such words are looked for


def signature_of(prefix: bytes) -> Signature | None:
    """Say what content is; None for a text, or for what is not known here. ``prefix`` holds up to PREFIX octets."""
    if not prefix:
        return None
    for start, signature in _BY_FIRST.get(prefix[0], ()):
        if prefix.startswith(start):
            return signature
    return _by_structure(prefix)


def ends_in_zip(octets: bytes | mmap.mmap) -> bool:
    """Whether a zip archive ends where this does, whatever stands in front of it: programs unpack that."""
    at = octets.rfind(b"PK\x05\x06", max(0, len(octets) - _ENDING))
    if at < 0 or len(octets) != at + 22 + int.from_bytes(octets[at + 20 : at + 22], "little"):
        return False
    start = at - int.from_bytes(octets[at + 12 : at + 16], "little")
    return 0 <= start < at and octets[start : start + 4] == b"PK\x01\x02"


def is_text(prefix: bytes) -> bool:
    """Whether it is a text: without octets that none has, or UTF-16 with its mark."""
    return prefix[:2] in {b"\xff\xfe", b"\xfe\xff"} or not prefix.translate(None, _TEXT)


def script_of(prefix: bytes) -> Signature | None:
    """Say whether a text is one that a desktop runs, where words tell it: HTA, WSF, a shortcut; None elsewhere."""
    text = prefix[:_SCRIPT_HEAD]
    if text[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = text.replace(b"\0", b"")[2:]
    text = text.removeprefix(b"\xef\xbb\xbf").lower()
    if text.startswith(b"#@~^"):
        return Signature("text/x-encoded-script", kind=Kind.SCRIPT)
    return next((signature for words, signature in _WORDS if words.search(text)), None)


def _by_structure(prefix: bytes) -> Signature | None:  # noqa: PLR0911 - a table of cases
    """Say what content is where its first octets alone do not tell."""
    if prefix.startswith((b"MZ", b"ZM")):
        return PE if _is_program(prefix) else None
    if prefix.startswith(b"BM") and prefix[6:10] == b"\0\0\0\0":
        return Signature("image/bmp")
    if prefix.startswith(b"RIFF") and (kind := _RIFF.get(prefix[8:12])):
        return Signature(kind)
    if prefix[4:8] == b"ftyp":
        return Signature("image/heic" if prefix[8:11] in {b"hei", b"mif"} else "video/mp4")
    if prefix[257:262] == b"ustar":
        return TAR
    if found := next((signature for start, signature in _STRUCTURES if start.match(prefix)), None):
        return found
    if _FLASH.match(prefix) and not is_text(prefix[:64]):
        return Signature("application/x-shockwave-flash", kind=Kind.ACTIVE)
    if prefix[32769:32774] in _VOLUMES:
        return ISO
    if prefix[510:512] == b"\x55\xaa" and _BOOT.match(prefix) and _is_volume(prefix):
        return _DISK
    if b"%PDF-" in prefix[:1024]:
        return PDF
    return None


def _is_program(prefix: bytes) -> bool:
    """Whether what begins with MZ is a program: it has a newer header, or a header of DOS that makes sense."""
    at = int.from_bytes(prefix[60:64], "little")
    if prefix[at : at + 4] == b"PE\0\0" or prefix[at : at + 2] in {b"NE", b"LE", b"LX"}:
        return True
    return not is_text(prefix[:64])


def _is_volume(prefix: bytes) -> bool:
    """Whether a boot sector is that of a file system which desktops mount."""
    return prefix[3:11] in {b"NTFS    ", b"EXFAT   "} or prefix[54:57] == b"FAT" or prefix[82:85] == b"FAT"
