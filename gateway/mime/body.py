"""Is the base64 of a part what everybody decodes alike? Pure; linear."""

from gateway.mime.decoding import BLOCK, Raw
from gateway.mime.saying import Odd
from gateway.mime.words import Grade

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"


def odd_base64(raw: Raw, start: int, stop: int) -> tuple[tuple[str, ...], Odd | None]:
    """Give the encodings that other readers undo besides ``base64``, and what is odd, the worst of it."""
    more: list[str] = []
    odd: Odd | None = None
    padding = raw.find(b"=", start, stop)
    if padding >= 0 and raw[padding : min(stop, padding + 256)].strip(b"= \t\r\n"):
        more.append("base64-first")
        odd = Odd("MIME_ENCODING", "base64 goes on behind its padding", Grade.SOFT)
    lines_differ = False
    junk = b""
    for at in range(start, stop, BLOCK):
        block = raw[at : min(at + BLOCK, stop)]
        junk = junk or block.translate(None, _BASE64)[:200]
        lines_differ = lines_differ or _lines_differ(block)
    if junk:
        more += ["base64-stop", "base64-lines"]
        if b"-" in junk or b"_" in junk:
            more.append("base64-url")
        odd = Odd("MIME_ENCODING", "base64 has characters in it that are none", Grade.SOFT)
    elif lines_differ:
        more.append("base64-lines")
        odd = odd or Odd("MIME_ENCODING", "lines of base64 are no multiple of four", Grade.PLAIN)
    return tuple(dict.fromkeys(more)), odd


def _lines_differ(block: bytes) -> bool:
    """Whether a line, but for the first and last, is no whole number of groups."""
    block = block.rstrip()
    first = block.find(b"\n")
    length = block.find(b"\n", first + 1) - first
    if first < 0 or length <= 0:
        return False
    ends = block[first::length]
    if len(ends) == block.count(b"\n") and not ends.strip(b"\n"):  # every line is as long as the second
        return (length - 1 - (block[first + length - 1 : first + length] == b"\r")) % 4 != 0
    lengths = {len(line.rstrip(b"\r \t")) for line in block.split(b"\n")[1:-1]} - {0}
    return any(each % 4 for each in lengths)
