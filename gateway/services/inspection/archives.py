"""Reads archives with libarchive: the names in them, and what begins each entry.

Only the reader that the first octets ask for is switched on, never one that would start another program.
"""

import contextlib
import ctypes
import mmap
from collections.abc import Iterator

import msgspec
from libarchive import ffi  # type: ignore[import-untyped]
from libarchive.entry import ArchiveEntry  # type: ignore[import-untyped]
from libarchive.exception import ArchiveError  # type: ignore[import-untyped]
from libarchive.read import ArchiveRead  # type: ignore[import-untyped]

Octets = bytes | mmap.mmap

# Type: the formats in which it may be, and the filter in front.
READERS: dict[str, tuple[tuple[str, ...], str]] = {
    "application/vnd.rar": (("rar", "rar5"), "none"),
    "application/x-7z-compressed": (("7zip",), "none"),
    "application/vnd.ms-cab-compressed": (("cab",), "none"),
    "application/x-lha": (("lha",), "none"),
    "application/x-tar": (("tar",), "none"),
    "application/x-cpio": (("cpio",), "none"),
    "application/x-archive": (("ar",), "none"),
    "application/x-xar": (("xar",), "none"),
    "application/x-iso9660-image": (("iso9660",), "none"),
}
# What holds one thing without a name, or an archive.
FILTERS: dict[str, str] = {
    "application/gzip": "gzip",
    "application/x-bzip2": "bzip2",
    "application/x-xz": "xz",
    "application/x-lzma": "lzma",
    "application/x-lzip": "lzip",
    "application/zstd": "zstd",
    "application/x-lz4": "lz4",
    "application/x-compress": "compress",
}
_BLOCK = 64 * 1024
_FOLDER = 0o040000
_FILE_TYPE = 0o170000
_is_encrypted = ffi.ffi("entry_is_encrypted", [ffi.c_archive_entry_p], ctypes.c_int)


class Unreadable(Exception):  # noqa: N818 - what it is
    """The archive, or the rest of it, can't be read. The text says why; ``encrypted`` whether that is the reason."""

    def __init__(self, why: str) -> None:
        """Take libarchive's words."""
        super().__init__(why)
        lowered = why.lower()
        self.encrypted = any(word in lowered for word in ("encrypt", "crypto", "passphrase", "password"))


class Entry(msgspec.Struct, frozen=True):
    """One entry. ``size`` is what its header says."""

    name: str
    size: int
    folder: bool
    encrypted: bool


def listed(octets: Octets, formats: tuple[str, ...], filter_name: str) -> Iterator[Entry]:
    """Give the entries of an archive by their headers alone. Raises Unreadable."""
    with _opened(octets, formats, filter_name) as archive:
        for entry in archive:
            yield _entry(entry)


def contents(octets: Octets, formats: tuple[str, ...], filter_name: str) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """Give the entries with what is in them, in blocks, to be taken before the next is asked for. Raises Unreadable."""
    with _opened(octets, formats, filter_name) as archive:
        for entry in archive:
            yield _entry(entry), entry.get_blocks(_BLOCK)


def stream(octets: Octets, filter_name: str) -> Iterator[bytes]:
    """Give what comes out of a compressed stream, in blocks. Raises Unreadable."""
    with _opened(octets, ("raw",), filter_name) as archive:
        for entry in archive:
            yield from entry.get_blocks(_BLOCK)
            return


@contextlib.contextmanager
def _opened(octets: Octets, formats: tuple[str, ...], filter_name: str) -> Iterator[ArchiveRead]:
    """Open an archive; its octets stay where they are. Raises Unreadable, also for what is read from it."""
    held = None if isinstance(octets, bytes) else (ctypes.c_char * len(octets)).from_buffer(octets)
    # ctypes.cast would make a circle of references, and keep a mapping open until somebody looks for circles.
    place = octets if held is None else ctypes.c_void_p(ctypes.addressof(held))
    archive = ffi.read_new()
    try:
        ffi.get_read_filter_function(filter_name)(archive)
        for each in formats:
            ffi.get_read_format_function(each)(archive)
        ffi.read_open_memory(archive, place, len(octets))
        yield ArchiveRead(archive)
    except ArchiveError as error:
        # Without a message it would name numbers and an address in memory.
        raise Unreadable(str(error.msg or "it is damaged, and libarchive does not say how")) from error
    finally:
        ffi.read_free(archive)
        del held  # a mapping that something points into can't be closed


def _entry(entry: ArchiveEntry) -> Entry:
    """Read what an entry's header says."""
    name = entry.pathname or ""
    if isinstance(name, bytes):
        name = name.decode("utf-8", "replace")
    folder = entry.filetype & _FILE_TYPE == _FOLDER
    return Entry(name, int(entry.size or 0), folder, _is_encrypted(entry._entry_p) > 0)  # noqa: SLF001 - it has no way in
