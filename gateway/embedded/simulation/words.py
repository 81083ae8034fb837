"""What a simulation is told and what it gives: the settings, and the figures of each side. Values only."""

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
    """What became of false and genuine bounces to a victim behind this gateway, and how fast, in seconds."""

    false: int
    false_refused: int
    genuine: int
    genuine_delivered: int
    seconds: float


class Story(msgspec.Struct, frozen=True):
    """All of it. ``storm`` is None where this gateway does not judge bounces."""

    settings: Settings
    gateway: Side
    bouncer: Side
    storm: Storm | None = None

    @property
    def holds(self) -> bool:
        """Whether the gateway kept its word: nothing to strangers, and no genuine bounce lost."""
        kept = self.storm is None or (
            self.storm.genuine_delivered == self.storm.genuine and self.storm.false_refused == self.storm.false
        )
        return self.gateway.to_strangers == 0 and kept
