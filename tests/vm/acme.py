"""A real ACME server (RFC 8555) on this computer: Debian's pebble.

It asks a name server of its own, which leads every name to 127.0.0.1: there qemu has the way to the machine's port 80.
"""

import contextlib
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

SEEN_FROM_A_MACHINE = "10.0.2.2"  # this computer

_START_SECONDS = 60.0
_POLL = 0.1


class AcmeError(Exception):
    """The server does not do its part; says what it said."""


class AcmeServer:
    """An ACME server with an authority of its own, both made anew at each start. Use it as a context."""

    def __init__(self, folder: Path, http: int) -> None:
        """Keep its files in a folder; it looks for its challenges at a port of 127.0.0.1, where others use port 80."""
        if not (shutil.which("pebble") and shutil.which("pebble-challtestsrv")):
            raise AcmeError("there is no pebble here; scripts/packages test installs it")
        self.folder = folder
        # Who signs for the server itself, PEM.
        self.authority = folder / "authority.pem"
        self._http = http
        self._port, self._management, self._names = _free_ports(3)
        self._processes: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)
        _certify(folder)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def directory(self, host: str = "127.0.0.1") -> str:
        """Name what clients are told to ask, as they reach this computer."""
        return f"https://{host}:{self._port}/dir"

    def start(self) -> None:
        """Start, and wait until it answers. What it knew before is forgotten, accounts and authority."""
        settings = {
            "listenAddress": f"127.0.0.1:{self._port}",
            "managementListenAddress": f"127.0.0.1:{self._management}",
            "certificate": str(self.folder / "server.pem"),
            "privateKey": str(self.folder / "server.key"),
            "httpPort": self._http,
            "tlsPort": self._http,
        }
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
        # Not by chance: no waiting, no refusal at random, and each name is asked for each time.
        always = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
        names = f"127.0.0.1:{self._names}"
        off = [f"-{name}=" for name in ("http01", "https01", "tlsalpn01", "management", "defaultIPv6")]
        self._run("pebble-challtestsrv", f"-dns01={names}", "-defaultIPv4=127.0.0.1", *off)
        self._run("pebble", "-config", str(self.folder / "pebble.json"), "-dnsserver", names, **always)
        end = time.monotonic() + _START_SECONDS
        while not self._answers():
            if time.monotonic() > end or any(each.poll() is not None for each in self._processes):
                self.stop()
                raise AcmeError(f"pebble does not answer:\n{self.log[-2000:]}")
            time.sleep(_POLL)

    def stop(self) -> None:
        """End it; may be called again."""
        while self._processes:
            process = self._processes.pop()
            process.kill()
            process.wait()

    @property
    def log(self) -> str:
        """All that it has said."""
        file = self.folder / "pebble.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def root(self) -> str:
        """Fetch the certificate that all which it issues leads to, PEM."""
        trusting = ssl.create_default_context(cafile=self.authority)
        with urllib.request.urlopen(
            f"https://127.0.0.1:{self._management}/roots/0", context=trusting, timeout=10
        ) as answer:
            text: str = answer.read().decode()
            return text

    def _run(self, program: str, *arguments: str, **environment: str) -> None:
        with (self.folder / "pebble.log").open("ab") as log:
            command = ["setpriv", "--pdeathsig", "KILL", program, *arguments]
            self._processes.append(
                subprocess.Popen(
                    command, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return "CERTIFICATE" in self.root()
        return False


def _free_ports(count: int) -> list[int]:
    """Find ports for TCP and UDP, below those that outgoing connections are given."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(10_000, 32_768)  # noqa: S311 - no secret
        with (
            contextlib.suppress(OSError),
            socket.socket() as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            found.append(port)
    return found


def _certify(folder: Path) -> None:
    """Make an authority, and a certificate for the server under each name that it is reached by."""
    new = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "30",
    ]
    signing = ["-addext", "keyUsage=critical,keyCertSign", "-addext", "basicConstraints=critical,CA:TRUE"]
    names = f"subjectAltName=IP:127.0.0.1,IP:{SEEN_FROM_A_MACHINE}"
    serving = ["-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"]
    signed = ["-CA", "authority.pem", "-CAkey", "authority.key"]
    for files, options in (("authority", signing), ("server", [*signed, *serving])):
        made = ["-subj", f"/CN={files}", "-keyout", f"{files}.key", "-out", f"{files}.pem"]
        subprocess.run([*new, *options, *made], cwd=folder, capture_output=True, check=True)
