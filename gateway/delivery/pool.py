"""Connections to next hops: reused while they are fresh, opened in the order of the route, failed over."""

from collections.abc import Callable

from gateway.config import Budget
from gateway.delivery.capabilities import Capabilities
from gateway.delivery.relay import NextHopTransaction
from gateway.mail.envelope import MailParameters
from gateway.policy.snapshot import Route


class Pool:
    """All connections of one process. ``name`` is what we call ourselves in EHLO; ``read_secret`` gives passwords by id."""

    def __init__(self, name: str, budget: Budget, read_secret: Callable[[str], str | None]) -> None:
        raise NotImplementedError

    async def begin(
        self, route_name: str, route: Route, sender: str, parameters: MailParameters, *, unproven: bool = False
    ) -> NextHopTransaction:
        """Open a transaction. Raises RouteFault when no host of the route can be reached."""
        raise NotImplementedError

    def capabilities(self, route: Route) -> Capabilities | None:
        """Give what the route's first host that was ever reached offered, without any I/O; None when nothing is known."""
        raise NotImplementedError

    async def close(self) -> None:
        """Say QUIT on all idle connections."""
        raise NotImplementedError
