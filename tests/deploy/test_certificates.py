"""The certificate by ACME: Debian's certbot, asked as the role asks it, gets it from Debian's pebble through nginx.

nginx with the role's settings, the SMTP front and the hook are real, in a folder and at ports of their own;
tests/vm/acme.py has the same for a machine.
"""

import contextlib
import datetime
import json
import os
import shutil
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from gateway.embedded.certificate import make_self_signed
from tests.ports import free_ports
from tests.smtpfront.running import Gateway, snapshot, until
from tests.vm.acme import AcmeServer

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / ".venv-ansible" / "bin"
NAMES = ("mx1.example.org", "console.example.org")
NEEDED = ("certbot", "pebble", "nginx")
missing = [name for name in NEEDED if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]

pytestmark = [
    pytest.mark.skipif(not PROGRAMS.exists(), reason="ansible is not installed: scripts/venv ansible"),
    pytest.mark.skipif(bool(missing), reason=f"{' and '.join(missing)} not installed: scripts/packages test"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to root"),
]


@dataclass(frozen=True)
class Site:
    """What the role makes, in a folder of its own."""

    folder: Path
    server: AcmeServer
    gateway: Gateway
    https: int
    command: tuple[str, ...]

    @property
    def lineage(self) -> Path:
        return self.folder / "letsencrypt" / "live" / "backstop"

    def run(self, *command: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command as systemd and Ansible would on the machine."""
        known = {
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}:/usr/sbin",
            "REQUESTS_CA_BUNDLE": str(self.server.authority),
        }
        environment = os.environ | known | environment
        return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)

    def certbot(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        home = self.folder / "letsencrypt"
        return self.run("certbot", *arguments, "--config-dir", home, "--work-dir", home, "--logs-dir", home / "log")

    def ask(self) -> "subprocess.CompletedProcess[str]":
        return self.certbot(*self.command[1:])

    def hook(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        file = self.folder / "letsencrypt" / "renewal-hooks" / "deploy" / "backstop"
        return self.run(file, **{"RENEWED_LINEAGE": str(self.lineage), **environment})

    def in_place(self) -> tuple[bytes, bytes]:
        return (self.folder / "tls" / "cert.pem").read_bytes(), (self.folder / "tls" / "key.pem").read_bytes()

    def served(self) -> dict[str, x509.Certificate]:
        """What nginx and each port of SMTP show, unverified."""
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname = False
        anybody.verify_mode = ssl.CERT_NONE
        return self._shown(anybody)

    def trusted(self) -> dict[str, x509.Certificate]:
        """What they show; fails where it is not signed by the server's authority, or not for the name."""
        return self._shown(ssl.create_default_context(cadata=self.server.root()))

    def _shown(self, context: ssl.SSLContext) -> dict[str, x509.Certificate]:
        shown = {}
        mx, console = NAMES
        for port, name in ((self.https, console), (self.gateway.ports["tls"], mx)):
            connection = socket.create_connection(("127.0.0.1", port), 10)
            with context.wrap_socket(connection, server_hostname=name) as tls:
                shown["https" if name == console else "tls"] = _peer(tls)
        for listener in ("inbound", "outbound"):
            with greeted(self.gateway.ports[listener], context, mx) as client:
                shown[listener] = _peer(client.sock)
        return shown


def _peer(tls: socket.socket | None) -> x509.Certificate:
    assert isinstance(tls, ssl.SSLSocket)
    return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")


@contextlib.contextmanager
def greeted(port: int, context: ssl.SSLContext, name: str) -> Iterator[smtplib.SMTP]:
    """An SMTP client under STARTTLS."""
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        client._host = name  # type: ignore[attr-defined]  # noqa: SLF001 - the name that is verified
        client.starttls(context=context)
        client.ehlo()
        yield client


def told(tag: str, out: Path, **wanted: object) -> list[object]:
    """Ask the roles for templates or variables, for a console with a name of its own."""
    extra = json.dumps({**wanted, "out": str(out), "console_name": NAMES[1]})
    environment = os.environ | {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    command = ("ansible-playbook", "-i", "inventory.example/hosts.yml", "../tests/deploy/render.yml", "--tags", tag)
    subprocess.run((*command, "-e", extra), cwd=ROOT / "ansible", env=environment, capture_output=True, check=True)
    found: list[object] = json.loads(out.read_text())
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """nginx and the SMTP front with a first certificate, an ACME server, and certbot that has not asked it yet."""
    folder = tmp_path_factory.mktemp("site")
    tls, web, hooks = folder / "tls", folder / "web", folder / "letsencrypt" / "renewal-hooks" / "deploy"
    for each in (web, hooks, folder / "bin"):
        each.mkdir(parents=True)
    http, https = free_ports(2)
    make_self_signed(NAMES[0], tls / "cert.pem", tls / "key.pem")
    templates = [str(ROOT / "ansible/roles/console/templates" / name) for name in ("nginx.conf.j2", "renewed.j2")]
    nginx, renewed = told("render", folder / "rendered.json", files=templates)
    with AcmeServer(folder / "acme", http) as server, Gateway(folder, snapshot(9), "/nowhere", **paths(tls)) as gateway:
        (command,) = told(
            "tell", folder / "told.json", told=["console_acme_command"], console_acme_server=server.directory()
        )
        placed = {"/etc/backstop/tls": tls, "/var/www/acme": web, "-g backstop": "-g root", "www-data": "root"}
        placed |= {"/run/nginx.pid": folder / "pid", "error_log stderr": f"error_log {folder}/nginx.log"}
        for port, free in ((80, http), (443, https)):
            placed |= {f"listen {port}": f"listen 127.0.0.1:{free}", f"listen [::]:{port}": f"listen [::1]:{free}"}
        written = {"nginx.conf": nginx, "renew": renewed, "command": json.dumps(command)}
        for name, text in written.items():
            for theirs, ours in placed.items():
                text = str(text).replace(theirs, str(ours))  # noqa: PLW2901 - one after the other
            (folder / name).write_text(text)
        (folder / "renew").chmod(0o755)
        (folder / "renew").rename(hooks / "backstop")
        run = f"nginx -c {folder}/nginx.conf"
        # The machine's systemctl would ask its systemd; here nginx is told directly.
        (folder / "bin" / "systemctl").write_text(
            f'#!/bin/sh\n[ "$*" = "try-reload-or-restart nginx.service" ] && {run} -s reload 2>/dev/null\n'
        )
        (folder / "bin" / "systemctl").chmod(0o755)
        made = Site(folder, server, gateway, https, tuple(json.loads((folder / "command").read_text())))
        web_server = made.run(*run.split())
        assert web_server.returncode == 0, web_server.stderr
        try:
            yield made
        finally:
            made.run(*run.split(), "-s", "stop")
            until("nginx ended", lambda: not (folder / "pid").exists())


def paths(tls: Path) -> dict[str, str]:
    return {"BACKSTOP_SMTP__CERTIFICATE": str(tls / "cert.pem"), "BACKSTOP_SMTP__KEY": str(tls / "key.pem")}


@pytest.fixture(scope="module")
def issued(site: Site) -> Site:
    """With the certificate in place."""
    asked = site.ask()
    assert asked.returncode == 0, asked.stdout + asked.stderr
    placed = site.hook()
    assert (placed.returncode, placed.stderr) == (0, "")
    assert "cert.pem is new" in placed.stdout
    serial = x509.load_pem_x509_certificate(site.in_place()[0]).serial_number
    until("it is served", lambda: {each.serial_number for each in site.served().values()} == {serial})
    return site


def test_a_server_that_is_down_leaves_the_first_certificate_in_force(site: Site) -> None:
    before = site.in_place()
    site.server.stop()
    try:
        asked = site.ask()
    finally:
        site.server.start()

    assert asked.returncode != 0
    assert site.hook().returncode != 0
    assert site.in_place() == before
    assert set(site.served()) == {"https", "tls", "inbound", "outbound"}


def test_nginx_and_every_port_of_smtp_serve_it_under_both_names(issued: Site) -> None:
    for certificate in issued.trusted().values():
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert set(names.get_values_for_type(x509.DNSName)) == set(NAMES)


def test_the_key_stays_with_root_and_the_group(issued: Site) -> None:
    assert (issued.folder / "tls" / "key.pem").stat().st_mode & 0o777 == 0o640


def test_a_renewal_is_served_without_a_restart_and_open_sessions_go_on(issued: Site) -> None:
    before = issued.trusted()
    anybody = ssl.create_default_context(cadata=issued.server.root())
    process = issued.gateway.process
    with contextlib.ExitStack() as stack:
        sessions = [
            stack.enter_context(greeted(issued.gateway.ports[listener], anybody, NAMES[0]))
            for listener in ("inbound", "outbound")
        ]

        renewed = issued.certbot("renew", "--force-renewal", "--no-random-sleep-on-renew")

        assert renewed.returncode == 0, renewed.stdout + renewed.stderr
        until("served", lambda: all(before[port] != shown for port, shown in issued.trusted().items()))
        assert [session.noop()[0] for session in sessions] == [250, 250]
    keys = {each.public_key() == before["tls"].public_key() for each in issued.trusted().values()}
    assert keys == {True}, "a TLSA record names the key"
    assert issued.gateway.process is process
    assert issued.gateway.alarms() == []


def test_a_second_run_of_the_hook_changes_nothing(issued: Site) -> None:
    before = [path.stat().st_mtime_ns for path in sorted((issued.folder / "tls").iterdir())]

    again = issued.hook()

    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert [path.stat().st_mtime_ns for path in sorted((issued.folder / "tls").iterdir())] == before


def expired(key: bytes) -> bytes:
    """A certificate for a key that was valid yesterday."""
    private = load_pem_private_key(key, None)
    assert isinstance(private, EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, NAMES[0])])
    today = datetime.datetime.now(datetime.UTC)
    days = (today - datetime.timedelta(days=2), today - datetime.timedelta(days=1))
    made = x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number(), *days)
    return made.sign(private, SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("broken", "why"),
    [("privkey.pem", "is not the key of"), ("fullchain.pem", "is no certificate"), ("expired", "has expired")],
)
def test_a_broken_renewal_is_refused_by_its_name(issued: Site, tmp_path: Path, broken: str, why: str) -> None:
    before = issued.in_place()
    lineage = shutil.copytree(issued.lineage, tmp_path / "backstop")
    if broken == "expired":
        (lineage / "fullchain.pem").write_bytes(expired((lineage / "privkey.pem").read_bytes()))
    elif broken == "privkey.pem":
        assert (
            issued.run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", lineage / broken).returncode == 0
        )
    else:
        (lineage / broken).write_text("none\n")

    refused = issued.hook(RENEWED_LINEAGE=str(lineage))

    assert refused.returncode == 1
    assert str(lineage) in refused.stderr
    assert why in refused.stderr
    assert refused.stderr.endswith("; the certificate before stays in force\n")
    assert issued.in_place() == before


def test_a_certificate_of_somebody_else_is_left_alone(issued: Site, tmp_path: Path) -> None:
    before = issued.in_place()

    other = issued.hook(RENEWED_LINEAGE=str(tmp_path / "www.example.org"))

    assert (other.returncode, other.stdout, other.stderr) == (0, "", "")
    assert issued.in_place() == before
