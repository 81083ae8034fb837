"""Letters that can be told apart, and that tell whoever gets them whether they came whole.

One is made anew from its number each time, octet by octet the same: a mail server that tries again sends what it sent.
"""

import email.utils
import hashlib
import itertools
import re
from dataclasses import dataclass

SMALL, MIDDLE, LARGE = 1_000, 20_000, 300_000  # octets of a body
_DIGEST = "X-Load-Digest"
_ID = re.compile(rb"^Message-ID:[ \t]*<([^>\r\n]+)>", re.IGNORECASE | re.MULTILINE)
_SUM = re.compile(rb"^X-Load-Digest:[ \t]*([0-9a-f]{64})", re.IGNORECASE | re.MULTILINE)
_WORDS = (
    *("harbour", "lantern", "minutes", "of the", "meeting", "orchard", "paper", "quarter", "report", "river"),
    *("schedule", "table", "umbrella", "village", "weather", "and", "with", "from", "about", "before"),
)
_BOUNDARY = "=_part"


@dataclass(frozen=True)
class Letter:
    """One message of a load. ``size`` is that of its body, about; ``doubtful`` ones have a script attached."""

    run: str
    number: int
    sender: str
    recipients: tuple[str, ...]
    written: float
    size: int = SMALL
    doubtful: bool = False

    @property
    def id(self) -> str:
        """What its Message-ID, subject and body name."""
        return f"{self.run}-{self.number}@sender.example"

    def content(self) -> bytes:
        """Give its octets, as a receiver is to have them."""
        body = self._body().encode()
        fields = {
            "From": f"A load of mail <{self.sender}>",
            "To": ", ".join(self.recipients),
            "Date": email.utils.formatdate(self.written),
            "Message-ID": f"<{self.id}>",
            "Subject": f"Letter {self.id}",
            "MIME-Version": "1.0",
            "Content-Type": f'multipart/mixed; boundary="{_BOUNDARY}"' if self.doubtful else _TEXT,
            "Content-Transfer-Encoding": "8bit",
            _DIGEST: hashlib.sha256(body).hexdigest(),
        }
        return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n" + body

    def _body(self) -> str:
        """Write the body: its id, words beyond ASCII, a line that begins with a dot, and words up to the size."""
        lines = [f"This is letter {self.id}.", "Grüße von außen", ".a dot stands in front"]
        words = itertools.islice(itertools.cycle(_WORDS), self.number % len(_WORDS), None)
        size = sum(map(len, lines))
        while size < self.size:
            lines.append(" ".join(itertools.islice(words, 9)))
            size += len(lines[-1]) + 2
        text = "\r\n".join(lines) + "\r\n"
        if not self.doubtful:
            return text
        text_part = f"--{_BOUNDARY}\r\nContent-Type: {_TEXT}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
        return f'{text_part}--{_BOUNDARY}\r\n{_SCRIPT}\r\nWScript.Echo "{self.number}"\r\n\r\n--{_BOUNDARY}--\r\n'


_TEXT = "text/plain; charset=utf-8"
_SCRIPT = 'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="form.vbs"\r\n'


def id_of(content: bytes) -> str:
    """Give the Message-ID of a message, without its brackets; empty where it has none."""
    found = _ID.search(_head(content))
    return found[1].decode("utf-8", "replace") if found else ""


def is_whole(content: bytes) -> bool:
    """Whether the body is what was sent; of mail that is no letter of a load nothing else can be said."""
    said = _SUM.search(_head(content))
    return said is None or hashlib.sha256(content.partition(b"\r\n\r\n")[2]).hexdigest().encode() == said[1]


def _head(content: bytes) -> bytes:
    return content.partition(b"\r\n\r\n")[0] + b"\r\n"
