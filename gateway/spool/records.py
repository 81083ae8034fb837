"""What a line of a journal can be: a trace, or an alarm that belongs to no transaction.

Each is one JSON object in one line, told apart by ``kind``.
"""

import msgspec

from gateway.mail.trace import Trace


class TraceRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="trace"):
    """One transaction's trace."""

    trace: Trace


class AlarmRecord(msgspec.Struct, frozen=True, tag_field="kind", tag="alarm"):
    """Something that an administrator must know. ``at`` is seconds since the epoch."""

    at: float
    node: str
    text: str


Record = TraceRecord | AlarmRecord

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """Give the record as one line of JSON, without the line end."""
    return _encoder.encode(record)


def decode(line: bytes) -> Record:
    """Read a record from one line of JSON. Raises ``msgspec.ValidationError`` or ``msgspec.DecodeError``."""
    return _decoder.decode(line)
