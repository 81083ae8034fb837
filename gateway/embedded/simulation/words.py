"""What a simulation is told and what it gives: the settings, and the figures of each side. Values only."""

from collections.abc import Iterable

import msgspec

DOMAIN = "example.test"
BOUNCING = 0.09  # the share of the world's mail servers that accept first and bounce later
# What a message of the spam run runs into, and the sentence for it. The names are those of the spam run.
KINDS = {
    "unknown": "no such user",
    "spam": "spam, the filter is sure",
    "virus": "virus",
    "refused": "refused inside, after DATA",
    "full": "mailbox full, known at RCPT",
    "late": "mailbox full, found late",
    "plain": "nobody minds",
}
# The false bounces of the storm, and the genuine ones by what proves them. The names are those of the storm.
FALSE_KINDS = {
    "report": "false: a delivery report",
    "text": "false: free text",
    "pretended": "false: made-up tag and seal",
    "virus-notice": "false: virus notice",
    "autoreply": "false: auto-reply",
    "challenge": "false: challenge",
}
GENUINE_KINDS = {
    "by-tag": "genuine: to the tagged address",
    "by-seal": "genuine: by the seal alone",
    "by-ledger": "genuine: by the ledger alone",
    "from-a-sender": "genuine: sender not null",
}
GENUINE_SHARES = {"by-tag": 0.35, "by-seal": 0.25, "by-ledger": 0.20, "from-a-sender": 0.20}
FATES = {
    "refused": "refused",
    "deferred": "deferred",
    "quarantined": "quarantined",
    "tagged": "delivered, tagged",
    "delivered": "delivered",
}
OUTCOMES = {"refused": "refused, 5xx", "deferred": "deferred, 4xx", "accepted": "accepted, 250", "lost": "no reply"}


class Settings(msgspec.Struct, frozen=True):
    """``unknown`` is the share of unknown users, 0 to 1. The same seed gives the same messages."""

    messages: int = 20_000
    unknown: float = 0.4
    seed: int = 1


class Side(msgspec.Struct, frozen=True):
    """What became of the spam run on one side.

    ``outcomes`` counts, by kind, what the client was told; ``mailboxes`` the messages delivered. ``backscatter`` counts
    the messages that reached forged senders from the server at the edge, by kind; ``inner`` those that the inner mail
    server sent there by itself. Times are in seconds; ``drained`` is until the last queue was empty.
    """

    name: str
    seconds: float
    drained: float
    outcomes: dict[str, dict[str, int]]
    mailboxes: int
    backscatter: dict[str, int]
    inner: dict[str, int]

    def told(self, outcome: str) -> int:
        """Give how many messages had this outcome."""
        return sum(each.get(outcome, 0) for each in self.outcomes.values())

    @property
    def to_strangers(self) -> int:
        """How many messages reached forged senders from the server at the edge."""
        return sum(self.backscatter.values())


class Storm(msgspec.Struct, frozen=True):
    """What became of false and genuine bounces to a victim behind this gateway: counts by kind and fate (``FATES``).

    ``seconds`` is what it took.
    """

    kinds: dict[str, dict[str, int]]
    seconds: float

    def fates(self, kinds: Iterable[str]) -> dict[str, int]:
        """Give how many bounces of some kinds met each fate."""
        found = [self.kinds.get(kind, {}) for kind in kinds]
        return {fate: sum(each.get(fate, 0) for each in found) for fate in FATES}

    @property
    def false(self) -> int:
        """How many were false."""
        return sum(self.fates(FALSE_KINDS).values())

    @property
    def genuine(self) -> int:
        """How many were genuine."""
        return sum(self.fates(GENUINE_KINDS).values())

    @property
    def genuine_lost(self) -> int:
        """How many genuine ones did not reach the victim's mailbox."""
        fates = self.fates(GENUINE_KINDS)
        return self.genuine - fates["delivered"] - fates["tagged"]

    @property
    def false_untagged(self) -> int:
        """How many false ones reached it without a word of doubt."""
        return self.fates(FALSE_KINDS)["delivered"]


class Story(msgspec.Struct, frozen=True):
    """All of it. ``storm`` is None where this gateway does not judge bounces."""

    settings: Settings
    gateway: Side
    bouncer: Side
    storm: Storm | None = None

    @property
    def holds(self) -> bool:
        """Whether the gateway kept its word: nothing to strangers, no genuine bounce lost, no false one let through."""
        kept = self.storm is None or not (self.storm.genuine_lost or self.storm.false_untagged)
        return self.gateway.to_strangers == 0 and kept
