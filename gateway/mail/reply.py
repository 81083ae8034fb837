"""An SMTP reply: code, enhanced status code (RFC 3463) and text.

A reply is the only way in which trouble is told to anybody, so it is a value that decisions carry.
"""

import re

import msgspec

_REFUSED_FOR_NOW = 400  # RFC 5321 4.2.1: the first digit tells
_REFUSED = 500
_UNSAFE = re.compile(r"[^\x20-\x7e]+")
_LATER = 451  # RFC 5321 4.2.2: "requested action aborted", which fits every command
# What is closest to a 5xx: no mailbox, no storage, parameters, the message (RFC 5321 4.2.3). AUTH alone gives 504, 535
# and 538 (RFC 4954 4 and 6): no message hangs on them, so that nothing can bounce, and a person has to hear of a wrong
# password. They stay.
_FOR_NOW = {550: 450, 551: 450, 553: 450, 552: 452, 555: 455, 504: 504, 535: 535, 538: 538}


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

    def for_now(self) -> "Reply":
        """Give a 5xx as the 4xx that is closest to it, with subject, detail and text as they were; all else as it is.

        What only AUTH gives stays, for no message hangs on it.
        """
        if not self.permanent or (code := _FOR_NOW.get(self.code, _LATER)) == self.code:
            return self
        return Reply(code, f"4{self.enhanced[1:]}", self.text)

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
