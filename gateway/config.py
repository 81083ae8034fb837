"""The node's own configuration: typed, from TOML and the environment. No Django here.

Policy (domains, routes, thresholds) is not configuration; it is published by the console. This is what a node must
know to start: where its state lies, where it listens, where its neighbours are.

The file is ``$BACKSTOP_CONFIG``, else ``/etc/backstop/backstop.toml``, else the embedded default. Each key can be
set by ``BACKSTOP_SECTION__KEY``, as JSON or as a plain word.
"""

import functools
import hashlib
import ipaddress
import json
import os
import socket
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

SOCKET_PATH_LIMIT = 107  # octets, from the size of sockaddr_un on Linux
SYSTEM_FILE = Path("/etc/backstop/backstop.toml")
STOP_SECONDS = 900.0  # TimeoutStopSec= of deploy/systemd/backstop-smtpd@.service
STOP_GRACE_SECONDS = 3.0  # that an SMTP process gets beyond the bound of its drain, until it is killed
_PREFIX = "BACKSTOP_"
_USUAL_PORTS = {"http": 80, "https": 443}


class ConfigError(Exception):
    """The configuration can't be used. The text names the file or variable, the key, and the remedy."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the sections: an unknown key is an error."""


class Node(_Section, frozen=True):
    """Who this node is and where its state lies. ``processes`` is the number of SMTP children.

    ``instance`` tells two SMTP fronts apart that serve one home beside each other, while one takes over from the other.
    """

    name: str = ""
    home: Path = Path("state")
    processes: int = 2
    instance: Annotated[str, msgspec.Meta(pattern=r"\A(?:[a-z][a-z0-9]{0,15})?\Z")] = ""


class Smtp(_Section, frozen=True):
    """Where SMTP is spoken. Listeners are ``host:port`` or ``[v6]:port``; an empty list is off."""

    inbound: tuple[str, ...] = ("127.0.0.1:2525", "[::1]:2525")
    outbound: tuple[str, ...] = ("127.0.0.1:2587", "[::1]:2587")
    outbound_tls: tuple[str, ...] = ("127.0.0.1:2465", "[::1]:2465")
    balancers: tuple[str, ...] = ()  # networks whose connections to the inbound listener begin with the PROXY protocol
    certificate: Path | None = None  # default: tls/cert.pem under the home
    key: Path | None = None


class Limits(_Section, frozen=True):
    """Bounds of the SMTP side. Times are in seconds, sizes in octets."""

    connections: int = 1000
    connections_per_client: int = 100
    transactions_per_connection: int = 100
    recipients: int = 100
    errors: int = 20
    command_seconds: float = 300.0
    data_seconds: float = 600.0
    session_seconds: float = 3600.0
    stop_seconds: float = 30.0
    memory_per_message: int = 512 * 1024
    auth_failures: int = 10  # per client and per account, within auth_window_seconds
    auth_window_seconds: float = 600.0


class Budget(_Section, frozen=True):
    """How long things may take, in seconds. ``data`` ends before our final dot is sent (RFC 5321 4.5.3.2.6)."""

    data: float = 90.0
    connect: float = 10.0
    next_hop: float = 60.0
    final_dot: float = 500.0


class Clamd(_Section, frozen=True):
    """The virus scanner. ``socket`` is a path, or ``host:port``; empty means the embedded one under the home.

    ``sockets`` lists several that share the work. ``concurrent`` is how many scans this node, with all its processes,
    has under way in each of them; 0 is twice the cores of this machine. ``seconds`` bounds a scan, ``queue_seconds``
    the wait for one. ``signature_days`` is the age of signatures from which on there is an alarm.
    """

    socket: str = ""
    sockets: tuple[str, ...] = ()
    seconds: float = 60.0
    queue_seconds: float = 30.0
    connect_seconds: float = 5.0
    idle_seconds: float = 20.0
    concurrent: Annotated[int, msgspec.Meta(ge=0)] = 0
    signature_days: float = 3.0


class Rspamd(_Section, frozen=True):
    """Rspamd, where the policy has it on. ``url`` scans, ``controller`` learns; ``secret`` names its password's file.

    ``seconds`` bounds one scan with its wait, ``concurrent`` is how many run at once in one process. What is larger
    than ``max_size`` (octets) is not handed over.
    """

    url: str = "http://127.0.0.1:11333"
    controller: str = "http://127.0.0.1:11334"
    secret: str = ""
    seconds: float = 20.0
    concurrent: int = 16
    max_size: int = 4 * 1024 * 1024


class Spamassassin(_Section, frozen=True):
    """SpamAssassin's spamd, where the policy has it on: ``host:port``, or the path of its socket. Limits as Rspamd's.

    ``user`` is whose preferences and Bayes it uses; empty leaves that to spamd.
    """

    address: str = "127.0.0.1:783"
    user: str = ""
    seconds: float = 40.0
    concurrent: int = 4
    max_size: int = 512 * 1024


