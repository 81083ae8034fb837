"""What lies beside a quarantined message: everything needed to show, release or adopt it without any database."""

import msgspec

from gateway.mail.client import Client
from gateway.mail.copies import Copy, Purpose
from gateway.mail.envelope import MailParameters
from gateway.mail.stripped import Taken

__all__ = ["Copy", "Item", "Purpose", "decode", "encode"]


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """The envelope and reasons of one quarantined message; the bytes lie beside it, once.

    ``id`` is the trace's id; ``received`` is seconds since the epoch; ``size`` is in octets; ``results`` are those of
    its authentication (RFC 8601), which a release tells the next hop. ``delivery`` is the key by which a retry is
    known, ``stripped`` what was taken out of the message that was relayed.
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
    delivery: str = ""
    stripped: tuple[Taken, ...] = ()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Item)


def encode(item: Item) -> bytes:
    """Give the item as JSON."""
    return _encoder.encode(item)


def decode(text: bytes) -> Item:
    """Read an item from JSON. Raises ``msgspec.ValidationError`` or ``msgspec.DecodeError``."""
    return _decoder.decode(text)
