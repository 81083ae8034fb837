"""A real slapd for tests, on loopback, with a directory of its own: alice, and a mailing address with a bracket."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import ldap3
import pytest

from gateway.embedded.certificate import make_self_signed
from tests.ports import free_port

BASE = "dc=example,dc=test"
READER = f"cn=reader,{BASE}"
PASSWORD = "an open secret"

_CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {home}/pid
argsfile {home}/args
TLSCertificateFile {home}/cert.pem
TLSCertificateKeyFile {home}/key.pem
TLSCACertificateFile {home}/cert.pem
database mdb
suffix "{base}"
rootdn "{reader}"
rootpw "{password}"
directory {home}/db
maxsize 10485760
access to * by users read by anonymous auth
"""
_ENTRIES = """\
dn: {base}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=alice,{base}
objectClass: inetOrgPerson
cn: alice
sn: Alice
mail: alice@example.test
mail: sales@example.test

dn: cn=alias,{base}
objectClass: inetOrgPerson
cn: alias
sn: Alias
mail: sales@example.test
mail: star*(odd)\\name@example.test
"""


class Slapd:
    """One server: ``port`` speaks LDAP with STARTTLS, ``secure_port`` LDAPS, by a certificate for ``localhost``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.certificate = home / "cert.pem"
        make_self_signed("localhost", self.certificate, home / "key.pem")
        (home / "db").mkdir()
        words = {"home": home, "base": BASE, "reader": READER, "password": PASSWORD}
        (home / "slapd.conf").write_text(_CONFIGURATION.format(**words))
        subprocess.run(
            ["/usr/sbin/slapadd", "-f", home / "slapd.conf"],
            input=_ENTRIES.format(**words).encode(),
            check=True,
            capture_output=True,
        )
        self.port, self.secure_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"ldap://localhost:{self.port}"

    @property
    def secure_url(self) -> str:
        return f"ldaps://localhost:{self.secure_port}"

    def start(self) -> None:
        """Start on the same ports as before, and wait until it answers."""
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.secure_port}"
        command = ["/usr/sbin/slapd", "-f", str(self.home / "slapd.conf"), "-h", urls, "-d", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.secure_port), 1):
                return
            assert self._process.poll() is None, "slapd ended"
            assert time.monotonic() < deadline, "slapd does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self.resume()
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def add(self, name: str) -> None:
        """Add somebody, whose address is ``name@example.test``."""
        with ldap3.Connection(self.url, READER, PASSWORD, auto_bind=True, raise_exceptions=True) as connection:
            mailbox = {"sn": name, "mail": f"{name}@example.test"}
            connection.add(f"cn={name},{BASE}", "inetOrgPerson", mailbox)

    def hang(self) -> None:
        """Let it neither answer nor hang up."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)


@pytest.fixture
def slapd() -> Iterator[Slapd]:
    """A directory for one test, which may end it, or stop it in its tracks."""
    if shutil.which("slapd", path="/usr/sbin") is None:
        pytest.skip("slapd is not installed; `make setup` installs it")
    home = Path(tempfile.mkdtemp(prefix="slapd-"))
    running = Slapd(home)
    yield running
    running.stop()
    shutil.rmtree(home)
