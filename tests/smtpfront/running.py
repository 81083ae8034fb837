"""A real SMTP front in a process of its own, and a client to talk to it with."""

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from gateway.checks.spam import GTUBE
from gateway.mail.trace import Trace
from gateway.policy import codec, defaults, learned
from gateway.policy.learned import Learned
from gateway.policy.snapshot import (
    Account,
    ClientRules,
    DomainPolicy,
    Forwarder,
    Ldap,
    Outbound,
    RecipientPolicy,
    Route,
    Rules,
    Snapshot,
    Thresholds,
    TlsLevel,
    Validation,
)
from gateway.policy.snapshot import (
    NextHop as Hop,
)
from gateway.spool import records
from smtpfront.lab.nameserver import Nameserver

ROOT = Path(__file__).resolve().parents[2]
FORWARDER = "127.0.0.2"  # the address from which a client is a trusted forwarder
MENDED = "127.0.0.3"  # the address whose line ends are mended
STRANGER = "127.0.0.9"  # an address that may not send outbound without AUTH


STUMBLED = ("Traceback", "was never retrieved", "was destroyed")  # what a log says of what nobody has seen to


PATIENCE = 60.0  # seconds for what takes one where nothing else runs: no machine that tests is to be too slow


def until(what: str, ready: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)


# All dialogues are one client's.
UNLIMITED = ClientRules(connections_per_minute=None, messages_per_hour=None, unknown_per_hour=None)


def snapshot(next_hop: int, other_hop: int = 9, **changes: object) -> Snapshot:
    """Give the policy that the dialogues are written for."""
    rules = Rules(checks=defaults.CHECKS)
    strict = Rules(thresholds=Thresholds(5.0, 5.0, 15.0), checks=defaults.CHECKS)
    names = ("alice", "bob", "full", "gone", "slow", "dotfull", "dotbad", "refused")
    values: dict[str, object] = {
        "revision": 1,
        "published": "2026-01-01T00:00:00Z",
        "by": "test",
        "domains": {
            "example.test": DomainPolicy(
                route="inner",
                rules=rules,
                recipients={**{name: RecipientPolicy() for name in names}, "carol": RecipientPolicy(rules=strict)},
            ),
            "observed.test": DomainPolicy(
                route="inner",
                rules=Rules(checks=defaults.CHECKS, observe=True),
                recipients={"alice": RecipientPolicy()},
            ),
            "elsewhere.test": DomainPolicy(route="other", rules=rules, recipients={"dora": RecipientPolicy()}),
            "unrouted.test": DomainPolicy(route="inner", rules=rules, accept_unknown=True),
            "people.test": DomainPolicy(
                route="inner",
                rules=rules,
                recipients={
                    "alice": RecipientPolicy(),
                    "sales-*": RecipientPolicy(),
                    "info": RecipientPolicy(alias="alice@people.test"),
                    "far": RecipientPolicy(alias="dora@elsewhere.test"),
                },
            ),
            "directory.test": DomainPolicy(
                route="inner",
                rules=rules,
                recipients={"alice": RecipientPolicy()},
                validation=(Validation.LIST, Validation.LDAP),
                ldap=Ldap("ldap://127.0.0.1:9", "dc=example,dc=test", tls=TlsLevel.NEVER),  # nobody answers
            ),
        },
        "routes": {
            "inner": Route(hosts=(Hop("127.0.0.1", next_hop),), tls=TlsLevel.NEVER),
            "other": Route(hosts=(Hop("127.0.0.1", other_hop),), tls=TlsLevel.NEVER),
        },
        "forwarders": {"partner": Forwarder((f"{FORWARDER}/32",))},
        "accounts": {"alice": Account("account-alice", ("alice@example.test",))},
        "outbound": Outbound(networks=("127.0.0.1/32",), route="inner", rules=Rules(checks=defaults.OUTBOUND_CHECKS)),
        "max_size": 1_000_000,
        "normalise_line_ends": (f"{MENDED}/32",),
        "clients": UNLIMITED,
    }
    return Snapshot(**{**values, **changes})  # type: ignore[arg-type]