class Dns(_Section, frozen=True):
    """Who is asked for names. ``servers`` are ``address:port``; empty: those of /etc/resolv.conf, never its domains.

    ``seconds`` bounds one look-up with all its retries, ``cache`` is the number of answers that each process keeps.
    """

    servers: tuple[str, ...] = ()
    seconds: float = 5.0
    attempt_seconds: float = 1.5
    cache: int = 20_000
    max_ttl: float = 86_400.0
    negative_ttl: float = 900.0


class Ledger(_Section, frozen=True):
    """The ledger of what was sent. ``megabytes`` (MiB) is the size of its file, which it keeps once it is made."""

    megabytes: Annotated[int, msgspec.Meta(ge=1, le=65_536)] = 64


class Database(_Section, frozen=True):
    """``url`` is ``sqlite`` (a file under the home) or ``postgresql://user:password@host:port/name``."""

    url: str = "sqlite"


class Broker(_Section, frozen=True):
    """Celery's broker: ``filesystem`` (needs no server), ``redis://...`` or ``amqp://...``."""

    url: str = "filesystem"


class Console(_Section, frozen=True):
    """The console. ``url`` is how people reach it; it stands in links, and its host is one that the console answers to.

    ``proxies`` are networks of web servers that reach it over TCP, and are believed who the client is.
    """

    listen: str = "127.0.0.1:8000"
    url: str = "http://127.0.0.1:8000"
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    proxies: tuple[str, ...] = ()
    workers: int = 2

    @property
    def origin(self) -> str:
        """What browsers call this site (RFC 6454 6.2): scheme, host, and the port where it is not the usual one."""
        parts = urlsplit(self.url)
        port = "" if parts.port in {None, _USUAL_PORTS[parts.scheme]} else f":{parts.port}"
        return f"{parts.scheme}://{self.host}{port}"

    @property
    def host(self) -> str:
        """The host of ``url``, as a browser writes it."""
        name = urlsplit(self.url).hostname or ""
        return f"[{name}]" if ":" in name else name


class Retention(_Section, frozen=True):
    """How long things are kept, in days."""

    quarantine_days: int = 30
    trace_days: int = 30
    quarantine_bytes: int = 10 * 1024**3
    quarantine_min_free: int = 512 * 1024**2


class Backup(_Section, frozen=True):
    """After how many days without a backup, and without a proof that one can be restored, there is an alarm."""

    days: float = 2.0
    proof_days: float = 8.0


class Log(_Section, frozen=True):
    """``format`` is ``text`` or ``json``; ``level`` a name of Python's logging."""

    format: str = "text"
    level: str = "INFO"


class Embedded(_Section, frozen=True):
    """What ``manage.py run`` brings along. ``sink`` is where the bundled next hop listens."""

    sink: str = "127.0.0.1:2626"


