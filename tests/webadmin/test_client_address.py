"""Who is connected, behind a proxy and without one: by rules, and by gunicorn as it runs on a machine."""

import http.client
import ipaddress
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User

from gateway.models import AuditEntry
from tests.ports import free_port
from webadmin.client_address import address
from webadmin.signin import FAILED, LOCKED, PER_NAME

ROOT = Path(__file__).parents[2]
PROXIES = [ipaddress.ip_network("127.0.0.2/32"), ipaddress.ip_network("2001:db8:1::/64")]


@pytest.mark.parametrize(
    ("peer", "told", "known"),
    [
        # The unix socket has no address: only the web server can open it.
        ("", "192.0.2.7", "192.0.2.7"),
        ("", " 2001:DB8::0:7 ", "2001:db8::7"),
        ("", "::ffff:192.0.2.7", "192.0.2.7"),
        ("", "", ""),
        ("", "192.0.2.7,203.0.113.9", ""),
        ("", "unknown", ""),
        ("/run/somebody.sock", "192.0.2.7", "192.0.2.7"),
        # Over TCP anybody could say anything.
        ("203.0.113.9", "192.0.2.7", "203.0.113.9"),
        ("203.0.113.9", "", "203.0.113.9"),
        ("fe80::1%eth0", "192.0.2.7", "fe80::1"),
        # But for those who are listed.
        ("127.0.0.2", "192.0.2.7", "192.0.2.7"),
        ("::ffff:127.0.0.2", "192.0.2.7", "192.0.2.7"),
        ("2001:db8:1::9", "192.0.2.7", "192.0.2.7"),
        ("127.0.0.2", "nonsense", "127.0.0.2"),
        ("127.0.0.2", "", "127.0.0.2"),
        ("127.0.0.3", "192.0.2.7", "127.0.0.3"),
    ],
)
def test_an_address_is_believed_of_the_web_server_alone(peer: str, told: str, known: str) -> None:
    assert address(peer, told, PROXIES) == known


class Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = str(path)

    def connect(self) -> None:
        """Open it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


Serve = Callable[[str], None]


@pytest.fixture
def serve(subprocess_environment: dict[str, str], tmp_path: Path) -> Iterator[Serve]:
    """Start gunicorn as it runs on a machine, on an address; it believes 127.0.0.2."""
    started: list[subprocess.Popen[bytes]] = []

    def start(listen: str) -> None:
        environment = subprocess_environment | {
            "BACKSTOP_CONSOLE__LISTEN": listen,
            "BACKSTOP_CONSOLE__PROXIES": '["127.0.0.2"]',
            "BACKSTOP_CONSOLE__WORKERS": "1",
            "PYTHONPATH": str(ROOT),
        }
        command = (sys.executable, "-m", "gunicorn", "--config", "python:gateway.embedded.console", "gateway.wsgi")
        log = tmp_path / "log"
        with log.open("wb") as out:
            started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out, stderr=out))
        until = time.monotonic() + 60
        while "ready: " not in log.read_text():
            assert started[-1].poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)

    yield start
    for each in started:
        each.terminate()
        each.wait(30)


def sign_in(connection: http.client.HTTPConnection, password: str, **headers: str) -> str:
    """Send the form of the sign-in page; gives the page that comes, empty where it worked."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", "/login/", headers=named)
    page = connection.getresponse()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    cookie = re.match(r"csrftoken=\w+", page.headers["Set-Cookie"])
    assert token
    assert cookie
    form = urlencode({"username": "admin", "password": password, "csrfmiddlewaretoken": token[1]})
    sent = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie[0]}
    connection.request("POST", "/login/", form, named | sent)
    answer = connection.getresponse()
    said = answer.read().decode()
    connection.close()
    return "" if answer.status == http.HTTPStatus.FOUND else said


@pytest.fixture
def administrator(transactional_db: None) -> None:  # noqa: ARG001 - gunicorn reads the row
    User.objects.create_superuser("admin", password="admin-password-1")


def recorded() -> list[str]:
    return [f"{each.verb}: {each.target}" for each in AuditEntry.objects.order_by("id")]


@pytest.mark.usefixtures("administrator")
def test_behind_the_unix_socket_each_client_is_counted_by_itself(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "console.sock"
    serve(f"unix:{path}")

    AuditEntry.objects.bulk_create(AuditEntry(who="admin", verb=FAILED, target="203.0.113.9") for _ in range(PER_NAME))
    assert LOCKED in sign_in(Unix(path), "admin-password-1", X_Real_IP="203.0.113.9")
    assert sign_in(Unix(path), "wrong", X_Real_IP="192.0.2.7", X_Forwarded_For="203.0.113.9")
    assert sign_in(Unix(path), "admin-password-1", X_Real_IP="192.0.2.7") == ""
    assert sign_in(Unix(path), "wrong")

    assert recorded()[PER_NAME:] == [f"{FAILED}: 192.0.2.7", "sign in: 192.0.2.7", f"{FAILED}: an unknown client"]
    assert "must set X-Real-IP" in (tmp_path / "log").read_text()


@pytest.mark.usefixtures("administrator")
def test_over_tcp_a_client_can_not_say_who_it_is_and_a_listed_proxy_can(serve: Serve) -> None:
    port = free_port()
    serve(f"127.0.0.1:{port}")

    def connection(source: str) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))

    said = {"X_Real_IP": "192.0.2.7", "X_Forwarded_For": "192.0.2.7", "Forwarded": "for=192.0.2.7"}
    assert sign_in(connection("127.0.0.3"), "wrong", **said)
    assert sign_in(connection("127.0.0.2"), "wrong", **said)
    assert sign_in(connection("127.0.0.2"), "wrong")

    assert recorded() == [f"{FAILED}: {client}" for client in ("127.0.0.3", "192.0.2.7", "127.0.0.2")]
