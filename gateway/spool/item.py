"""What lies beside a quarantined message: everything needed to show, release or adopt it without any database."""

import enum

import msgspec

from gateway.mail.client import Client
from gateway.mail.decisions import Decision
from gateway.mail.envelope import MailParameters


class Purpose(enum.StrEnum):
    """Why a copy is here: to be reviewed; as the original of what was stripped; or on its way to another mailbox."""

    REVIEW = "review"
    ORIGINAL = "original"
    REDIRECT = "redirect"
    COPY = "copy"

    @property
    def leaves_by_itself(self) -> bool:
        """Whether it is delivered without anybody's word, from the null sender."""
        return self in {Purpose.REDIRECT, Purpose.COPY}


class Copy(msgspec.Struct, frozen=True, omit_defaults=True):
    """One recipient's copy of the message. ``route`` is where a release delivers it.

    Of what is redirected or copied ``recipient`` is the mailbox that gets it, ``instead_of`` whose it was.
    """

    recipient: str
    route: str
    decision: Decision
    purpose: Purpose = Purpose.REVIEW
    instead_of: str = ""


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """The envelope and reasons of one quarantined message; the bytes lie beside it, once.

    ``id`` is the trace's id; ``received`` is seconds since the epoch; ``size`` is in octets; ``results`` are those of
    its authentication (RFC 8601), which a release tells the next hop.
    """

    id: str
    received: float
    node: str
    revision: int
    listener: str
    client: Client
    sender: str
    parameters: MailParameters
    copies: tuple[Copy, ...]
    size: int
    sha256: str
    header_from: str = ""
    subject: str = ""
    message_id: str = ""
    results: tuple[str, ...] = ()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Item)


def encode(item: Item) -> bytes:
    """Give the item as JSON."""
    return _encoder.encode(item)


def decode(text: bytes) -> Item:
    """Read an item from JSON. Raises ``msgspec.ValidationError`` or ``msgspec.DecodeError``."""
    return _decoder.decode(text)
