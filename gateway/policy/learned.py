"""What the gateway has learned by itself: storms, backscatterers, never-tag destinations, stages, lists off.

It is no policy: ``apply`` and ``export`` never touch it. Operations learn it from traces and publish it as one file,
which the SMTP side reads beside the policy. Each entry has a number, by which a trace cites it.
"""

import enum

import msgspec

from gateway.mail.decisions import Action
from gateway.policy.location import PolicyError
from gateway.policy.snapshot import CheckRule, Mode

FILE = "current.json"
FORGED = "forged_bounce"  # the check whose rule moves by itself where a domain is guided
HALF_LIFE_DAYS = 7.0  # after which a backscatterer's points are worth half
LISTED = 2.5  # points from which a host counts as a backscatterer: three forged bounces of the last days


class Stage(enum.StrEnum):
    """How far a guided domain has come with forged bounces."""

    OBSERVE = "observe"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    def rule(self, base: CheckRule) -> CheckRule:
        """Give what the stage makes of a domain's rule for forged bounces."""
        if self is Stage.OBSERVE:
            return msgspec.structs.replace(base, mode=Mode.OBSERVE)
        action = Action.QUARANTINE if self is Stage.QUARANTINE else Action.REJECT
        return msgspec.structs.replace(base, mode=Mode.ENFORCE, action=action)


class _Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of every entry. ``number`` is the row's, ``since`` seconds since the epoch."""

    number: int
    since: float


class Storm(_Entry, frozen=True):
    """A storm of false bounces to one address, which is tightened until then (seconds since the epoch)."""

    until: float


class Backscatterer(_Entry, frozen=True):
    """A host that sent bounces proven false. ``points`` are those of the time ``at``; they decay."""

    points: float
    at: float

    def points_now(self, now: float) -> float:
        """Give the points that are left."""
        left: float = self.points * 0.5 ** (max(0.0, now - self.at) / (HALF_LIFE_DAYS * 86_400))
        return left


class NeverTag(_Entry, frozen=True):
    """A destination that refused tagged senders. ``because`` says who said so."""

    expires: float
    because: str = ""


class DomainStage(_Entry, frozen=True):
    """The stage of a guided domain."""

    stage: Stage = Stage.OBSERVE


class ListOff(_Entry, frozen=True):
    """A DNS list that is switched off. ``because`` says what its test points showed."""

    because: str = ""


class Unblocked(_Entry, frozen=True):
    """An account, client or domain whose sending limits begin anew at ``since``. The key is ``kind:name``."""


class Learned(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of it. ``serial`` grows with each change; 0 where nothing has been learned yet.

    ``storms`` are by victim (lower case, without tag); ``backscatterers`` by IP address or HELO name (lower case);
    ``never_tag`` by address or domain in look-up form; ``stages`` by domain; ``lists_off`` by zone; ``unblocked`` by
    kind and name.
    """

    serial: int = 0
    storms: dict[str, Storm] = {}
    backscatterers: dict[str, Backscatterer] = {}
    never_tag: dict[str, NeverTag] = {}
    stages: dict[str, DomainStage] = {}
    lists_off: dict[str, ListOff] = {}
    unblocked: dict[str, Unblocked] = {}


NOTHING = Learned()

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Learned)


def encode(learned: Learned) -> bytes:
    """Give it as JSON, the same bytes for the same value."""
    return msgspec.json.format(_encoder.encode(learned), indent=1) + b"\n"


def decode(text: bytes, *, name: str) -> Learned:
    """Read it; ``name`` is what errors call the file. Raises PolicyError."""
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        remedy = "remove the file: what was learned is written again from the database"
        raise PolicyError(name, 0, str(error), remedy) from None
