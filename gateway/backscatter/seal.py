"""The seal: a header field with a keyed MAC, which proves without any memory that a user of ours sent a message.

It covers Message-ID, Date, envelope sender and the time of sending, and comes back in nearly every bounce, in the
quoted headers. Those get refolded, put into another case and quoted with ``>``: none of it matters here, since white
space, case and marks of quotation are left out of what is signed, and the value is one word of hex digits and dashes.

Pure. What stands in a message is nobody's word: only ``verify`` tells, and its work is bounded by its caller's.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator

import msgspec

from gateway.backscatter.batv import original_of

HEADER = "X-Backstop-Seal"

_SECONDS_A_DAY = 86400
_MOST = 16  # candidates looked at; a message has one, a forger may write any number
_NOISE = re.compile(r"[\s<>|\x00]+")
_VALUE = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{32})")
_GAP = rb"[\s>|=]{0,40}"  # a fold, with marks of quotation; "=" where quoted-printable broke the line
_FIELD = re.compile(rb"x-backstop-seal" + _GAP + rb":" + _GAP + rb"([0-9a-f][0-9a-f\s>|=-]{42,120})", re.IGNORECASE)
_NOT_VALUE = re.compile(rb"[^0-9a-f-]+")


class Sealed(msgspec.Struct, frozen=True):
    """What a seal that holds says: when the message was sent, in whole seconds since the epoch."""

    sent: int

    def age(self, now: float) -> float:
        """Give the age in days; ``now`` is seconds since the epoch."""
        return (now - self.sent) / _SECONDS_A_DAY


def make(secret: bytes, *, message_id: str, date: str, sender: str, now: float) -> str:
    """Give the value of the field. ``sender`` is the envelope sender; its tag, if it has one, is left out."""
    sent = f"{int(now) & 0xFFFFFFFF:08x}"
    return f"1-{sent}-{_mac(secret, sent, message_id, date, sender)}"


def find(text: bytes) -> Iterator[str]:
    """Give the values of seals in a text, in whatever form they are quoted, at most 16 different ones."""
    seen: set[str] = set()
    for match in _FIELD.finditer(text):
        word = _NOT_VALUE.sub(b"", match[1].lower())
        value = word[:43].decode("ascii")
        if value not in seen and _VALUE.fullmatch(value):
            seen.add(value)
            yield value
            if len(seen) == _MOST:
                return


def verify(value: str, secret: bytes, *, message_id: str, date: str, sender: str) -> Sealed | None:
    """Give what a seal says where it holds for these, else None. Without a secret none holds."""
    match = _VALUE.fullmatch(_NOISE.sub("", value).lower())
    if match is None or not secret:
        return None
    sent, mac = match.groups()
    if not hmac.compare_digest(mac, _mac(secret, sent, message_id, date, sender)):
        return None
    return Sealed(int(sent, 16))


def _mac(secret: bytes, sent: str, message_id: str, date: str, sender: str) -> str:
    """Give the MAC: 128 bits of HMAC-SHA256, in hex. Each part is set off by its end, which none can contain."""
    parts = ("1", sent, *(_NOISE.sub("", part).lower() for part in (message_id, date, original_of(sender))))
    return hmac.new(secret, "\0".join(parts).encode("utf-8", "backslashreplace"), hashlib.sha256).hexdigest()[:32]
