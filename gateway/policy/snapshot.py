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
    ``deliver`` to go on without it, visibly). ``weights`` overrides the weight of a symbol, in points, and ``actions``
    what an enforced hit with that symbol leads to.
    """

    mode: Mode = Mode.SCORE
    action: Action = Action.REJECT
    on_failure: Action = Action.DEFER
    weights: dict[str, float] = {}
    actions: dict[str, Action] = {}


class Thresholds(_Part, frozen=True):
    """From how many points on a scored message is tagged, quarantined, rejected.

    ``redirect`` and ``drop`` are off by default.
    """

    tag: float = 5.0
    quarantine: float = 8.0
    reject: float = 15.0
    drop: float | None = None
    redirect: float | None = None


class AttachmentRule(_Part, frozen=True):
    """What is done with attachments of some names or types; the first rule that fits an attachment decides about it.

    ``names`` and ``types`` are shell patterns without regard to case: a name that any reader may show, such as
    ``*.iso``; the media type that the content has, such as ``application/x-dosexec``. Where both are given both must
    fit. ``inside`` says that what lies in archives counts too. ``deliver`` exempts what fits from all that comes
    behind.
    """

    name: str
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    inside: bool = True
    action: Action = Action.QUARANTINE


class Rules(_Part, frozen=True):
    """All rules that hold for a recipient: its domain's, with the recipient's own overrides laid over them.

    ``attachments`` go before what the check ``attachments`` says by itself. ``redirect_to`` is the address of ours that
    gets what is redirected, ``copy_to`` those that get a copy of all that is delivered.
    """

    thresholds: Thresholds = Thresholds()
    checks: dict[str, CheckRule] = {}
    observe: bool = False
    attachments: tuple[AttachmentRule, ...] = ()
    redirect_to: str = ""
    copy_to: tuple[str, ...] = ()


class RecipientPolicy(_Part, frozen=True):
    """One known recipient. Where ``rules`` is set it replaces the domain's rules whole.

    ``senders`` maps addresses, domains (``example.org``, with all below it ``.example.org``) and networks to what its
    list says of them; ``alias`` is the address of ours that its mail is for.
    """

    rules: Rules | None = None
    senders: "dict[str, ListVerdict]" = {}
    alias: str = ""


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
    senders: "dict[str, ListVerdict]" = {}  # as a recipient's
    validation: "tuple[Validation, ...]" = ()  # in this order, the first that knows decides; empty: the list
    validation_down: Action = Action.DEFER  # what it leads to that none of them could be asked
    plus: str = "+"  # what separates a detail from a local part; empty: nothing does
    ldap: "Ldap | None" = None
    accepts_everyone: str = ""  # who said, and when, that a next hop which accepts unknown recipients may be


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


class SendingLimits(_Part, frozen=True):
    """What may leave within ``hours``, for each account, client and domain: None is no limit.

    ``senders`` counts distinct envelope senders, ``refused`` recipients that the next hop refused.
    """

    hours: float = 1.0
    messages: int | None = None
    recipients: int | None = None
    refused: int | None = None
    senders: int | None = None


class Outbound(_Part, frozen=True):
    """Mail that leaves: who may send it without AUTH, which route it takes, and what it is checked for.

    Limits are for each account, each client that sends without AUTH, and each sender domain; ``limits_of`` overrides
    them for an account (its login), a client (its address) or a domain.
    """

    networks: tuple[str, ...] = ()
    route: str = ""
    rules: Rules = Rules()
    per_account: SendingLimits = SendingLimits(messages=500, recipients=1000, refused=100, senders=20)
    per_client: SendingLimits = SendingLimits(messages=2000, recipients=5000, refused=500)
    per_domain: SendingLimits = SendingLimits()
    limits_of: dict[str, SendingLimits] = {}


class ListVerdict(enum.StrEnum):
    """What an entry of a list says."""

    ALLOW = "allow"
    BLOCK = "block"


class ListKind(enum.StrEnum):
    """What a DNS list is good for. ``null_sender`` lists are asked for mail from the null sender only."""

    BLOCK = "block"
    ALLOW = "allow"
    NULL_SENDER = "null_sender"


class DnsList(_Part, frozen=True):
    """One DNS list of client addresses (RFC 5782). The key of its mapping is its zone.

    ``codes`` maps return codes (addresses, or prefixes such as ``127.0.0.0/29``) to points; nothing else is a listing.
    ``listed`` and ``unlisted`` are its test points, probed regularly; empty: it has none.
    """

    kind: ListKind = ListKind.BLOCK
    codes: dict[str, float] = msgspec.field(default_factory=lambda: {"127.0.0.2": 4.0})
    listed: str = "127.0.0.2"
    unlisted: str = "127.0.0.1"


class ClientRules(_Part, frozen=True):
    """What holds for clients of the inbound listener, whichever domain they bring mail for.

    ``greet_delay`` is in seconds, for unknown clients only. ``allowed`` networks are spared what is about the client;
    ``blocked`` ones are refused. Limits are counted for each address and each network prefix (``ipv4_prefix``,
    ``ipv6_prefix`` bits; an IPv6 address itself counts as its /64); None is no limit.
    """

    greet_delay: float = 0.0
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    connections_per_minute: int | None = 600
    messages_per_hour: int | None = 3600
    network_connections_per_minute: int | None = None
    network_messages_per_hour: int | None = None
    ipv4_prefix: int = 24
    ipv6_prefix: int = 48
    unknown_per_hour: int | None = 30  # unknown recipients of one client, from which on replies are slow, then refused
    null_sender_per_hour: int | None = 60  # null-sender mail to one recipient


class Greylisting(_Part, frozen=True):
    """For how long a first attempt waits (seconds), how long it may come back (hours), how long a pass lasts (days)."""

    delay: float = 300.0
    window_hours: float = 24.0
    lasts_days: float = 36.0


class Validation(enum.StrEnum):
    """Where a recipient's existence is looked up."""

    LIST = "list"
    LDAP = "ldap"
    NEXT_HOP = "next_hop"


class Ldap(_Part, frozen=True):
    """An LDAP directory of recipients. ``{address}``, ``{local}`` and ``{domain}`` stand in ``filter``, escaped.

    ``secret`` names the file that holds the password of ``bind``. ``tls`` is about STARTTLS of ``ldap://`` and the
    certificate of either; ``ca`` is a file of authorities on the node, empty: the system's.
    """

    url: str
    base: str
    filter: str = "(|(mail={address})(proxyAddresses=smtp:{address}))"
    bind: str = ""
    secret: str = ""
    seconds: float = 5.0
    tls: TlsLevel = TlsLevel.VERIFIED
    ca: str = ""


class Snapshot(_Part, frozen=True):
    """One published policy. ``published`` is ISO 8601 in UTC, ``by`` the administrator's name.

    ``senders`` is the node's list of senders, ``arc_sealers`` the domains whose ARC sets are believed,
    ``spf_void_limit`` how many look-ups of a check may find nothing (RFC 7208 4.6.4).
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
    clients: ClientRules = ClientRules()
    dns_lists: dict[str, DnsList] = {}
    senders: dict[str, ListVerdict] = {}
    greylisting: Greylisting = Greylisting()
    arc_sealers: tuple[str, ...] = ()
    spf_void_limit: int = 2
