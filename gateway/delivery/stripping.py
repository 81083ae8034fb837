"""Takes attachments out of a message: a note stands in the place of each, and all else stays octet for octet.

Only where nobody can disagree on what an attachment is: a message whose MIME is broken, that is signed or encrypted, or
that has the attachment in another message is left alone, with the reason. What is large goes from file to file.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gateway.mail.findings import Finding
from gateway.mail.message import BLOCK, Content
from gateway.mail.stripped import Taken
from gateway.mime.words import Anatomy, Part

MAX_TAKEN = 100  # parts of one message
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069]+")
_MAX_WORDS = 200  # characters of a name or reason in a note
_KIB = 1024
_SEALED = {
    "multipart/signed": "signed",
    "multipart/encrypted": "encrypted",
    "application/pkcs7-mime": "signed or encrypted",
    "application/x-pkcs7-mime": "signed or encrypted",
    "application/pgp-encrypted": "encrypted",
}


class NotStrippableError(Exception):
    """An attachment can't be taken out safely. The text says why."""


def plan(anatomy: Anatomy, findings: Sequence[Finding], octet: Callable[[int, int], bytes]) -> tuple[Taken, ...]:
    """Give what is to be taken out: the parts that the findings name, in their order. Raises NotStrippableError.

    ``octet`` gives the octets of the message from one place to another.
    """
    if anatomy.broken:
        why = anatomy.cut or next(each.detail or each.symbol for each in anatomy.oddities if each.hides or each.points)
        raise NotStrippableError(f"its MIME is broken ({why})")
    if not findings:
        raise NotStrippableError("no finding names a part")
    by_path: dict[str, Part] = {}
    for part in anatomy.parts:
        if by_path.setdefault(part.path, part) is not part:
            raise NotStrippableError(f"part {part.path} can be read in two ways")
    wanted = {each.facts.get("part", ""): each for each in reversed(findings)}
    found = [_taken(by_path, path, wanted[path]) for path in sorted(wanted) if not _inside(path, wanted)]
    if len(found) > MAX_TAKEN:
        raise NotStrippableError(f"more than {MAX_TAKEN} attachments would be taken out")
    found.sort(key=lambda each: each.start)
    if any(octet(each.start - 1, each.start) != b"\n" for each in found):
        raise NotStrippableError("a part does not begin behind a line end")
    return tuple(found)


def stripped(content: Content, taken: Sequence[Taken], node: str, id: str, path: Path) -> Content:  # noqa: A002 - the trace's word
    """Give the message with notes in place of what is taken out. Blocks. Raises OSError.

    ``node`` and ``id`` tell in the notes where the whole message is. What was in memory stays there; a file's result is
    written to ``path``, which is the caller's to remove.
    """
    pieces = _pieces(content, taken, node, id)
    checksum = hashlib.sha256()
    if content.memory is not None:
        memory = b"".join(pieces)
        checksum.update(memory)
        return Content(len(memory), checksum.hexdigest(), content.head, content.line_ends, memory=memory)
    size = 0
    with path.open("xb") as file:
        for piece in pieces:
            file.write(piece)
            checksum.update(piece)
            size += len(piece)
    return Content(size, checksum.hexdigest(), content.head, content.line_ends, path=path)


def note(taken: Taken, node: str, id: str) -> bytes:  # noqa: A002 - the trace's word
    """Give the part that stands for one that was taken out: its header section, a blank line, and words."""
    lines = [
        f"An attachment was taken out here by the mail gateway {node}.",
        "",
        f"  name:    {_plain(taken.name) or '(none)'}",
        f"  type:    {_plain(taken.type) or '(none)'}",
        f"  size:    about {_size(taken.octets)}",
        f"  because: {_plain(taken.why)}",
        "",
        "The whole message is kept at the gateway. If you need the attachment,",
        "ask your administrator for the message with the id",
        "",
        f"  {id}",
    ]
    text = "\r\n".join(lines)
    fields = "Content-Disposition: inline\r\n"
    if text.isascii():
        return f"Content-Type: text/plain; charset=us-ascii\r\n{fields}\r\n{text}".encode()
    encoded = base64.encodebytes(f"{text}\r\n".encode()).rstrip().replace(b"\n", b"\r\n")
    fields += "Content-Transfer-Encoding: base64\r\n"
    return f"Content-Type: text/plain; charset=utf-8\r\n{fields}\r\n".encode() + encoded


def _taken(parts: dict[str, Part], path: str, finding: Finding) -> Taken:
    """Give what is taken out for a finding. Raises NotStrippableError."""
    part = parts.get(path)
    if part is None:
        raise NotStrippableError("a finding names no part of the message")
    if part.within is not None:
        raise NotStrippableError("the attachment is in a message that was itself encoded")
    if "." not in path:
        raise NotStrippableError("the attachment is the whole message")
    above = path
    while above:
        for kind in parts[above].types if above in parts else ():
            if word := _SEALED.get(kind):
                raise NotStrippableError(f"the message is {word}")
            if kind.startswith("message/") and above != path:
                raise NotStrippableError("the attachment is in an attached message")
        above = above.rpartition(".")[0]
    name = finding.facts.get("names", "").partition("\n")[0] or next(iter(part.names), "")
    kind = finding.facts.get("type") or part.types[0]
    kind_of = finding.symbol.removeprefix("ATTACHMENT_").replace("_", " ").lower()  # for people, who know no symbols
    why = f"{kind_of} ({finding.detail})" if finding.detail else kind_of
    if finding.informs:
        why = "such attachments are not let in here"
    octets = part.body[1] - part.body[0]
    return Taken(path, part.head[0], part.body[1], name, kind, _decoded(octets, part), why)


def _inside(path: str, others: dict[str, Finding]) -> bool:
    """Whether a part lies in another one that is taken out as a whole."""
    above = path.rpartition(".")[0]
    while above:
        if above in others:
            return True
        above = above.rpartition(".")[0]
    return False


def _decoded(octets: int, part: Part) -> int:
    """Estimate the size of an attachment from that of its encoding: 76 letters of base64 are 57 octets."""
    return octets * 57 // 78 if part.encodings and part.encodings[0] == "base64" else octets


def _pieces(content: Content, taken: Sequence[Taken], node: str, id: str) -> Iterator[bytes]:  # noqa: A002 - the trace's word
    """Give the message piece by piece, notes instead of what is taken out."""
    at = 0
    for each in taken:
        yield from _span(content, at, each.start)
        yield note(each, node, id)
        at = each.stop
    yield from _span(content, at, content.size)


def _span(content: Content, start: int, stop: int) -> Iterator[bytes]:
    """Give some octets of a content, in blocks."""
    if content.memory is not None:
        yield content.memory[start:stop]
    elif content.path is not None:
        with content.path.open("rb") as file:
            file.seek(start)
            while start < stop and (block := file.read(min(BLOCK, stop - start))):
                start += len(block)
                yield block


def _plain(text: str) -> str:
    """Give what a stranger wrote, fit for one line of a note."""
    return _CONTROL.sub("?", text)[:_MAX_WORDS].strip()


def _size(octets: int) -> str:
    """Give a size as people read it."""
    if octets < _KIB:
        return f"{octets} octets"
    return f"{octets / _KIB:.0f} KiB" if octets < _KIB * _KIB else f"{octets / _KIB / _KIB:.1f} MiB"
