"""Who is connected, behind a proxy and without one: by rules, and by gunicorn as it runs on a machine."""

import ipaddress
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from gateway.models import AuditEntry
from tests.consoles import PATIENCE, Unix, serving, sign_in
from tests.ports import free_port
from webadmin.client_address import address
from webadmin.signin import FAILED, LOCKED, PER_NAME

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


@pytest.fixture
def administrator(transactional_db: None) -> None:  # noqa: ARG001 - gunicorn reads the row
    User.objects.create_superuser("admin", password="admin-password-1")


def recorded() -> list[str]:
    return [f"{each.verb}: {each.target}" for each in AuditEntry.objects.order_by("id")]


@pytest.fixture
def environment(subprocess_environment: dict[str, str]) -> dict[str, str]:
    """Of a console that believes 127.0.0.2."""
    return subprocess_environment | {"BACKSTOP_CONSOLE__PROXIES": '["127.0.0.2"]'}


@pytest.mark.usefixtures("administrator")
def test_behind_the_unix_socket_each_client_is_counted_by_itself(environment: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "console.sock"
    failed = AuditEntry(who="admin", verb=FAILED, target="203.0.113.9")
    AuditEntry.objects.bulk_create([failed] * PER_NAME)

    with serving(environment | {"BACKSTOP_CONSOLE__LISTEN": f"unix:{path}"}, tmp_path) as log:
        locked = sign_in(Unix(path), "admin-password-1", X_Real_IP="203.0.113.9")
        sign_in(Unix(path), "wrong", X_Real_IP="192.0.2.7", X_Forwarded_For="203.0.113.9")
        let_in = sign_in(Unix(path), "admin-password-1", X_Real_IP="192.0.2.7")
        sign_in(Unix(path), "wrong")

    assert LOCKED in locked.page
    assert let_in.status == HTTPStatus.FOUND
    assert recorded()[PER_NAME:] == [f"{FAILED}: 192.0.2.7", "sign in: 192.0.2.7", f"{FAILED}: an unknown client"]
    assert "must set X-Real-IP" in log.read_text()


@pytest.mark.usefixtures("administrator")
def test_over_tcp_a_client_can_say_neither_who_it_is_nor_that_it_is_https_and_a_listed_proxy_can(
    environment: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()

    def connection(source: str) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", port, timeout=PATIENCE, source_address=(source, 0))

    said = {"X_Real_IP": "192.0.2.7", "X_Forwarded_For": "192.0.2.7", "Forwarded": "for=192.0.2.7"}
    with serving(environment | {"BACKSTOP_CONSOLE__LISTEN": f"127.0.0.1:{port}"}, tmp_path):
        sign_in(connection("127.0.0.3"), "wrong", **said)
        sign_in(connection("127.0.0.2"), "wrong", **said)
        sign_in(connection("127.0.0.2"), "wrong")
        # Over https Django wants a Referer, which these requests lack.
        believed = sign_in(connection("127.0.0.2"), "wrong", X_Forwarded_Proto="https")
        not_believed = sign_in(connection("127.0.0.4"), "wrong", X_Forwarded_Proto="https")

    assert (believed.status, not_believed.status) == (HTTPStatus.FORBIDDEN, HTTPStatus.OK)
    assert recorded() == [f"{FAILED}: {client}" for client in ("127.0.0.3", "192.0.2.7", "127.0.0.2", "127.0.0.4")]
