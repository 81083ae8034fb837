"""How dangerous a part may be: by what it is called, what type it says it has, and how its content begins. Pure.

It weighs what readers do not agree on; it is no judgement of attachments, which is the policy's.
"""

import enum

from gateway.mime.endings import RUNS_OR_HOLDS, SEEN, ending_of


class Danger(enum.IntEnum):
    """Nothing to speak of; something that is no text and no picture; something that runs or holds what may."""

    NONE = 0
    ATTACHMENT = 1
    EXECUTABLE = 2


_HARMLESS_TYPES = frozenset(
    {
        "application/pgp-signature",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-encrypted",
        "application/ics",
    }
)
_HARMLESS_KINDS = ("text/", "multipart/", "message/", "image/", "audio/", "video/", "font/")
_RUNS = (
    "zip",
    "rar",
    "7z",
    "tar",
    "gzip",
    "compress",
    "msdownload",
    "dosexec",
    "executable",
    "java",
    "script",
    "hta",
)
# How content begins that runs, or holds what may.
_BEGINNINGS = (
    b"MZ",
    b"PK\3\4",
    b"PK\5\6",
    b"\x7fELF",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
    b"MSCF",
    b"\xca\xfe\xba\xbe",
    b"\xd0\xcf\x11\xe0",
    b"X5O!P%@AP",
    b"ITSF",
    b"L\0\0\0\1\x14\2\0",
    b"{\\rtf",
    b"\x60\xea",
    b"#!/",
    b"x\x9f>\x22",
)
_TEXTS = (b"%PDF-", b"<script", b"@echo", b"wscript.", b"createobject(")
# How a mail program ends the name that it makes up for an attachment without one.
_ENDINGS_BY_TYPE = {
    "application/exe": "exe",
    "application/hta": "hta",
    "application/java-archive": "jar",
    "application/javascript": "js",
    "application/msdos-windows": "exe",
    "application/vnd.microsoft.portable-executable": "exe",
    "application/x-bat": "bat",
    "application/x-dosexec": "exe",
    "application/x-exe": "exe",
    "application/x-javascript": "js",
    "application/x-ms-shortcut": "lnk",
    "application/x-msdos-program": "exe",
    "application/x-msdownload": "exe",
    "application/x-msi": "msi",
    "application/x-winexe": "exe",
    "text/javascript": "js",
    "text/vbscript": "vbs",
}
SNIFFED = 64  # octets that are enough to tell


def name_by(types: tuple[str, ...]) -> tuple[str, ...]:
    """Give the name that a mail program makes up for an attachment of a type that runs; none for others."""
    return tuple(f"unnamed.{_ENDINGS_BY_TYPE[each]}" for each in types if each in _ENDINGS_BY_TYPE)


def of_name(name: str) -> Danger:
    """Say what a file name makes of a part."""
    ending = ending_of(name)
    if ending in RUNS_OR_HOLDS:
        return Danger.EXECUTABLE
    return Danger.NONE if not ending or ending in SEEN else Danger.ATTACHMENT


def of_type(media_type: str) -> Danger:
    """Say what a media type makes of a part."""
    if media_type in _HARMLESS_TYPES or media_type.startswith(_HARMLESS_KINDS):
        return Danger.NONE
    return Danger.EXECUTABLE if any(word in media_type for word in _RUNS) else Danger.ATTACHMENT


def of_content(start: bytes) -> Danger:
    """Say what the first octets of some content make of a part."""
    start = start.lstrip(b"\r\n\t \0")
    if start.startswith(_BEGINNINGS):
        return Danger.EXECUTABLE
    low = start.lower()
    if low.startswith(_TEXTS):
        return Danger.ATTACHMENT if low.startswith(b"%pdf") else Danger.EXECUTABLE
    return Danger.NONE
