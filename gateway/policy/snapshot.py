"""The policy as it is published: one immutable value, complete in itself.

The console edits rows; publishing writes this; the SMTP side reads nothing else. Secrets are named here by id and never
contained.
"""

import enum

import msgspec

from gateway.mail.decisions import Action


class Mode(enum.StrEnum):
    """What a check's findings are good for, per domain."""

    OFF = "off"
    OBSERVE = "observe"
    SCORE = "score"
    ENFORCE = "enforce"


class TlsLevel(enum.StrEnum):
    """How a route's connections are protected. ``verified`` checks the certificate against the host's name."""

    NEVER = "never"
    MAY = "may"
    MUST = "must"
    VERIFIED = "verified"


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part of the policy: unknown keys are errors, so that a typing slip is never silent."""


class CheckRule(_Part, frozen=True):
    """What one check means to one domain.

    ``action`` is what an enforced hit leads to; ``on_failure`` what an error or a timeout leads to (``defer``, or
    ``deliver`` to go on without it, visibly). ``weights`` overrides the weight of a symbol, in points.
    """

    mode: Mode = Mode.SCORE
    action: Action = Action.REJECT
    on_failure: Action = Action.DEFER
    weights: dict[str, float] = {}


class Thresholds(_Part, frozen=True):
    """From how many points on a scored message is tagged, quarantined, rejected. ``drop`` is off by default."""

    tag: float = 5.0
    quarantine: float = 8.0
    reject: float = 15.0
    drop: float | None = None


class Rules(_Part, frozen=True):
    """All rules that hold for a recipient: its domain's, with the recipient's own overrides laid over them."""

    thresholds: Thresholds = Thresholds()
    checks: dict[str, CheckRule] = {}
    observe: bool = False


class RecipientPolicy(_Part, frozen=True):
    """One known recipient. Where ``rules`` is set it replaces the domain's rules whole."""

    rules: Rules | None = None


class DomainPolicy(_Part, frozen=True):
    """One of our domains.

    ``recipients`` maps local parts (lower case) to what is special about them. ``accept_unknown`` hands the question
    whether an unlisted recipient exists to the next hop alone. ``marks_since`` and ``dkim`` are about outgoing mail.
    Where ``guided`` is set, what happens to forged bounces moves by itself from observe to quarantine to reject, not
    before the day ``switch_on`` (ISO 8601), and the mode and action of ``forged_bounce`` say nothing.
    """

    route: str
    rules: Rules = Rules()
    recipients: dict[str, RecipientPolicy] = {}
    accept_unknown: bool = False
    marks_since: str = ""  # ISO date since which all mail of the domain leaves marked; empty: it does not yet
    dkim: "Dkim | None" = None
    guided: bool = False
    switch_on: str = ""


class NextHop(_Part, frozen=True):
    """One host of a route. ``tls_from_start`` is for port 465 (RFC 8314)."""

    host: str
    port: int = 25
    tls_from_start: bool = False


class Route(_Part, frozen=True):
    """Where mail goes: hosts in the order in which they are tried, and how the connection is made.

    ``secret`` names the file that holds the password of ``username``.
    """

    hosts: tuple[NextHop, ...]
    tls: TlsLevel = TlsLevel.MAY
    username: str = ""
    secret: str = ""


class Forwarder(_Part, frozen=True):
    """A trusted forwarder: from its networks nothing is answered with 5xx.

    ``unknown_recipient`` is ``drop`` (on record) or ``defer``; ``virus`` and ``other`` say what a reject becomes.
    """

    networks: tuple[str, ...]
    unknown_recipient: Action = Action.DROP
    virus: Action = Action.DROP
    other: Action = Action.QUARANTINE


class Account(_Part, frozen=True):
    """Who may send after SMTP AUTH. ``addresses`` holds ``user@domain`` or ``*@domain``; ``secret`` names the hash."""

    secret: str
    addresses: tuple[str, ...] = ()


class BatvKey(_Part, frozen=True):
    """One BATV key: its number (0 to 9) in the tag, the id of its secret, and the day (since 1970) from which it signs.

    The newest of those that have begun signs; a key is accepted until its last tag has expired. ``retired`` is for an
    emergency: tags of it are suspect, neither valid nor forged.
    """

    number: int
    secret: str
    since: int = 0
    retired: bool = False


class Marking(_Part, frozen=True):
    """How outgoing mail is marked so that what comes back can be judged.

    ``seal`` is the id of the secret of the seal header; ``never_tag`` lists destinations (addresses or domains) that
    key on the envelope sender, whose mail goes untagged and into the ledger.
    """

    keys: tuple[BatvKey, ...] = ()
    seal: str = ""
    never_tag: tuple[str, ...] = ()


class Dkim(_Part, frozen=True):
    """A domain's DKIM signature: the selector, and the id of the private key (PEM)."""

    selector: str
    secret: str


class Outbound(_Part, frozen=True):
    """Mail that leaves: who may send it without AUTH, which route it takes, and what it is checked for."""

    networks: tuple[str, ...] = ()
    route: str = ""
    rules: Rules = Rules()


class Snapshot(_Part, frozen=True):
    """One published policy. ``published`` is ISO 8601 in UTC, ``by`` the administrator's name.

    ``observe`` puts the whole node into observe mode. ``max_size`` is in octets. ``normalise_line_ends`` lists the
    networks whose bare CR and LF are mended instead of refused.
    """

    revision: int
    published: str
    by: str
    domains: dict[str, DomainPolicy] = {}
    routes: dict[str, Route] = {}
    forwarders: dict[str, Forwarder] = {}
    accounts: dict[str, Account] = {}
    outbound: Outbound = Outbound()
    marking: Marking = Marking()
    observe: bool = False
    max_size: int = 26_214_400
    normalise_line_ends: tuple[str, ...] = ()
