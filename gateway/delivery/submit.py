"""One delivery, or one probe, for callers without an event loop (releases, doctor). Never retries by itself."""

import msgspec

from gateway.config import Budget
from gateway.delivery.capabilities import Capabilities
from gateway.mail.envelope import MailParameters
from gateway.mail.message import Content
from gateway.mail.reply import Reply
from gateway.policy.snapshot import NextHop, Route


class Probe(msgspec.Struct, frozen=True):
    """What was found at one host: ``fault`` is empty where all went well; ``tls`` names version and cipher, or is empty."""

    host: str
    fault: str = ""
    step: str = ""
    banner: str = ""
    tls: str = ""
    capabilities: Capabilities | None = None
    milliseconds: float = 0.0


def deliver(
    route: Route,
    secret: str | None,
    name: str,
    sender: str,
    recipient: str,
    parameters: MailParameters,
    content: Content,
    prefix: bytes,
    *,
    skip: int = 0,
    unproven: bool = False,
    budget: Budget = Budget(),
) -> Reply:
    """Deliver to one recipient; gives the answer to RCPT where that was negative, else to the final dot. Raises RouteFault."""
    raise NotImplementedError


def probe(route: Route, secret: str | None, name: str, *, budget: Budget = Budget()) -> list[Probe]:
    """Connect to each host of the route up to AUTH, and say QUIT. Never raises for what a host does."""
    raise NotImplementedError
