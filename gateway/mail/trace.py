"""The trace: the one record that a transaction leaves, from which log, headers, console and API read.

A trace is filled by its transaction, which owns it, and is not touched after it has been written to the journal.
"""

import msgspec

from gateway.mail.client import Client
from gateway.mail.copies import Copy
from gateway.mail.decisions import Decision, Disposition
from gateway.mail.envelope import MailParameters
from gateway.mail.findings import Observation
from gateway.mail.reply import Reply

_MAX_WORDS = 300  # characters of what a client said that are kept


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the timeline: ``at_ms`` milliseconds after the start, what was said or done, and the answer."""

    at_ms: float
    what: str
    reply: str = ""

    @classmethod
    def told(cls, at_ms: float, what: str, reply: str = "") -> "Event":
        """Make an event of what a client said: octets that were no UTF-8 are written out, and its length is bounded."""
        words = what[:_MAX_WORDS]
        return cls(at_ms, words if words.isascii() else words.encode("utf-8", "backslashreplace").decode(), reply)


class RecipientTrace(msgspec.Struct, omit_defaults=True):
    """One recipient's part of the story.

    ``address`` is the recipient as it came; ``mailbox`` the address without its BATV tag, where it had one, or that
    which an alias stands for; ``route`` names the route that the policy gave it; ``next_hop`` is the host:port that
    answered and ``next_hop_reply`` its words, which only the trace ever shows. ``reply`` is what the client was told
    for this recipient.
    ``sender_told`` is the envelope sender that the next hop was told, where that is not the sender as it came;
    ``tag_refused`` holds the words in which it refused that sender's tag, before it took the plain one. ``accepted``
    says that RCPT was answered with 250. ``stripped`` names what was taken out of the message that was delivered.
    """

    address: str
    route: str = ""
    next_hop: str = ""
    next_hop_reply: str = ""
    decision: Decision | None = None
    disposition: Disposition | None = None
    reply: Reply | None = None
    mailbox: str = ""
    sender_told: str = ""
    tag_refused: str = ""
    accepted: bool = False
    stripped: tuple[str, ...] = ()

    @property
    def delivered_to(self) -> str:
        """The address that the next hop is told."""
        return self.mailbox or self.address


class Trace(msgspec.Struct, omit_defaults=True):
    """One transaction.

    ``id`` is unique and sorts by time; ``started`` is seconds since the epoch, UTC; ``revision`` is the policy that
    the transaction started with, ``learned`` the serial of what was learned by then; ``listener`` is ``inbound`` or
    ``outbound``. ``sender`` is empty for the null sender and None where no MAIL was accepted. ``size`` is in octets,
    ``sha256`` over the content as it came. ``disposition`` sums up the recipients: the one all share, or ``mixed``.
    ``because`` completes the sentence that it begins: "<disposition>, because ...". ``copies`` are those that were
    committed to the spool, but for what is quarantined to be reviewed.
    """

    id: str
    started: float
    node: str
    revision: int
    listener: str
    client: Client
    sender: str | None = None
    parameters: MailParameters = MailParameters()
    recipients: list[RecipientTrace] = msgspec.field(default_factory=list)
    observations: list[Observation] = msgspec.field(default_factory=list)
    events: list[Event] = msgspec.field(default_factory=list)
    alarms: list[str] = msgspec.field(default_factory=list)
    size: int = 0
    sha256: str = ""
    header_from: str = ""
    subject: str = ""
    message_id: str = ""
    disposition: str = ""
    because: str = ""
    reply: Reply | None = None
    duration_ms: float = 0.0
    learned: int = 0
    copies: tuple[Copy, ...] = ()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Trace)


def encode(trace: Trace) -> bytes:
    """Give the trace as one line of JSON, without the line end."""
    return _encoder.encode(trace)


def decode(line: bytes) -> Trace:
    """Read a trace from one line of JSON. Raises ``msgspec.ValidationError`` or ``msgspec.DecodeError``."""
    return _decoder.decode(line)
