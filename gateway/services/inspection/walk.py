"""Looks at one attachment and all that lies in it, within bounds of time, octets, entries and depth. Never raises."""

import mmap
import time
from collections.abc import Callable, Iterable, Iterator

from gateway.mime.attached import attachments
from gateway.mime.claims import by_names, type_lie
from gateway.mime.decoding import whole
from gateway.mime.kinds import Kind
from gateway.mime.names import extension, shown
from gateway.mime.reader import dissect
from gateway.mime.signatures import ISO, OLE, ONENOTE, PDF, PREFIX, RTF, TAR, TNEF, ZIP, Signature
from gateway.services.filetypes import TEXT, content_type
from gateway.services.inspection import archives, cms, documents, gzips, tnef, zips
from gateway.services.inspection.telling import (
    CMS,
    MESSAGE,
    NAMED,
    called,
    chosen,
    is_beside,
    is_called_archive,
    known,
    matters,
    mimetype,
    of_content,
    read_part,
    signature_for,
    stems,
)
from gateway.services.inspection.words import Inspection, Limits, Thing

Octets = bytes | mmap.mmap

_HARMLESS_SIZE = 256 * 1024 * 1024  # octets that anything may unpack to
_RATIO = 100  # times its own size that a larger attachment may unpack to
_PEEK = 4096  # octets of an entry that are looked at first
_RELATIONSHIPS = 256 * 1024


class _Spent(Exception):  # noqa: N818 - it is no error
    """A bound is reached. The text says which."""


def inspect(octets: Octets, names: tuple[str, ...], types: tuple[str, ...], limits: Limits) -> Inspection:
    """Look at an attachment. ``names`` are those that it goes by, ``types`` those that it is declared to have."""
    began = time.process_time()
    walk = _Walk(limits, len(octets))
    walk.look(octets, names, (), 0, types)
    return Inspection(*chosen(walk.things, walk.more), time.process_time() - began)


