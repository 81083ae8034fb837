"""An SMTP reply: code, enhanced status code (RFC 3463) and text.

A reply is the only way in which trouble is told to anybody, so it is a value that decisions carry.
"""

import re

import msgspec

_REFUSED_FOR_NOW = 400  # RFC 5321 4.2.1: the first digit tells
_REFUSED = 500
_UNSAFE = re.compile(r"[^\x20-\x7e]+")


class Reply(msgspec.Struct, frozen=True):
    """One reply line. ``code`` is 200..599, ``enhanced`` is ``class.subject.detail``."""

    code: int
    enhanced: str
    text: str

    def __str__(self) -> str:
        """Give the line as it goes over the wire, without CRLF."""
        return f"{self.code} {self.enhanced} {self.text}"

    def wire(self) -> bytes:
        """Give the octets of the line, CRLF included; anything but printable ASCII becomes a blank."""
        return _UNSAFE.sub(" ", f"{self.code} {self.enhanced} {self.text}").encode("ascii") + b"\r\n"

    @property
    def positive(self) -> bool:
        """Whether the command was accepted (2xx and 3xx)."""
        return self.code < _REFUSED_FOR_NOW

    @property
    def temporary(self) -> bool:
        """Whether the client should try again later (4xx)."""
        return _REFUSED_FOR_NOW <= self.code < _REFUSED

    @property
    def permanent(self) -> bool:
        """Whether the client must not try again (5xx)."""
        return self.code >= _REFUSED
