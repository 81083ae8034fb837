"""What is to be done with one message for one recipient, and why."""

import enum

import msgspec

from gateway.mail.reply import Reply


class Action(enum.StrEnum):
    """The things that can be done with a message for a recipient."""

    DELIVER = "deliver"
    TAG = "tag"
    STRIP = "strip"  # attachments are taken out; the original is quarantined
    REDIRECT = "redirect"  # another mailbox of ours gets it
    QUARANTINE = "quarantine"
    REJECT = "reject"
    DROP = "drop"
    DEFER = "defer"

    @property
    def relays(self) -> bool:
        """Whether the next hop gets the message."""
        return self in {Action.DELIVER, Action.TAG, Action.STRIP}


class Disposition(enum.StrEnum):
    """What became of the message for a recipient, once it was carried out."""

    DELIVERED = "delivered"
    QUARANTINED = "quarantined"
    REDIRECTED = "redirected"  # durably in the spool, on its way to another mailbox of ours
    DROPPED = "dropped"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    ABANDONED = "abandoned"  # the client went away, or began anew, before an answer was due


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """The decision for one recipient.

    ``because`` completes the sentence "<action>, because ...". ``check`` and ``symbol`` name the fact that decided;
    ``score`` is the sum of the scored weights, in points. ``observed`` is what would have been done were the
    domain or node not in observe mode. ``reply`` is what the client is told when this recipient is refused.
    ``instead_of`` is what was decided before it was found that other recipients take the message.
    """

    action: Action
    because: str
    check: str | None = None
    symbol: str | None = None
    score: float = 0.0
    reply: Reply | None = None
    observed: Action | None = None
    instead_of: Action | None = None