class _Walk:
    """One way through an attachment: what was found, and how much of the bounds is used."""

    def __init__(self, limits: Limits, size: int) -> None:
        """Begin with an attachment of so many octets."""
        self.limits = limits
        self.most = min(limits.declared, max(_HARMLESS_SIZE, size * _RATIO))
        self.until = time.process_time() + limits.seconds
        self.things: list[Thing] = []
        self.more = 0
        self.entries = 0
        self.unpacked = 0
        self.declared = 0

    def look(
        self,
        octets: Octets,
        names: tuple[str, ...],
        inside: tuple[str, ...],
        depth: int,
        declared: tuple[str, ...] = (),
    ) -> None:
        """Look at one thing, and at what lies in it."""
        signature = signature_for(octets, names)
        thing = Thing(names, inside, signature.type, by_names(names))
        self.things.append(thing)
        if signature.kind is not None:
            thing.kinds.setdefault(signature.kind, f"by its content, {signature.type}")
        if signature.opens:
            self._open(octets, thing, signature, depth)
        elif (
            signature.kind is None
            and signature.type not in _PLAIN
            and is_called_archive(names)
            and not is_beside(octets, names)
        ):
            thing.kinds[Kind.UNREADABLE] = "its name says that it is an archive, and nobody here can read it as one"
        if lie := type_lie(thing.type, of_content(thing, signature), names, declared):
            thing.kinds.setdefault(Kind.TYPE_LIES, lie)

    def _open(self, octets: Octets, thing: Thing, signature: Signature, depth: int) -> None:
        """Look into what holds others; what can't be read, or is beyond the bounds, is said of it."""
        try:
            self._deepen(depth)
            _OPENERS.get(signature.type, _Walk.archive)(self, octets, thing, depth)
        except _Spent as spent:
            thing.kinds[Kind.UNREADABLE] = str(spent)
        except archives.Unreadable as error:
            kind = Kind.ENCRYPTED if error.encrypted else Kind.UNREADABLE
            thing.kinds.setdefault(kind, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a hostile file makes a reader do, there is an answer
            thing.kinds[Kind.UNREADABLE] = f"it is corrupt ({type(error).__name__})"

    def _deepen(self, depth: int) -> None:
        """Allow one more level. Raises _Spent."""
        if depth >= self.limits.depth:
            raise _Spent(f"it lies more than {self.limits.depth} levels deep")

    def count(self, size: int = 0) -> None:
        """Count one entry, which says that it unpacks to ``size`` octets. Raises _Spent."""
        self.entries += 1
        self.declared += max(0, size)
        if self.entries > self.limits.entries:
            raise _Spent(f"it has more than {self.limits.entries} entries")
        if self.declared > self.most:
            raise _Spent(f"it says that it unpacks to {self.declared} octets or more")
        self.tick()

    def tick(self, octets: int = 0) -> None:
        """Count octets that were unpacked. Raises _Spent."""
        self.unpacked += octets
        if self.unpacked > self.limits.unpacked:
            raise _Spent(f"it unpacks to more than {self.limits.unpacked} octets")
        if time.process_time() > self.until:
            raise _Spent("it takes too long to read")

    def within(self, thing: Thing, names: tuple[str, ...], fetch: Callable[[int], bytes], depth: int) -> None:
        """Look at one entry of a thing. ``fetch`` gives up to so many octets of it, from its start."""
        inside = (*thing.inside, called(thing))
        head = fetch(_PEEK)
        self.tick(len(head))
        signature = known(head, names)
        if signature.type not in _PLAIN and len(head) == _PEEK and not signature.opens and signature.kind is None:
            head = fetch(PREFIX)
            self.tick(len(head))
            signature = known(head, names)
        if signature.opens or (head and is_called_archive(names)):
            whole = fetch(self.limits.nested + 1)
            self.tick(len(whole))
            if len(whole) <= self.limits.nested:
                self.look(whole, names, inside, depth + 1)
                return
            kinds = {Kind.UNREADABLE: f"it unpacks to more than {self.limits.nested} octets"}
        else:
            kinds = {}
        self.note(names, inside, signature if head else None, kinds)

    def note(
        self, names: tuple[str, ...], inside: tuple[str, ...], signature: Signature | None, kinds: dict[Kind, str]
    ) -> None:
        """Note one thing that holds no others; ``signature`` is None where its content was not looked at."""
        kinds = by_names(names) | kinds
        kind = signature.kind if signature is not None else None
        if signature is not None and kind is not None:
            kinds.setdefault(kind, f"by its content, {signature.type}")
        if signature is not None and (lie := type_lie(signature.type, kind, names)):
            kinds[Kind.TYPE_LIES] = lie
        if len(self.things) > NAMED * 20 and not kinds:
            self.more += 1
            return
        self.things.append(Thing(names, inside, signature.type if signature is not None else "", kinds))

    # What each type of archive or document needs.

    def zip(self, octets: Octets, thing: Thing, depth: int) -> None:
        """Look into a zip archive, or what is made of one."""
        archive = zips.read(octets, self.limits.entries)
        lowered = {member.names[0].lower() for member in archive.members}
        document = documents.zip_type(lowered) or mimetype(octets, archive)
        thing.type = document or thing.type
        if document.endswith(("java-archive", "package-archive")):
            thing.kinds.setdefault(Kind.EXECUTABLE, f"by its content, {document}")
        if archive.odd:
            thing.kinds[Kind.NAME_LIES] = archive.odd
        if archive.broken:
            thing.kinds[Kind.UNREADABLE] = archive.broken
        done = 0
        try:
            for member in archive.members:
                self.count(member.size)
                self._member(octets, member, thing, document, depth)
                done += 1
        except _Spent:
            for member in archive.members[done:]:
                self.note(member.names, (*thing.inside, called(thing)), None, {})
            raise

    def _member(self, octets: Octets, member: zips.Member, thing: Thing, document: str, depth: int) -> None:
        """Look at one entry of a zip archive; of a document's own parts only at those that matter."""
        if member.folder:
            return
        if member.encrypted:
            thing.kinds.setdefault(Kind.ENCRYPTED, f"{shown(member.names[0])} is encrypted")
            self.note(member.names, (*thing.inside, called(thing)), None, {})
            return

        if member.method not in _SCANNED_METHODS:
            thing.kinds.setdefault(Kind.UNREADABLE, f"{shown(member.names[0])} is packed as no virus scanner knows it")

        def fetch(limit: int) -> bytes:
            return zips.unpacked(octets, member, limit) or b""

        name = member.names[0].lower()
        if document:
            if documents.holds_macros(name, document):
                thing.kinds.setdefault(Kind.MACROS, f"{shown(member.names[0])} holds macros")
            elif name.endswith(".rels") or name in _TELLING:
                read_part(name, fetch(_RELATIONSHIPS), thing)
            elif (document, extension(name)) not in _OWN_SCRIPTS and (by_names(member.names) or matters(fetch(_PEEK))):
                self.within(thing, member.names, fetch, depth)
            return
        self.within(thing, member.names, fetch, depth)

    def archive(self, octets: Octets, thing: Thing, depth: int) -> None:
        """Look into an archive that libarchive reads: at the names first, for content may be beyond it."""
        reader = archives.READERS.get(thing.type)
        if reader is None:
            raise archives.Unreadable(f"{thing.type} can't be read")
        self._archived(octets, thing, reader, depth)

    def _archived(self, octets: Octets, thing: Thing, reader: tuple[tuple[str, ...], str], depth: int) -> None:
        """Look into an archive with one of libarchive's readers, at the headers first where they stand together."""
        if reader[0] in _STREAMED:
            for entry, blocks in archives.contents(octets, *reader):
                self.count(entry.size)
                if not entry.folder:
                    self.within(thing, (entry.name,), _fetching(blocks, self.tick), depth)
            return
        entries = self._listed(octets, thing, reader)
        done = 0
        try:
            for entry, blocks in archives.contents(octets, *reader) if entries else ():
                if not entry.folder:
                    done += 1
                    self.within(thing, (entry.name,), _fetching(blocks, self.tick), depth)
        except archives.Unreadable as error:
            # The name of what could not be unpacked counts; that it could not be unpacked, where it may hide something.
            left = entries[max(0, done - 1) :]
            self._names_only(left, thing)
            if any(is_called_archive((entry.name,)) for entry in left):
                thing.kinds.setdefault(Kind.ENCRYPTED if error.encrypted else Kind.UNREADABLE, str(error))
        except _Spent:
            self._names_only(entries[done:], thing)
            raise

    def _listed(self, octets: Octets, thing: Thing, reader: tuple[tuple[str, ...], str]) -> list[archives.Entry]:
        """Give the files in an archive by its headers; none where they are encrypted, and only their names count."""
        entries = []
        try:
            for entry in archives.listed(octets, *reader):
                self.count(entry.size)
                if entry.encrypted:
                    thing.kinds.setdefault(Kind.ENCRYPTED, f"{shown(entry.name)} is encrypted")
                if not entry.folder:
                    entries.append(entry)
        except (_Spent, archives.Unreadable):
            self._names_only(entries, thing)
            raise
        if any(entry.encrypted for entry in entries):
            self._names_only(entries, thing)
            return []
        return entries

    def _names_only(self, entries: Iterable[archives.Entry], thing: Thing) -> None:
        """Note entries whose content is not looked at."""
        inside = (*thing.inside, called(thing))
        for each in entries:
            self.note((each.name,), inside, None, {})

    def compressed(self, octets: Octets, thing: Thing, depth: int) -> None:
        """Look into a compressed stream: one thing, or an archive."""
        filter_name = archives.FILTERS[thing.type]
        if filter_name in _UNSCANNED:
            thing.kinds.setdefault(Kind.UNREADABLE, f"the virus scanner does not look into {thing.type}")
        gzipped = gzips.Stream(octets) if filter_name == "gzip" else None
        blocks = gzipped.blocks() if gzipped is not None else archives.stream(octets, filter_name)
        fetch = _fetching(blocks, self.tick)
        head = fetch(PREFIX)
        if content_type(head) == TAR:
            self._archived(octets, thing, (("tar",), filter_name), depth)
            return
        self.count()
        own = gzipped.names if gzipped is not None else []
        self.within(thing, tuple(dict.fromkeys((*stems(thing.names), *own))), fetch, depth)
        if gzipped is not None and gzipped.broken:
            thing.kinds.setdefault(Kind.UNREADABLE, "it is cut off, or corrupt")

    def tar(self, octets: Octets, thing: Thing, depth: int) -> None:
        """Look into a tar archive."""
        self._archived(octets, thing, (("tar",), "none"), depth)

    def iso(self, octets: Octets, thing: Thing, depth: int) -> None:
        """Look into an image of a disk, as far as libarchive can."""
        self._archived(octets, thing, archives.READERS[ISO.type], depth)

    def tnef(self, octets: Octets, thing: Thing, depth: int) -> None:
        """Look into winmail.dat."""
        for each in tnef.attachments(octets[:]):
            self._held(thing, tuple(dict.fromkeys(each.names)), each.data, depth)

    def message(self, octets: Octets, thing: Thing, depth: int) -> None:
        """Look into a message that lies in something else."""
        raw = octets[:]
        for each in attachments(raw, dissect(raw)):
            self._held(thing, each.part.names, whole(each.blocks(raw), self.limits.nested + 1), depth)

    def signed(self, octets: Octets, thing: Thing, depth: int) -> None:
        """Look into the message that an opaque signature is about."""
        if inner := cms.content(octets[:]):
            self.message(inner, thing, depth)

    def document(self, read: Callable[[Octets], documents.Report], octets: Octets, thing: Thing, depth: int) -> None:
        """Look into a document."""
        report = read(octets)
        thing.type = report.type or thing.type
        thing.kinds.update({kind: detail for kind, detail in report.kinds.items() if kind not in thing.kinds})
        for each in report.held:
            self._held(thing, each.names, each.data, depth)

    def _held(self, thing: Thing, names: tuple[str, ...], data: bytes, depth: int) -> None:
        """Look at one thing that a document or a message holds."""
        self.count(len(data))
        self.within(thing, names, lambda limit: data[:limit], depth)


def _reading(read: Callable[[Octets], documents.Report]) -> Callable[[_Walk, Octets, Thing, int], None]:
    """Give what looks into a document with one of the readers of documents."""
    return lambda walk, octets, thing, depth: walk.document(read, octets, thing, depth)


_OPENERS: dict[str, Callable[[_Walk, Octets, Thing, int], None]] = {
    ZIP.type: _Walk.zip,
    TAR.type: _Walk.tar,
    ISO.type: _Walk.iso,
    TNEF.type: _Walk.tnef,
    MESSAGE.type: _Walk.message,
    CMS.type: _Walk.signed,
    **dict.fromkeys(archives.FILTERS, _Walk.compressed),
    OLE.type: _reading(documents.ole),
    PDF.type: _reading(documents.pdf),
    RTF.type: _reading(documents.rtf),
    ONENOTE.type: _reading(documents.onenote),
}
_UNSCANNED = frozenset({"lzma", "lzip", "zstd", "lz4", "compress"})  # ClamAV's documentation does not name them
_SCANNED_METHODS = frozenset({0, 8, 9, 12})  # stored, deflated, the same with 64 KiB, bzip2
_PLAIN = frozenset({TEXT, "image/jpeg", "image/png", "image/gif"})
_STREAMED = frozenset({("tar",), ("cpio",), ("ar",)})
_TELLING = frozenset({"[content_types].xml", "meta-inf/manifest.xml"})
_OWN_SCRIPTS = frozenset({("application/epub+zip", "js"), ("application/java-archive", "class")})


def _fetching(blocks: Iterator[bytes], tick: Callable[[int], None]) -> Callable[[int], bytes]:
    """Give what takes so many octets from the start of blocks that can be taken only once."""
    kept = bytearray()

    def fetch(limit: int) -> bytes:
        while len(kept) < limit:
            block = next(blocks, b"")
            if not block:
                break
            kept.extend(block)
            tick(0)
        return bytes(kept[:limit])

    return fetch