class Gateway:
    """One running SMTP front."""

    def __init__(self, home: Path, policy: Snapshot, clamd: str, *, processes: int = 1, **environment: str) -> None:
        self.home = home
        self.ports: dict[str, int] = {}
        self.publish(policy)
        self.log_path = home / "smtpd.log"
        self._processes = processes
        self._environment = os.environ | {
            "BACKSTOP_NODE__HOME": str(home),
            "BACKSTOP_NODE__NAME": "mx.example.test",
            "BACKSTOP_NODE__PROCESSES": str(processes),
            "BACKSTOP_CLAMD__SOCKET": clamd,
            "BACKSTOP_DNS__SERVERS": '["127.0.0.1:9"]',  # nobody answers
            "BACKSTOP_BUDGET__CONNECT": f"{PATIENCE:g}",
            "BACKSTOP_SMTP__INBOUND": '["127.0.0.1:0"]',
            "BACKSTOP_SMTP__OUTBOUND": '["127.0.0.1:0"]',
            "BACKSTOP_SMTP__OUTBOUND_TLS": '["127.0.0.1:0"]',
            "BACKSTOP_LIMITS__STOP_SECONDS": "3",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Stop, whatever happened; a test that went well must not have made it stumble."""
        code = self.stop()
        if kind is None:
            assert not any(sign in self.log for sign in STUMBLED), self.log
            assert code == 0

    def publish(self, policy: Snapshot) -> None:
        """Put a policy in place."""
        self._put(self.home / "policy" / "current.json", codec.encode(policy))

    def learn(self, known: Learned | bytes) -> None:
        """Put what was learned in place, or a broken file of it."""
        text = known if isinstance(known, bytes) else learned.encode(known)
        self._put(self.home / "learned" / learned.FILE, text)

    def forget(self) -> None:
        """Take what was learned away."""
        (self.home / "learned" / learned.FILE).unlink(missing_ok=True)

    def _put(self, path: Path, text: bytes) -> None:
        """Put a file in place as a whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name("new")
        new.write_bytes(text)
        new.replace(path)

    def start(self) -> None:
        """Start, and wait until every process is ready."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "smtpfront"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that parent and children can be ended together
            )
        try:
            until("smtpd ready", lambda: len(self.statuses()) == self._processes)
        except AssertionError:
            self.kill()
            raise
        addresses = self.statuses()[0]["listeners"]
        assert isinstance(addresses, list)
        ports = [int(address.rpartition(":")[2]) for address in addresses]
        self.ports = dict(zip(("inbound", "outbound", "tls"), ports, strict=False))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop; gives the exit status. One that does not end is killed. Harmless where it has ended."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End every process of it at once."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)

    def statuses(self) -> list[dict[str, object]]:
        """What each process says of itself."""
        found = []
        for path in (self.home / "status").glob("smtp-*.json"):
            with contextlib.suppress(OSError, ValueError):
                found.append(json.loads(path.read_bytes()))
        return found

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def records(self) -> list[records.Record]:
        """Every record in the journals."""
        lines = [
            line
            for path in sorted((self.home / "journal").glob("*.jsonl"))
            for line in path.read_bytes().splitlines(keepends=True)
        ]
        return [records.decode(line) for line in lines if line.endswith(b"\n")]  # the last may be being written

    def traces(self) -> list[Trace]:
        return [each.trace for each in self.records() if isinstance(each, records.TraceRecord)]

    def alarms(self) -> list[str]:
        return [each.text for each in self.records() if isinstance(each, records.AlarmRecord)]

    def trace_of(self, reply: str) -> Trace:
        """The trace whose id a reply ends with."""
        wanted = reply.rsplit("id ", 1)[1].strip()
        until("the trace", lambda: any(each.id == wanted for each in self.traces()))
        return next(each for each in self.traces() if each.id == wanted)

    def quarantined(self, trace_id: str) -> Path | None:
        """The folder of a quarantined message."""
        return next(iter((self.home / "spool" / "quarantine").glob(f"*/{trace_id}")), None)

    def staged(self) -> list[Path]:
        """What is staged, or half received."""
        return [*(self.home / "spool" / "staging").glob("*/*"), *(self.home / "spool" / "incoming").glob("*/*")]

    def client(self, listener: str = "inbound", *, source: str = "127.0.0.1") -> "Client":
        return Client(self.ports[listener], source=source, tls=listener == "tls")


def dns(server: Nameserver, *, seconds: float = PATIENCE, attempt_seconds: float = PATIENCE) -> dict[str, str]:
    """The settings of a gateway that asks this name server, patiently: short is what is to be used up."""
    return {
        "BACKSTOP_DNS__SERVERS": f'["{server.address}"]',
        "BACKSTOP_DNS__SECONDS": f"{seconds:g}",
        "BACKSTOP_DNS__ATTEMPT_SECONDS": f"{attempt_seconds:g}",
    }


class Client:
    """An SMTP client that says exactly what it is told to."""

    def __init__(self, port: int, *, source: str = "127.0.0.1", tls: bool = False) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(source, 0))
        self.socket.settimeout(PATIENCE)
        self._buffer = b""
        if tls:
            self._wrap()
        self.banner = self.reply()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _wrap(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def starttls(self) -> str:
        answer = self.say("STARTTLS")
        if answer.startswith("220"):
            self._wrap()
        return answer

    def send(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def say(self, line: str) -> str:
        self.send(line.encode("utf-8", "surrogateescape") + b"\r\n")
        return self.reply()

    def reply(self) -> str:
        """Read one reply; the lines of a long one are joined by line ends. Empty where the connection ended."""
        lines: list[str] = []
        while True:
            while b"\r\n" not in self._buffer:
                try:
                    data = self.socket.recv(65536)
                except ConnectionResetError:
                    data = b""
                if not data:
                    return "\n".join(lines)
                self._buffer += data
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            lines.append(line.decode("utf-8", "replace"))
            if line[3:4] != b"-":
                return "\n".join(lines)

    def open(self, sender: str = "them@other.test", *recipients: str, helo: str = "client.test") -> list[str]:
        """EHLO, MAIL and RCPTs; gives the replies to the RCPTs."""
        assert self.say(f"EHLO {helo}").startswith("250")
        answer = self.say(f"MAIL FROM:<{sender}>")
        assert answer.startswith("250"), answer
        return [self.say(f"RCPT TO:<{each}>") for each in recipients]

    def data(self, content: bytes) -> str:
        """DATA with a content, dot-stuffed; gives the last reply."""
        answer = self.say("DATA")
        if not answer.startswith("354"):
            return answer
        self.send(re.sub(rb"^\.", b"..", content, flags=re.MULTILINE) + b".\r\n")
        return self.reply()


def raw(gateway: Gateway, octets: bytes = b"", source: str = "127.0.0.1") -> Client:
    """Connect and say something at once; the banner is what comes then."""
    client = object.__new__(Client)
    client.socket = socket.create_connection(
        ("127.0.0.1", gateway.ports["inbound"]), PATIENCE, source_address=(source, 0)
    )
    client.socket.settimeout(PATIENCE)
    client._buffer = b""
    client.send(octets)
    client.banner = client.reply()
    return client


def mail(body: str = "hello\r\n", **changes: str | None) -> bytes:
    """A proper message, or one that differs by some fields."""
    fields = {
        "From": "Them <them@other.test>",
        "To": "alice@example.test",
        "Date": "Fri, 20 Nov 2026 10:00:00 +0000",
        "Message-ID": "<1@other.test>",
        "Subject": "Lunch",
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    return ("".join(f"{k}: {v}\r\n" for k, v in fields.items() if v is not None) + "\r\n" + body).encode()


def spam(points: str = "gtube") -> bytes:
    """GTUBE; or a message that scores 6 (``tagged``), between the limits of alice and of carol."""
    if points == "gtube":
        return mail(GTUBE.decode() + "\r\n")
    return mail(Date=None, Message_ID=None, Subject="BUY THIS NOW $$$", To=None)
