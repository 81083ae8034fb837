"""What a check is: it looks at a transaction and says what it saw. It never decides.

A check MUST say hit, miss, skipped, error or timeout; it MUST NOT keep state between messages, write anywhere, or
reply. It MAY be a coroutine function where it asks somebody else. An exception is an outcome (error), never a pass.
"""

import abc
import functools
from collections.abc import Awaitable, Mapping, Sequence
from typing import ClassVar

import msgspec

from gateway.mail.address import Address
from gateway.mail.client import Client
from gateway.mail.envelope import MailParameters
from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.message import Content, Headers
from gateway.mail.stages import Stage
from gateway.policy.matching import Match, Policy


class Seen(msgspec.Struct, frozen=True):
    """What a check saw. ``detail`` says why it was skipped or how it failed."""

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    detail: str = ""


MISS = Seen(Outcome.MISS)


def hit(*findings: Finding) -> Seen:
    """Say that something was found."""
    return Seen(Outcome.HIT, findings)


def skipped(why: str) -> Seen:
    """Say that there was nothing to look at."""
    return Seen(Outcome.SKIPPED, detail=why)


def failed(how: str) -> Seen:
    """Say that the check could not tell."""
    return Seen(Outcome.ERROR, detail=how)


def timed_out(how: str) -> Seen:
    """Say that the answer did not come in time."""
    return Seen(Outcome.TIMEOUT, detail=how)


class View:
    """What a check may look at. Grows with the stages; what is not there yet is None.

    ``recipient`` and ``match`` are set at RCPT; ``content`` at DATA, with ``recipients``, those accepted, as they stand
    in the trace, and ``deadline``, the loop time at which the budget of DATA ends.
    ``node`` is this node's name. ``earlier`` is what checks of earlier stages saw. ``shared`` is where
    checks of one stage share what is worked out once, by the name of who works it out. ``ahead`` says that the client
    sent more before we had answered: at CONNECT before the banner, at HELO before the answer to EHLO; ``local`` is the
    address of ours that it has reached, where that is known. ``id`` is the trace's.
    """

    def __init__(  # noqa: PLR0913 - it is the one bundle of everything
        self,
        *,
        policy: Policy,
        node: str,
        listener: str,
        client: Client,
        sender: Address | None = None,
        parameters: MailParameters = MailParameters(),  # noqa: B008 - frozen
        recipient: Address | None = None,
        match: Match | None = None,
        content: Content | None = None,
        recipients: tuple[str, ...] = (),
        deadline: float | None = None,
        earlier: Sequence[Observation] = (),
        ahead: bool = False,
        local: str = "",
        id: str = "",  # noqa: A002 - as the trace calls it
    ) -> None:
        """Bundle what is known."""
        self.policy = policy
        self.node = node
        self.listener = listener
        self.client = client
        self.sender = sender
        self.parameters = parameters
        self.recipient = recipient
        self.match = match
        self.content = content
        self.recipients = recipients
        self.deadline = deadline
        self.earlier = earlier
        self.ahead = ahead
        self.local = local
        self.id = id
        self.shared: dict[str, object] = {}

    @property
    def spares_client(self) -> bool:
        """Whether nothing about the client's address, name or SPF counts: a trusted forwarder, an allowed network."""
        return self.policy.is_spared(self.client)

    def seen(self, check: str) -> Observation | None:
        """Give what a check of an earlier stage saw, for this recipient or for all."""
        who = None if self.recipient is None else str(self.recipient)
        return next((one for one in self.earlier if one.check == check and one.recipient in {None, who}), None)

    @functools.cached_property
    def headers(self) -> Headers:
        """The header fields of the content, parsed once for all checks."""
        return Headers(self.content.head if self.content is not None else b"")


class Check(abc.ABC):
    """One check. ``symbols`` explains each symbol that it may give; ``seconds`` bounds it, None for no wait at all.

    ``asks_nobody`` is set where all that it looks at stands in trace and policy, so that it can look again later.
    """

    name: ClassVar[str]
    stages: ClassVar[tuple[Stage, ...]]
    symbols: ClassVar[Mapping[str, str]]
    seconds: float | None = None
    asks_nobody: ClassVar[bool] = False

    @classmethod
    def reads(cls, view: View) -> object:
        """Give what it takes from the policy besides its own rule, about this transaction.

        Under two policies that give the same it sees the same, which is how a stored trace can be decided again.
        """
        del view
        return None

    def prepare(self, view: View) -> None:  # noqa: B027 - most have nothing to prepare
        """Begin at MAIL what ``look`` will need at a later stage, without waiting: DNS takes its time meanwhile."""

    @abc.abstractmethod
    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Look at the transaction."""
