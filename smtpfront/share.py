"""What a child gets from its parent. It is a module of its own, so that the parent need not know what children know."""

import msgspec

from smtpfront.listeners import Listener


class Share(msgspec.Struct, frozen=True):
    """A child's slot, the sockets to serve, those of the counters and of its pulse."""

    slot: str
    listeners: list[tuple[Listener, int]]
    counters: int
    pulse: int
