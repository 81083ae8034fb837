"""Starts what a benchmark needs, on loopback ports of its own, and stops it again: clamd, smtp-sink, gateway, stub."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from gateway.policy import codec, defaults
from gateway.policy.snapshot import (
    ClientRules,
    DomainPolicy,
    NextHop,
    Outbound,
    RecipientPolicy,
    Route,
    Rules,
    Snapshot,
    TlsLevel,
)
from gateway.services import secrets

ROOT = Path(__file__).resolve().parent.parent
_EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
START_SECONDS = 30.0


class Running(msgspec.Struct, frozen=True):
    """A server under measurement: where it listens, and the process whose CPU time counts."""

    port: int
    pid: int


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_until(what: str, ready: Callable[[], bool]) -> None:
    """Wait for a condition. Raises TimeoutError, which says for what."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not start within {START_SECONDS} s")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that vanishes behind us; its path is short, for unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def process(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block lasts; what it prints goes to bench.log in its own folder."""
    with tempfile.TemporaryFile() as log:
        running = subprocess.Popen(  # noqa: S603 - our own servers
            command, env=os.environ | environment, cwd=ROOT, stdout=log, stderr=log
        )
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


@contextlib.contextmanager
def clamd(home: Path) -> Iterator[str]:
    """Run a clamd that knows the EICAR test file only; gives its socket."""
    database = home / "clamav"
    database.mkdir()
    (database / "eicar.ndb").write_text(f"Eicar-Test:0:*:{_EICAR.encode().hex()}\n")
    path = home / "clamd.sock"
    (home / "clamd.conf").write_text(
        f"LocalSocket {path}\nDatabaseDirectory {database}\nForeground yes\nAlertExceedsMax yes\nMaxThreads 4\n"
        f"StreamMaxLength 200M\nMaxScanSize 200M\nMaxFileSize 200M\n"
        f"User {'root' if os.geteuid() == 0 else os.environ['USER']}\n"
    )
    with process("/usr/sbin/clamd", "-c", str(home / "clamd.conf")):
        wait_until("clamd", path.exists)
        yield str(path)


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """Run Postfix's smtp-sink, which takes everything; gives its port."""
    port = free_port()
    user = ("-u", "postfix") if os.geteuid() == 0 else ()
    with process("/usr/sbin/smtp-sink", *user, f"127.0.0.1:{port}", "1000"):
        wait_until("smtp-sink", lambda: answers(port))
        yield port


def snapshot(next_hop: int, max_size: int = 26_214_400) -> Snapshot:
    """Give a policy with everything on: one domain, three recipients, every check."""
    rules = Rules(checks=defaults.CHECKS)
    return Snapshot(
        revision=1,
        published="2026-01-01T00:00:00Z",
        by="bench",
        domains={
            "example.test": DomainPolicy(
                route="next", rules=rules, recipients={name: RecipientPolicy() for name in ("alice", "bob", "carol")}
            )
        },
        routes={"next": Route(hosts=(NextHop("127.0.0.1", next_hop),), tls=TlsLevel.NEVER)},
        outbound=Outbound(route="next", rules=Rules(checks=defaults.OUTBOUND_CHECKS)),
        max_size=max_size,
        clients=ClientRules(connections_per_minute=None, messages_per_hour=None),  # all come from here
    )


@contextlib.contextmanager
def gateway(
    home: Path,
    policy: Snapshot,
    scanner: str,
    *,
    processes: int = 1,
    secret: tuple[str, str] | None = None,
    **more: str,
) -> Iterator[Running]:
    """Run the SMTP front; gives its port and (with one process) the child whose CPU time counts.

    ``secret`` is the id and the text of one that the policy names, ``more`` is more of the configuration.
    """
    port = free_port()
    state = home / "gateway"
    (state / "policy").mkdir(parents=True)
    (state / "policy" / "current.json").write_bytes(codec.encode(policy))
    if secret is not None:
        secrets.write(state / "secrets", *secret)
    environment = more | {
        "BACKSTOP_NODE__HOME": str(state),
        "BACKSTOP_NODE__NAME": "mx.example.test",
        "BACKSTOP_NODE__PROCESSES": str(processes),
        "BACKSTOP_CLAMD__SOCKET": scanner,
        "BACKSTOP_SMTP__INBOUND": f'["127.0.0.1:{port}"]',
        "BACKSTOP_SMTP__OUTBOUND": "[]",
        "BACKSTOP_SMTP__OUTBOUND_TLS": "[]",
        "BACKSTOP_LIMITS__CONNECTIONS_PER_CLIENT": "1000",
    }
    with process(sys.executable, "-m", "smtpfront", **environment):
        status = state / "status" / "smtp-1.json"
        wait_until("gateway", lambda: status.exists() and answers(port))
        yield Running(port, int(msgspec.json.decode(status.read_bytes())["pid"]))


@contextlib.contextmanager
def stub(next_hop: int, scanner: str) -> Iterator[Running]:
    """Run the bare aiosmtpd."""
    port = free_port()
    with process(sys.executable, str(ROOT / "bench" / "stub.py"), str(port), str(next_hop), scanner) as running:
        wait_until("stub", lambda: answers(port))
        yield Running(port, running.pid)


def cpu_seconds(pid: int) -> float:
    """Give the CPU time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_peak(pid: int) -> int:
    """Give the largest resident size that a process has had, in octets."""
    return _memory(pid, "VmHWM:")


def memory_now(pid: int) -> int:
    """Give the resident size of a process, in octets."""
    return _memory(pid, "VmRSS:")


def _memory(pid: int, name: str) -> int:
    """Give a line of a process's status, in octets."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def children(pid: int) -> list[int]:
    """Give the processes that a process has started, from whichever of its threads."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(each) for children in threads for each in children.read_text().split()]


def parent_of(pid: int) -> int:
    """Give the process that started another one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
