"""Removes from a message's header section what only we may say. Pure; all else stays byte for byte.

A message that arrives with an Authentication-Results in our name, or with our X-Spam-* or X-Backstop-*, would be
believed by those behind us (RFC 8601 section 5).
"""

import re

from gateway.mail.message import HEAD_LIMIT, Content

# Bare CR and bare LF count as line ends: when they are mended on the way out, what follows them becomes a line.
_LINES = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_OURS = (b"x-spam-", b"x-backstop-")
_RESULTS = b"authentication-results"
_BLANK = (b" ", b"\t")
_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")
_AUTHSERV = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')
_ORPHAN = b"X-Backstop-Note: the message began with a continuation line, which follows\r\n"


def scrub(content: Content, authserv_id: str) -> tuple[bytes, int]:
    """Give what is to be sent in place of the first octets of the content, and how many those are.

    ``(b"", 0)`` where nothing is to be removed, which costs next to nothing. A message that begins with a continuation
    line gets a line of ours in front, for else it would continue, and so forge, the last field that we put there.
    """
    head = content.head if len(content.head) < HEAD_LIMIT else _whole_head(content.read())
    orphan = _ORPHAN if head.startswith(_BLANK) else b""
    lower = head.lower()
    if not (_RESULTS in lower or _OURS[0] in lower or _OURS[1] in lower):
        return orphan, 0
    # The head's last line end is always CRLF there; in a message of bare line ends it was shorter.
    start = content.read(len(head))
    if start != head:
        start = start[: len(head) - 1]
    kept = remove(start, authserv_id)
    return (orphan, 0) if kept == start else (orphan + kept, len(start))


def remove(head: bytes, authserv_id: str) -> bytes:
    """Give the header section without forged fields, their continuation lines included."""
    fields: list[bytes] = []
    for line in _LINES.findall(head):
        if line.startswith(_BLANK) and fields:
            fields[-1] += line
        elif line:
            fields.append(line)
    return b"".join(field for field in fields if not _forged(field, authserv_id))


def _forged(field: bytes, authserv_id: str) -> bool:
    """Whether only we may say this."""
    name, _, value = field.partition(b":")
    name = name.strip().lower()
    if name.startswith(_OURS):
        return True
    return name == _RESULTS and _claims(value.decode("utf-8", "replace"), authserv_id)


def _claims(value: str, authserv_id: str) -> bool:
    """Whether an Authentication-Results field says that it is ours, comments and quotes aside (RFC 8601 2.2)."""
    while (bare := _COMMENT.sub(" ", value)) != value:
        value = bare
    found = _AUTHSERV.match(value)
    if not found:
        return False
    named = re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]
    return named.strip().rstrip(".").lower() == authserv_id.rstrip(".").lower()


def _whole_head(data: bytes) -> bytes:
    """Give the header section of a message, with the line end of its last line, however long it is."""
    found = _END.search(data)
    return data[: found.start()] + b"\r\n" if found else data
