"""What documents hold besides what one reads: macros, programs, objects; and whether they are encrypted.

Nothing is run or rendered. What a document holds is handed to the walk, which looks at it like at anything else.
"""

import mmap
import re
import struct
from collections.abc import Iterator

import msgspec
import olefile  # type: ignore[import-untyped]

from gateway.mime.kinds import Kind
from gateway.services.inspection import pdf as pdfs
from gateway.services.inspection import vba

Octets = bytes | mmap.mmap


class Held(msgspec.Struct, frozen=True):
    """One thing that a document holds: the names that it goes by, and its octets."""

    names: tuple[str, ...]
    data: bytes


class Report(msgspec.Struct):
    """What a document is and holds. ``type`` is empty where it is not told."""

    type: str = ""
    kinds: dict[Kind, str] = {}
    held: list[Held] = []


_INSTALLERS = frozenset({"000C1084", "000C1086", "000C1082"})
_BIFF = struct.Struct("<2H")
_FILEPASS, _SHEET = 0x2F, 0x85
_HEADER = 64 * 1024  # octets of a workbook in which its sheets are named
_MOST = 50  # things that are taken out of one document
_LARGEST = 32 * 1024 * 1024
_NATIVE = "\x01Ole10Native"
_PPT_MACROS = bytes.fromhex("0f00ff031400000002000004")  # VBAInfoContainer with its atom (MS-PPT 2.4.10)
_PPT_ENCRYPTED = bytes.fromhex("dfc4d1f3")  # the token of an encrypted presentation (MS-PPT 2.3.2)
_ONENOTE_FILE = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")  # a file within (MS-ONESTORE 2.6.13)
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ZIP_BASED = (
    ("word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("visio/", "application/vnd.ms-visio.drawing"),
)
_FROM_OUTSIDE = re.compile(
    rb"<Relationship\b(?=[^>]*/(?:attachedTemplate|oleObject|frame|subDocument)[\"'])"
    rb"(?=[^>]*TargetMode\s*=\s*[\"']External)[^>]*\bTarget\s*=\s*[\"']((?:https?|ftp):[^\"']{0,200}|\\\\[^\"']{0,200})",
    re.IGNORECASE,
)
_NAMES_MACROS = re.compile(rb"(?i)vnd\.ms-office\.vbaProject|relationships/(?:vbaProject|xl(?:Intl)?Macrosheet)")
_RTF_OBJECT = re.compile(rb"\\objdata\b([^{}\\]{0,16777216})")


def zip_type(names: set[str]) -> str:
    """Say which kind of document or program a zip archive is, by the names in it in lower case; empty: none."""
    if "[content_types].xml" in names:
        found = (kind for start, kind in _ZIP_BASED if any(name.startswith(start) for name in names))
        return next(found, "")
    if "androidmanifest.xml" in names:
        return "application/vnd.android.package-archive"
    if "meta-inf/manifest.mf" in names and any(name.endswith(".class") for name in names):
        return "application/java-archive"
    return ""


def holds_macros(name: str, kind: str) -> bool:
    """Whether a part of a document, by its name in lower case, holds macros."""
    if name.endswith("vbaproject.bin") or "/macrosheets/" in name:
        return True
    if "opendocument" in kind:
        return name.startswith("basic/") and name.endswith(".xml") and "/script-l" not in name
    return False


def names_macros(part: bytes) -> bool:
    """Whether a document's list of types or relationships names macros, whatever their part is called."""
    return _NAMES_MACROS.search(part) is not None


def loads_from_outside(relationships: bytes) -> str:
    """Give the address from which a document loads a template or an object; empty where it does not."""
    found = _FROM_OUTSIDE.search(relationships)
    return found[1].decode("utf-8", "replace") if found else ""


def ole(octets: Octets) -> Report:
    """Look into an OLE document: old Office, an installer, a message of Outlook. Raises what olefile raises."""
    report = Report()
    with olefile.OleFileIO(octets) as document:
        streams = ["/".join(path) for path in document.listdir(streams=True, storages=False)]
        lowered = {each.lower(): each for each in streams}
        if str(document.root.clsid).partition("-")[0].upper() in _INSTALLERS:
            report.type = "application/x-msi"
            report.kinds[Kind.EXECUTABLE] = "an installer package"
        if "encryptedpackage" in lowered:
            report.type = "application/x-ole-storage"
            report.kinds[Kind.ENCRYPTED] = "an encrypted document"
        if "worddocument" in lowered:
            report.type = "application/msword"
            if _fib_encrypted(document.openstream(lowered["worddocument"]).read(12)):
                report.kinds[Kind.ENCRYPTED] = "an encrypted document"
        for name in ("workbook", "book"):
            if name in lowered:
                report.type = "application/vnd.ms-excel"
                _workbook(document.openstream(lowered[name]).read(_HEADER), report)
        if "powerpoint document" in lowered:
            report.type = "application/vnd.ms-powerpoint"
            _presentation(document, lowered, report)
        if macros := vba.macros_of(document, streams):
            report.kinds[Kind.MACROS] = macros
        report.held.extend(_packaged(document, streams))
        if any(each.startswith("__properties_version1.0") for each in lowered):
            report.type = "application/vnd.ms-outlook"
            report.held.extend(_of_message(document, streams))
    return report


def _fib_encrypted(head: bytes) -> bool:
    """Whether the header of a Word document says that it is encrypted (MS-DOC 2.5.2)."""
    return bool(int.from_bytes(head[10:12], "little") & 0x0100)


def _workbook(octets: bytes, report: Report) -> None:
    """Read the first records of a workbook: is it encrypted, has it sheets of macros (MS-XLS 2.4)."""
    at = 0
    while at + 4 <= len(octets):
        kind, length = _BIFF.unpack_from(octets, at)
        if kind == _FILEPASS:
            report.kinds[Kind.ENCRYPTED] = "an encrypted workbook"
            return
        if kind == _SHEET and octets[at + 9 : at + 10] == b"\x01":
            report.kinds[Kind.MACROS] = "a sheet of macros"
        at += 4 + length


def _presentation(document: olefile.OleFileIO, lowered: dict[str, str], report: Report) -> None:
    """Look for macros in a presentation, and whether it is encrypted."""
    content = document.openstream(lowered["powerpoint document"]).read(_LARGEST)
    at = content.find(_PPT_MACROS)
    if at >= 0 and content[at + 20 : at + 21] == b"\x01":
        report.kinds[Kind.MACROS] = "a presentation with macros"
    if "current user" in lowered:
        user = document.openstream(lowered["current user"]).read(64)
        if user[12:16] == _PPT_ENCRYPTED:
            report.kinds[Kind.ENCRYPTED] = "an encrypted presentation"


def _packaged(document: olefile.OleFileIO, streams: list[str]) -> Iterator[Held]:
    """Give the files that were put into a document as they were (``Packager``)."""
    for each in [name for name in streams if name.rpartition("/")[2] == _NATIVE][:_MOST]:
        yield native(document.openstream(each).read(_LARGEST))


def native(octets: bytes) -> Held:
    """Read a packaged file: its label, its path and its octets."""
    texts = octets[6:2000].split(b"\0", 2)
    names = tuple(dict.fromkeys(text.decode("utf-8", "replace") for text in texts[:2] if text))
    at = octets.find(b"\0\0\x03\0", 6)
    data = octets[6:]
    if at >= 0:
        length = int.from_bytes(octets[at + 4 : at + 8], "little")
        behind = at + 8 + length
        data = octets[behind + 4 :]
    return Held(names, data)


def _of_message(document: olefile.OleFileIO, streams: list[str]) -> Iterator[Held]:
    """Give the attachments of a message that Outlook saved (MS-OXMSG)."""
    folders = dict.fromkeys(each.rpartition("/")[0] for each in streams if "__attach_version1.0_#" in each)
    for folder in list(folders)[:_MOST]:
        names = []
        data = b""
        for each in streams:
            if not each.startswith(f"{folder}/__substg1.0_"):
                continue
            tag = each.rpartition("_")[2].upper()
            if tag in {"3707001F", "3704001F", "3001001F"}:
                names.append(document.openstream(each).read(2000).decode("utf-16-le", "replace").strip("\0"))
            elif tag in {"3707001E", "3704001E", "3001001E"}:
                names.append(document.openstream(each).read(1000).decode("utf-8", "replace").strip("\0"))
            elif tag == "37010102":
                data = document.openstream(each).read(_LARGEST)
        if names or data:
            yield Held(tuple(dict.fromkeys(names)), data)


def pdf(octets: Octets) -> Report:
    """Look into a PDF."""
    itself, *held = pdfs.look(octets, ())
    return Report(itself.type, itself.kinds, [Held(each.names, b"") for each in held])


def rtf(octets: Octets) -> Report:
    """Look for the objects in an RTF document."""
    report = Report("application/rtf")
    for found in list(_RTF_OBJECT.finditer(octets))[:_MOST]:
        report.kinds[Kind.ACTIVE] = "an object lies in an RTF document"
        digits = re.sub(rb"[^0-9a-fA-F]", b"", found[1])
        data = bytes.fromhex(digits[: len(digits) & ~1].decode())
        at = data.find(_OLE)
        if at >= 0:
            report.held.append(Held((), data[at:]))
        elif (at := data.find(b"Package\0")) >= 0:
            report.held.append(native(data[at + 16 :]))  # behind class, two empty names and a length
    return report


def onenote(octets: Octets) -> Report:
    """Give the files that lie in a notebook."""
    report = Report("application/onenote")
    at = 0
    while (at := octets.find(_ONENOTE_FILE, at)) >= 0 and len(report.held) < _MOST:
        length = int.from_bytes(octets[at + 16 : at + 24], "little")
        report.held.append(Held((), octets[at + 36 : at + 36 + min(length, _LARGEST)]))
        at += 36
    return report
