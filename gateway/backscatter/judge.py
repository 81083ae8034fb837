"""The judge: does this automatic message answer mail that we sent? Proofs and hints, and the verdict.

It never raises, never asks the network, and never says ``genuine`` for what others can write.
"""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.backscatter.ledger import Ledger, NoLedger
from gateway.backscatter.words import Judged


class Tools(msgspec.Struct, frozen=True):
    """What the judge works with.

    ``keys`` are the BATV keys, ``seal`` the secret of the seal header (empty: there is none). ``domains`` maps our
    domains (lower case, A-labels) to the time (seconds since the epoch) since which all their mail leaves marked, None
    where it does not. ``dkim`` maps names such as ``selector._domainkey.example.org`` to our own public records.
    ``nodes`` are the names that stand in our Received lines.
    """

    keys: Sequence[object] = ()
    seal: bytes = b""
    ledger: Ledger = NoLedger()
    domains: Mapping[str, float | None] = {}
    dkim: Mapping[str, bytes] = {}
    nodes: tuple[str, ...] = ()


def judge(raw: bytes, recipient: str, *, sender: str | None, tools: Tools, now: float) -> Judged:
    """Judge one message for one recipient.

    ``raw`` is the message as it came; ``recipient`` is the envelope recipient as it came, tag and all; ``sender`` the
    envelope sender, empty for the null sender, None where it is not known. ``now`` is seconds since the epoch.
    """
    raise NotImplementedError
