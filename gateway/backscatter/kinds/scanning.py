"""A light scanner over the octets of a message: the headers that tell of automatic mail, and text of its leading parts.

It does not build a tree and does not look at everything: headers up to HEAD octets, PARTS leading parts, TEXT octets
of each. It never raises. What it does not see is not evidence.
"""

import re
from collections.abc import Iterator

import msgspec

from gateway.backscatter.kinds.decoding import body_text, header_text
from gateway.mail.message import blank_line

HEAD = 65536  # octets of the header section
REACH = 262144  # octets of the whole message
PARTS = 12  # parts, nested ones included
TEXT = 8192  # octets of one part's text
NOTICE = 5000  # characters of the notice that are searched
STATUS = 8192  # octets of a delivery status
_LONG = 4000  # octets of one header
_PART_HEAD = 4096  # octets of a part's headers
_DEPTH = 4  # multiparts inside each other
_TEXTS = 3  # parts whose text is read
_SHORT = 30  # characters that are no notice yet

WANTED = frozenset(
    b"""
    from sender reply-to to subject return-path delivered-to content-type content-transfer-encoding content-disposition
    in-reply-to references auto-submitted precedence x-precedence user-agent x-mailer x-failed-recipients
    list-id list-post x-mailing-list mailing-list list-unsubscribe feedback-id x-campaign x-campaignid
    x-autoreply x-auto-reply x-autorespond x-autoresponder x-autoreply-from x-auto-reply-from x-mail-autoreply
    x-auto-response x-vacation x-fc-machinegenerated x-yahoo-autoresponse x-autoreply-type x-post-messageclass
    x-ms-exchange-generated-message-source x-ms-embedded-report x-ms-exchange-message-is-ndr
    x-boxtrapper x-bluebottle-request x-askversion x-ask-info x-tmda-confirm x-choicemail-registration-request
    x-spamarrest-noauth x-challenge spamlion x-exispam x-spamazoid-md x-antispam-challenge
    tls-report-domain x-hmxmroriginalrecipient
    rt-ticket managed-by x-otrs-loop x-rt-loop-prevention x-jira-fingerprint x-github-reason x-gitlab-project
    x-zendesk-priority x-bugzilla-reason x-cron-env x-redmine-host x-launchpad-message-rationale
    x-debian-pr-message x-trac-version x-roundup-name
    """.split()
)
# One pass over all fields, in C; what is possessive can't be tried twice.
_FIELD = re.compile(rb"\n([A-Za-z][A-Za-z0-9-]{1,43}):([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_CHARSET = re.compile(r'charset\s*=\s*"?([^\s;"]{1,40})', re.IGNORECASE)
_NAME = re.compile(r'name\s*=\s*"?([^";]{1,200})')
_STATUSES = frozenset(
    (
        "message/delivery-status",
        "message/global-delivery-status",
        "message/disposition-notification",
        "message/feedback-report",
    )
)
_ORIGINALS = frozenset(
    ("message/rfc822", "text/rfc822-headers", "message/partial", "message/global", "message/global-headers")
)
_REPORT = re.compile(r'report-type\s*=\s*"?([\w.+-]{1,60})', re.IGNORECASE)
_ORIGINAL = re.compile(
    r"^[>|\t ]*(?:received:[ \t]|return-path:[ \t]|message-id:[ \t]|mime-version:[ \t]*1|dkim-signature:"
    r"|x-[a-z-]{2,30}:[ \t]|content-type:[ \t]*(?:text|multipart)/|content-transfer-encoding:|from:[ \t][^\n]*@"
    r"|date:[ \t]+(?:mon|tue|wed|thu|fri|sat|sun),)",
    re.MULTILINE,
)


class Part(msgspec.Struct, frozen=True):
    """A leading part: its Content-Type in lower case, its headers, and where its body begins and ends.

    ``kind`` is the content type without parameters.
    """

    value: str
    kind: str
    headers: dict[bytes, bytes]
    start: int
    end: int
    depth: int

    @property
    def size(self) -> int:
        """Octets of its body."""
        return max(0, self.end - self.start)

    @property
    def is_text(self) -> bool:
        """Whether people read it. A whole message of an unknown type counts, so does a multipart without parts."""
        kind = self.kind
        if kind.startswith("multipart/"):
            return not _BOUNDARY.search(self.value)
        return kind.startswith("text/") or "/" not in kind or (self.depth == 0 and not kind.startswith("application"))


def _part(value: str, headers: dict[bytes, bytes], start: int, end: int, depth: int) -> Part:
    """Make a part; one without a type is text."""
    return Part(value, value.partition(";")[0].strip() or "text/plain", headers, start, end, depth)


class Scanned(msgspec.Struct):
    """What the scanner found. ``headers`` holds the first value of each wanted header, as octets."""

    raw: bytes
    headers: dict[bytes, bytes]
    body: int

    def text(self, name: bytes) -> str:
        """Give a header as lower-case text, empty where it is missing."""
        value = self.headers.get(name)
        return header_text(value[:2000]) if value else ""


def scan_headers(raw: bytes) -> Scanned:
    """Read the header section."""
    if raw.find(b"\n", 0, 4096) < 0 and b"\r" in raw[:4096]:
        raw = raw[:REACH].replace(b"\r", b"\n")  # a file with the line ends of an old Macintosh
    if raw[:5] == b"From " or raw[:6] == b">From ":
        raw = raw[raw.find(b"\n") + 1 :]  # the separator line of an mbox
    headers, end = _headers(raw, 0, HEAD)
    return Scanned(raw, headers, end)


def _headers(raw: bytes, start: int, limit: int) -> tuple[dict[bytes, bytes], int]:
    """Read headers from ``start`` on; gives them, and where the body begins."""
    stop = min(len(raw), start + limit)
    if raw[start : start + 1] == b"\n" or raw[start : start + 2] == b"\r\n":
        return {}, start + (1 if raw[start : start + 1] == b"\n" else 2)
    end, body = blank_line(raw, start, stop) or (stop, stop)
    headers: dict[bytes, bytes] = {}
    for named, value in _FIELD.findall(b"\n" + raw[start:end]):
        name = named.lower()
        if name in WANTED and name not in headers:
            headers[name] = value[:_LONG].replace(b"\n", b"")
    return headers, body


class Leading(msgspec.Struct):
    """The leading parts of a message, and what was read of them.

    ``text`` is the text that a person wrote, or a program for a person, with the original that it quotes cut off;
    ``quotes`` says whether an original was quoted; ``status`` is the first delivery status, in lower case.
    """

    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    report_type: str = ""
    text: str = ""
    status: str = ""
    quotes: bool = False


def scan_leading(scanned: Scanned) -> Leading:
    """Read the leading parts."""
    found = Leading()
    if report := _REPORT.search(scanned.text(b"content-type")):
        found.report_type = report[1]
    texts: list[str] = []
    for part in _walk(scanned):
        found.types = (*found.types, part.kind)
        said = part.value
        if disposition := part.headers.get(b"content-disposition"):
            said = f"{said};{header_text(disposition[:500])}"
        if "name" in said and (named := _NAME.search(said)):
            found.names = (*found.names, named[1])
        if part.kind in _STATUSES:
            found.status = (
                found.status or scanned.raw[part.start : part.start + STATUS][: part.size].decode("latin-1").lower()
            )
        elif part.kind in _ORIGINALS:
            found.quotes = True
        elif part.is_text and len(texts) < _TEXTS:
            texts.append(_text(scanned.raw, part))
    notice, quoted = _notice("\n".join(texts).lower())
    found.quotes = found.quotes or quoted
    found.text = " ".join(notice[:NOTICE].split())
    return found


def _walk(scanned: Scanned) -> Iterator[Part]:
    """Give the leading parts in order, multiparts before what they hold; at most PARTS of them."""
    end = min(len(scanned.raw), scanned.body + REACH)
    work = [_part(scanned.text(b"content-type"), scanned.headers, scanned.body, end, 0)]
    for _ in range(PARTS):
        if not work:
            return
        part = work.pop(0)
        yield part
        # The boundary is taken from the octets: its case matters.
        original = part.headers.get(b"content-type", b"")[:2000].decode("latin-1")
        if part.kind.startswith("multipart/") and part.depth < _DEPTH and (mark := _BOUNDARY.search(original)):
            work[0:0] = _parts(scanned.raw, (mark[1] or mark[2]).strip().encode("latin-1"), part)


def _text(raw: bytes, part: Part) -> str:
    """Give the text of a part."""
    charset = _CHARSET.search(part.value)
    encoding = header_text(part.headers.get(b"content-transfer-encoding", b"")[:60])
    octets = raw[part.start : min(part.end, part.start + TEXT)]
    return body_text(octets, encoding, charset[1] if charset else "", is_html=part.kind == "text/html")


def _parts(raw: bytes, boundary: bytes, outer: Part) -> list[Part]:
    """Find the parts inside a multipart, at most PARTS of them."""
    mark = b"--" + boundary
    parts: list[Part] = []
    at = raw.find(mark, outer.start, outer.end)
    while at >= 0 and len(parts) < PARTS:
        line = raw.find(b"\n", at, outer.end)
        if line < 0 or raw[at + len(mark) : at + len(mark) + 2] == b"--":
            break
        following = raw.find(b"\n" + mark, line, outer.end)
        stop = outer.end if following < 0 else following
        headers, body = _headers(raw, line + 1, min(_PART_HEAD, stop - line - 1))
        value = header_text(headers.get(b"content-type", b"")[:2000])
        parts.append(_part(value, headers, body, stop, outer.depth + 1))
        at = following + 1 if following >= 0 else -1
    return parts


def _notice(text: str) -> tuple[str, bool]:
    """Cut the quoted original off; gives what stands before it, and whether there was one."""
    found = _ORIGINAL.search(text)
    if not found:
        return text, False
    # An original that stands first is no original that is quoted: keep all.
    if len(text[: found.start()].strip()) < _SHORT:
        return text, True
    return text[: found.start()], True
