"""Policy as code: the YAML that ``apply`` reads and ``export`` writes.

A document is the rows, said in full; secrets are named by id and never contained. What is read here is checked for its
form; whether its parts fit together is the codec's to say, once they are rows.
"""

import re
from typing import Any, Literal

import msgspec
import yaml
from msgspec import UNSET, UnsetType

from gateway.mail.decisions import Action
from gateway.policy.digest import DigestTo
from gateway.policy.learned import FORGED
from gateway.policy.location import Place, PolicyError, duplicates, line_of, place_of
from gateway.policy.mta_sts import DEFAULT_AGE, StsMode
from gateway.policy.snapshot import ListKind, ListVerdict, Mode, TlsLevel, Validation
from gateway.policy.wellformed import local_part_fault

# Parts that hold only what differs from a default: with nothing in them they are not written.
_OVERLAID = ("thresholds", "per_account", "per_client", "per_domain", "clients", "greylisting")
_ENUMS = (Action, Mode, ListVerdict, ListKind, TlsLevel, Validation, StsMode, DigestTo)
_REMEDY = "correct it (quote what must be text); export shows the form"


class _Part(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Base of every part: an unknown key is an error. Keys that are left out mean the default."""


class Thresholds(_Part):
    """Scores in points. What is left out is as the default, or as the domain has it."""

    tag: float | None = None
    quarantine: float | None = None
    reject: float | None = None
    drop: float | None = None
    redirect: float | None = None


class Check(_Part):
    """How one check deviates from its default. ``actions`` are laid over the default's, symbol by symbol."""

    mode: Mode | UnsetType = UNSET
    action: Action | UnsetType = UNSET
    on_failure: Action | UnsetType = UNSET
    weights: dict[str, float] | UnsetType = UNSET
    actions: dict[str, Action] | UnsetType = UNSET


class AttachmentRule(_Part):
    """What is done with attachments of some names or types."""

    name: str
    names: list[str] = []
    types: list[str] = []
    inside: bool = True
    action: Action = Action.QUARANTINE


class SenderEntry(_Part):
    """What a list says of a sender, with a comment; without one, the verdict alone is written."""

    verdict: ListVerdict
    comment: str = ""


# Addresses, domains and networks, with what the list says of them.
Senders = dict[str, ListVerdict | SenderEntry]


class Recipient(_Part):
    """One recipient. What is left out of thresholds and of actions is as its domain has it."""

    alias: str = ""
    thresholds: Thresholds = msgspec.field(default_factory=Thresholds)
    senders: Senders = {}
    attachments: list[AttachmentRule] = []
    redirect_to: str = ""
    copy_to: list[str] = []
    digest: Literal["", "none"] = ""


class Dkim(_Part):
    """A domain's DKIM key: the selector, and the id of the private key's file."""

    selector: str
    secret: str


class Ldap(_Part):
    """A directory of recipients. ``secret`` is the id of the password's file."""

    url: str
    base: str
    filter: str | UnsetType = UNSET
    bind: str = ""
    secret: str = ""
    seconds: float | UnsetType = UNSET
    tls: TlsLevel | UnsetType = UNSET
    ca: str = ""


class Domain(_Part):
    """One domain. ``recipients`` is a list of local parts, or a mapping; left out, the recipients stay as they are.

    So do ``senders``, its list of senders.

    ``guided`` left out is true, unless ``checks`` says what happens to forged bounces.
    """

    route: str
    observe: bool = False
    accept_unknown: bool = False
    marks_since: str = ""
    guided: bool | UnsetType = UNSET
    switch_on: str = ""
    dkim: Dkim | None = None
    thresholds: Thresholds = msgspec.field(default_factory=Thresholds)
    checks: dict[str, Check] = {}
    validation: list[Validation] = []
    validation_down: Action = Action.DEFER
    plus: str = "+"
    ldap: Ldap | None = None
    accepts_everyone: str = ""
    mta_sts: StsMode = StsMode.NONE
    mta_sts_max_age: int = DEFAULT_AGE
    tls_reports: str = ""
    digest: DigestTo = DigestTo.NONE
    digest_to: str = ""
    senders: Senders | UnsetType = UNSET
    recipients: list[str] | dict[str, Recipient | None] | UnsetType = UNSET
    attachments: list[AttachmentRule] = []
    redirect_to: str = ""
    copy_to: list[str] = []

    @property
    def is_guided(self) -> bool:
        """Whether what happens to forged bounces moves by itself."""
        return FORGED not in self.checks if self.guided is UNSET else self.guided

    def recipient_parts(self) -> dict[str, Recipient]:
        """Give the recipients as a mapping, whichever way they were written."""
        if isinstance(self.recipients, list):
            return {local: Recipient() for local in self.recipients}
        if isinstance(self.recipients, dict):
            return {local: part or Recipient() for local, part in self.recipients.items()}
        return {}


class Host(_Part):
    """One next hop."""

    host: str
    port: int = 25
    tls_from_start: bool = False


class Route(_Part):
    """Where mail goes next. ``secret`` is the id of the password's file."""

    hosts: list[Host]
    tls: TlsLevel = TlsLevel.MAY
    username: str = ""
    secret: str = ""


class Forwarder(_Part):
    """A trusted forwarder."""

    networks: list[str]
    unknown_recipient: Action = Action.DROP
    virus: Action = Action.DROP
    other: Action = Action.QUARANTINE


class Account(_Part):
    """Who may send by SMTP AUTH. ``secret`` is the id of the hash's file; left out, it stays, or is made."""

    addresses: list[str] = []
    secret: str = ""
    enabled: bool = True


class SendingLimits(_Part):
    """What may leave within ``hours``; null is no limit. What is left out is as the default."""

    hours: float | UnsetType = UNSET
    messages: int | UnsetType | None = UNSET
    recipients: int | UnsetType | None = UNSET
    refused: int | UnsetType | None = UNSET
    senders: int | UnsetType | None = UNSET


class Outbound(_Part):
    """Mail that leaves. In ``limits_of`` what is left out is as for every account, client or domain."""

    route: str = ""
    networks: list[str] = []
    thresholds: Thresholds = msgspec.field(default_factory=Thresholds)
    checks: dict[str, Check] = {}
    per_account: SendingLimits = msgspec.field(default_factory=SendingLimits)
    per_client: SendingLimits = msgspec.field(default_factory=SendingLimits)
    per_domain: SendingLimits = msgspec.field(default_factory=SendingLimits)
    limits_of: dict[str, SendingLimits] = {}
    attachments: list[AttachmentRule] = []
    redirect_to: str = ""
    copy_to: list[str] = []


class Key(_Part):
    """One BATV key. ``since`` is the day (ISO, UTC) from which it signs; ``secret`` the id of the key's file."""

    number: int
    secret: str
    since: str
    retired: bool = False


class Marking(_Part):
    """How mail that leaves is marked. ``seal`` is the id of the seal's secret."""

    keys: list[Key] = []
    seal: str = ""
    never_tag: list[str] = []


class DnsList(_Part):
    """One DNS list."""

    kind: ListKind = ListKind.BLOCK
    codes: dict[str, float] | UnsetType = UNSET
    listed: str | UnsetType = UNSET
    unlisted: str | UnsetType = UNSET
    enabled: bool = True


class Clients(_Part):
    """What holds for clients of the inbound listener; null is no limit. What is left out is as the default."""

    greet_delay: float | UnsetType = UNSET
    allowed: list[str] | UnsetType = UNSET
    blocked: list[str] | UnsetType = UNSET
    connections_per_minute: int | UnsetType | None = UNSET
    messages_per_hour: int | UnsetType | None = UNSET
    network_connections_per_minute: int | UnsetType | None = UNSET
    network_messages_per_hour: int | UnsetType | None = UNSET
    ipv4_prefix: int | UnsetType = UNSET
    ipv6_prefix: int | UnsetType = UNSET
    unknown_per_hour: int | UnsetType | None = UNSET
    null_sender_per_hour: int | UnsetType | None = UNSET


class Greylisting(_Part):
    """The times of greylisting. What is left out is as the default."""

    delay: float | UnsetType = UNSET
    window_hours: float | UnsetType = UNSET
    lasts_days: float | UnsetType = UNSET


class Node(_Part):
    """What holds for every domain."""

    observe: bool = False
    max_size: int = 26_214_400
    normalise_line_ends: list[str] = []
    clients: Clients = msgspec.field(default_factory=Clients)
    greylisting: Greylisting = msgspec.field(default_factory=Greylisting)
    arc_sealers: list[str] = []
    spf_void_limit: int = 2


class Document(_Part):
    """The whole policy. A section that is left out stays as it is."""

    routes: dict[str, Route] | UnsetType = UNSET
    domains: dict[str, Domain] | UnsetType = UNSET
    forwarders: dict[str, Forwarder] | UnsetType = UNSET
    accounts: dict[str, Account] | UnsetType = UNSET
    outbound: Outbound | UnsetType = UNSET
    marking: Marking | UnsetType = UNSET
    dns_lists: dict[str, DnsList | None] | UnsetType = UNSET
    senders: Senders | UnsetType = UNSET
    node: Node | UnsetType = UNSET


class _Loader(yaml.SafeLoader):
    """YAML whose only truths are ``true`` and ``false`` (YAML 1.2): ``off`` is a mode, ``no`` may be a local part."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in {"bool", "timestamp"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _word in ("true", "false"):
    _Loader.yaml_implicit_resolvers.setdefault(_word[0], []).append(
        ("tag:yaml.org,2002:bool", re.compile(f"^{_word}$"))
    )


def read(text: str, name: str) -> Document:
    """Read a document; ``name`` is what errors call the file. Raises PolicyError."""
    try:
        for key, line in duplicates(text):
            raise PolicyError(name, line, f"the key {key!r} stands here for the second time", "keep one of the two")
        loaded = yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise PolicyError(name, line, f"this is no YAML: {error.problem}", _REMEDY) from None
    except (yaml.YAMLError, ValueError) as error:
        raise PolicyError(name, 0, f"this is no YAML: {error}", _REMEDY) from None
    except RecursionError:
        raise PolicyError(name, 0, "the text is nested without end", _REMEDY) from None
    try:
        document = _as_document(loaded)
    except msgspec.ValidationError as error:
        reason, place = place_of(error, loaded, _as_document)
        words = _words_for(loaded, place) if reason.startswith("unknown value") else []
        remedy = f"write one of {', '.join(words)}" if words else _REMEDY
        raise PolicyError(name, line_of(text, place), _where(loaded, place) + reason, remedy) from None
    for domain, part in (document.domains or {}).items():
        for local in part.recipient_parts():
            if wrong := local_part_fault(local):
                raise PolicyError(name, line_of(text, ("domains", domain, "recipients", local)), *wrong)
    return document


def write(document: Document) -> str:
    """Give a document as YAML."""
    return yaml.dump(plain(document), Dumper=yaml.SafeDumper, sort_keys=False, allow_unicode=True, width=120)


def plain(document: Document) -> dict[str, Any]:
    """Give a document as built-in values; what is as the default is left out."""
    values: dict[str, Any] = msgspec.to_builtins(document)
    parts = [values.get("outbound", {}), values.get("node", {}), *values.get("domains", {}).values()]
    for domain in values.get("domains", {}).values():
        parts.extend(domain.get("recipients", {}).values())
    for part in parts:
        for name in _OVERLAID:
            if part.get(name, True) == {}:
                del part[name]
    return values


def _words_for(loaded: Any, place: Place) -> list[str]:  # noqa: ANN401 - it is what a parser gave
    """Give the words that may stand at a place where another one does; none where it takes no words."""
    for kind in _ENUMS:
        if all(_takes(loaded, place, word.value) for word in kind):
            return [word.value for word in kind]
    return []


def _takes(loaded: Any, place: Place, word: str) -> bool:  # noqa: ANN401 - as above
    """Whether a word may stand at a place."""
    try:
        _as_document(_with(loaded, place, word))
    except msgspec.ValidationError as error:
        return not str(error).startswith(f"Invalid enum value {word!r}")
    return True


def _with(loaded: Any, place: Place, word: str) -> Any:  # noqa: ANN401 - as above
    """Give the document with another word at a place."""
    if not place:
        return word
    changed = loaded.copy()
    changed[place[0]] = _with(loaded[place[0]], place[1:], word)
    return changed


def _where(loaded: Any, place: Place) -> str:  # noqa: ANN401 - as above
    """Name the attachment rule that a place lies in, which its line alone does not; elsewhere nothing."""
    at = place.index("attachments") + 1 if "attachments" in place else len(place)
    if at >= len(place) or not isinstance(place[at], int):
        return ""
    for step in place[: at + 1]:
        loaded = loaded[step]
    return f"attachment rule {loaded.get('name', '')!r}: " if isinstance(loaded, dict) else ""


def _as_document(loaded: Any) -> Document:  # noqa: ANN401 - it is what a parser gave
    """Check a parsed text's types. Raises ``msgspec.ValidationError``."""
    return msgspec.convert(loaded, Document)