class Config(_Section, frozen=True):
    """All of it."""

    node: Node = Node()
    smtp: Smtp = Smtp()
    limits: Limits = Limits()
    budget: Budget = Budget()
    clamd: Clamd = Clamd()
    rspamd: Rspamd = Rspamd()
    spamassassin: Spamassassin = Spamassassin()
    dns: Dns = Dns()
    ledger: Ledger = Ledger()
    database: Database = Database()
    broker: Broker = Broker()
    console: Console = Console()
    retention: Retention = Retention()
    backup: Backup = Backup()
    log: Log = Log()
    embedded: Embedded = Embedded()

    @property
    def name(self) -> str:
        """The node's name, as it stands in banner, Received and Authentication-Results."""
        return self.node.name or _own_name()

    @property
    def home(self) -> Path:
        """The state folder, absolute."""
        return self.node.home.absolute()

    @property
    def policy_folder(self) -> Path:
        """Where snapshots are published."""
        return self.home / "policy"

    @property
    def learned_folder(self) -> Path:
        """Where what was learned is published."""
        return self.home / "learned"

    @property
    def secrets_folder(self) -> Path:
        """Where secrets lie, each in a 0600 file named by its id."""
        return self.home / "secrets"

    @property
    def spool_folder(self) -> Path:
        """Where incoming and quarantined messages lie."""
        return self.home / "spool"

    @property
    def journal_folder(self) -> Path:
        """Where SMTP processes append their traces."""
        return self.home / "journal"

    @property
    def status_folder(self) -> Path:
        """Where each process says how it is."""
        return self.home / "status"

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of this instance's SMTP processes: ``1``, ``2``; of the instance ``a``: ``a-1``, ``a-2``."""
        prefix = f"{self.node.instance}-" if self.node.instance else ""
        return tuple(f"{prefix}{number + 1}" for number in range(max(1, self.node.processes)))

    @property
    def settle_seconds(self) -> float:
        """How long a message that has come whole may wait for its reply: checks, and the next hop's last answer."""
        return self.budget.data + self.budget.final_dot

    @property
    def drain_seconds(self) -> float:
        """How long an SMTP process may take to end: who has sent all by the bound of a stop is answered."""
        return self.limits.stop_seconds + self.settle_seconds

    @property
    def clamd_addresses(self) -> tuple[str, ...]:
        """The sockets of all scanners: those that are configured, else the embedded one's."""
        return self.clamd.sockets or (self.clamd_address,)

    @property
    def has_own_clamd(self) -> bool:
        """Whether the scanner is the embedded one."""
        return not (self.clamd.socket or self.clamd.sockets)

    @property
    def scans_at_once(self) -> int:
        """How many scans one process has under way in each scanner: its share of the node's."""
        return max(1, -(-(self.clamd.concurrent or 2 * (os.cpu_count() or 1)) // self.node.processes))

    @property
    def clamd_address(self) -> str:
        """The first scanner's socket; where none is configured the embedded one's, which a deep home makes too long."""
        if configured := self.clamd.socket or next(iter(self.clamd.sockets), ""):
            return configured
        path = str(self.home / "clamav" / "clamd.sock")
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
            return path
        short = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        return f"{tempfile.gettempdir()}/backstop-{os.getuid()}-{short}/clamd.sock"

    @property
    def certificate(self) -> Path:
        """The certificate chain, PEM."""
        return self.smtp.certificate or self.home / "tls" / "cert.pem"

    @property
    def key(self) -> Path:
        """The certificate's private key, PEM."""
        return self.smtp.key or self.home / "tls" / "key.pem"


def load(environment: Mapping[str, str] | None = None) -> Config:
    """Read the configuration. Raises ConfigError, which names the place and the remedy."""
    environment = os.environ if environment is None else environment
    file = file_of(environment) or SYSTEM_FILE
    values: dict[str, Any] = {}
    if file_of(environment):
        try:
            values = tomllib.loads(file.read_text())
        except FileNotFoundError:
            raise ConfigError(f"{file}: no such file; BACKSTOP_CONFIG must name a readable TOML file") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{file}: {error}") from error
    from_environment = False
    for name, value in environment.items():
        section, separator, key = name.removeprefix(_PREFIX).partition("__")
        if name.startswith(_PREFIX) and separator:
            part = values.setdefault(section.lower(), {})
            if not isinstance(part, dict):
                raise ConfigError(f"{file}: {section.lower()} must be a table")
            part[key.lower()] = _value(value)
            from_environment = True
    try:
        config = msgspec.convert(values, Config, dec_hook=_path)
    except msgspec.ValidationError as error:
        where = f"{file}" if values and not from_environment else f"{file} or a {_PREFIX}SECTION__KEY variable"
        raise ConfigError(f"{where}: {error}; see docs/configuration.md for the keys") from error
    _examine(config, file)
    return config


def file_of(environment: Mapping[str, str] | None = None) -> Path | None:
    """Give the file that the configuration is read from, None where there is none."""
    named = (os.environ if environment is None else environment).get("BACKSTOP_CONFIG")
    file = Path(named) if named else SYSTEM_FILE
    return file if named or file.exists() else None


def _examine(config: Config, file: Path) -> None:
    """Look at what the types leave open. Raises ConfigError, which names the file or variable, and the key."""
    if config.clamd.socket and config.clamd.sockets:
        where = f"{file} or BACKSTOP_CLAMD__SOCKETS"
        raise ConfigError(f"{where}: clamd.socket and clamd.sockets are both given; list all of them in clamd.sockets")
    if config.drain_seconds + STOP_GRACE_SECONDS >= STOP_SECONDS:
        raise ConfigError(
            f"{file} or BACKSTOP_LIMITS__STOP_SECONDS: limits.stop_seconds, budget.data and budget.final_dot are "
            f"{config.drain_seconds:g} s together, and at a stop systemd waits {STOP_SECONDS:g} s: lower one of them"
        )
    for key, networks in (("smtp.balancers", config.smtp.balancers), ("console.proxies", config.console.proxies)):
        for network in networks:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                where = f"{file} or {_PREFIX}{key.upper().replace('.', '__')}"
                raise ConfigError(f"{where}: {key}: {network!r} is no network such as 192.0.2.0/24") from None
    if not _is_site(config.console.url):
        where = f"{file} or {_PREFIX}CONSOLE__URL"
        raise ConfigError(f"{where}: console.url: {config.console.url!r} is no address such as https://mx.example.org")


def _is_site(url: str) -> bool:
    """Whether a URL leads to a site."""
    try:
        parts = urlsplit(url)
        return parts.scheme in _USUAL_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _path(wanted: type, value: object) -> object:
    """Make a path of a string, the one type that msgspec doesn't know."""
    if wanted is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"expected {wanted.__name__}")


@functools.cache
def _own_name() -> str:
    """Give the machine's name; asked once, for it may take a look-up."""
    name = socket.getfqdn()
    return socket.gethostname() if name.startswith("localhost") else name


def _value(text: str) -> object:
    """Read an environment variable as JSON where it is JSON, else as a word."""
    try:
        return json.loads(text)
    except ValueError:
        return text
