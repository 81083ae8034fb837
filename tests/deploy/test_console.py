"""The console behind nginx as the playbooks set both up: https, cookies, and who may pretend what."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from gateway.models import AuditEntry
from tests.consoles import PATIENCE, get, serving, sign_in
from tests.deploy.rendering import certificate
from tests.ports import free_ports

NAME = "mx1.example.org"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(os.geteuid() != 0, reason="nginx has its folders as root"),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]


class Https(http.client.HTTPSConnection):
    """HTTPS to our nginx, which must show the certificate of its name; from an address of this machine."""

    def __init__(self, port: int, authority: Path, name: str = NAME) -> None:
        self._trust = ssl.create_default_context(cafile=str(authority))
        super().__init__(name, timeout=PATIENCE, context=self._trust)
        self._there = port

    def connect(self) -> None:
        """Open it."""
        plain = socket.create_connection(("127.0.0.1", self._there), PATIENCE, source_address=("127.0.0.9", 0))
        self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)


Connect = Callable[[], Https]


@pytest.fixture
def ports(rendered: Path, tmp_path: Path, subprocess_environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """Nginx and console by our templates, with an administrator; gives the ports of http and https."""
    plain, tls = free_ports(2)
    certificate(tmp_path)
    text = (rendered / "console" / "nginx.conf").read_text()
    text = re.sub(r"^\s*listen \[::\].*\n", "", text, flags=re.MULTILINE)
    for ours, theirs in (
        ("listen 80 ", f"listen 127.0.0.1:{plain} "),
        ("listen 443 ", f"listen 127.0.0.1:{tls} "),
        ("/etc/backstop/tls", str(tmp_path)),
        ("/run/backstop/console.sock", str(tmp_path / "console.sock")),
        ("/run/nginx.pid", str(tmp_path / "nginx.pid")),
        ("user www-data;", "user root;"),
    ):
        assert ours in text, ours
        text = text.replace(ours, theirs)
    (tmp_path / "nginx.conf").write_text(text)
    environment = subprocess_environment | {
        "BACKSTOP_CONFIG": str(rendered / "gateway" / "backstop.toml"),
        "BACKSTOP_CONSOLE__LISTEN": f"unix:{tmp_path}/console.sock",
        "BACKSTOP_DATABASE__URL": subprocess_environment.get("BACKSTOP_DATABASE__URL", "sqlite"),
    }
    User.objects.create_superuser("admin", password="admin-password-1")
    with serving(environment, tmp_path):
        command = (NGINX, "-c", tmp_path / "nginx.conf", "-g", "daemon off;")
        nginx = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + PATIENCE
            while not (tmp_path / "nginx.pid").exists() or not _listens(tls):
                assert nginx.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
            yield plain, tls
        finally:
            nginx.terminate()
            nginx.wait(PATIENCE)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_people_sign_in_over_https_with_cookies_that_stay_there(ports: tuple[int, int], tmp_path: Path) -> None:
    plain, tls = ports

    def connection(name: str = NAME) -> Https:
        return Https(tls, tmp_path / "cert.pem", name)

    origin = {"Origin": f"https://{NAME}", "Referer": f"https://{NAME}/login/"}
    forged = {"X_Real_IP": "192.0.2.7", "X_Forwarded_For": "192.0.2.7", "X_Forwarded_Proto": "http"}

    in_ = sign_in(connection(), "admin-password-1", **origin, **forged)
    assert (in_.status, in_.headers["Location"]) == (HTTPStatus.FOUND, "/")
    for name in ("sessionid", "csrftoken"):
        assert {"Secure", "SameSite=Lax"} <= set(in_.cookies[name].split("; ")), in_.cookies
    assert "HttpOnly" in in_.cookies["sessionid"]
    assert in_.headers["Strict-Transport-Security"] == "max-age=31536000"
    session = in_.cookies["sessionid"].partition(";")[0]
    assert "Log out" in get(connection(), "/", Cookie=session).page

    # The console knows that it is https: it wants a Referer there, and the right origin.
    assert sign_in(connection(), "admin-password-1").status == HTTPStatus.FORBIDDEN
    elsewhere = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
    assert sign_in(connection(), "admin-password-1", **elsewhere).status == HTTPStatus.FORBIDDEN

    sign_in(connection(), "wrong", **origin, **forged)
    told = list(AuditEntry.objects.order_by("id").values_list("verb", "target"))
    assert told == [("sign in", "127.0.0.9"), ("sign-in failed", "127.0.0.9")]

    led = get(http.client.HTTPConnection("127.0.0.1", plain, timeout=PATIENCE), "/login/?next=/health/")
    assert led.status == HTTPStatus.PERMANENT_REDIRECT
    assert led.headers["Location"] == f"https://{NAME}/login/?next=/health/"
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        get(connection("other.example.org"), "/login/")
