"""The held-open transaction with the next hop."""

from collections.abc import Sequence

from gateway.delivery.capabilities import Capabilities
from gateway.delivery.faults import RouteFault
from gateway.mail.message import Content
from gateway.mail.reply import Reply


class NextHopTransaction:
    """One transaction: RCPT repeated for each recipient, then the message or nothing. Made by ``Pool.begin``.

    ``host`` is ``host:port``; ``accepted`` the recipients that it took; ``passed_over`` the faults of hosts tried before it.
    """

    host: str
    route_name: str
    accepted: list[str]
    passed_over: list[RouteFault]

    @property
    def capabilities(self) -> Capabilities:
        """What the host offered."""
        raise NotImplementedError

    async def rcpt(self, address: str) -> Reply:
        """Repeat a RCPT; gives the next hop's own answer (2xx, 4xx or 5xx). The first one sends MAIL with it.

        Raises RouteFault for trouble at MAIL or elsewhere.
        """
        raise NotImplementedError

    async def send(
        self,
        prefix: bytes,
        content: Content,
        *,
        skip: int = 0,
        recipients: Sequence[str] | None = None,
        deadline: float | None = None,
    ) -> Reply:
        """Relay ``prefix`` and the content behind its first ``skip`` octets; gives the answer to the final dot.

        ``recipients`` narrows the transaction to some of the accepted ones: it is begun anew for them (RSET, MAIL, RCPT), and if one
        is refused now nothing is sent and RouteFault (step ``rcpt``) is raised. ``deadline`` is loop time: if it passes before the
        final dot is sent, nothing is delivered and RouteFault (step ``timeout``) is raised. 4xx and 5xx to the final dot are values.
        """
        raise NotImplementedError

    async def abandon(self) -> None:
        """Give up: RSET in the background and back to the pool, or close. Never raises; harmless after ``send``."""
        raise NotImplementedError
