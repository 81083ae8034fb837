"""The policy files of MTA-STS behind nginx, as the role sets it up: one path of one name, for anybody."""

import json
import shutil
import ssl
from http import HTTPStatus
from pathlib import Path

import pytest

from gateway.models import Domain, Route
from tests.consoles import get
from tests.deploy.rendering import ANSIBLE, PROGRAMS, ansible, ask, certificate
from tests.deploy.test_console import Https, ports, pytestmark

__all__ = ["ports", "pytestmark"]

LONG = ".".join(["a" * 60, "b" * 60, "c" * 60, "example.org"])
DOMAINS = ["example.org", "xn--bcher-kva.example", LONG]


def told(folder: Path, tag: str, **wanted: object) -> str:
    """Give the first thing that the role says of a machine which serves the policy files of our domains."""
    if not PROGRAMS.exists():
        pytest.skip("ansible is not installed: scripts/venv ansible")
    extra = json.dumps({**wanted, "console_mta_sts_domains": DOMAINS, "out": str(folder / "out.json")})
    inventory = ("-i", "inventory.example/hosts.yml")
    ansible("ansible-playbook", *inventory, "../tests/deploy/render.yml", "--tags", tag, "-e", extra)
    (found,) = json.loads((folder / "out.json").read_text())
    return found


@pytest.fixture(scope="module")
def rendered(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # what others have, for our domains
    folder = tmp_path_factory.mktemp("mta-sts") / "rendered"
    shutil.copytree(rendered, folder)
    template = ANSIBLE / "roles/console/templates/nginx.conf.j2"
    (folder / "console" / "nginx.conf").write_text(told(folder, "render", files=[str(template)]))
    return folder


def asked(tls: int, name: str) -> Https:
    """A connection that asks for a name and takes any certificate."""
    connection = Https(tls, Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"), name)
    connection._trust.check_hostname = False  # noqa: SLF001 - whose it is has tests of its own
    connection._trust.verify_mode = ssl.CERT_NONE  # noqa: SLF001 - as above
    return connection


def test_nginx_gives_the_file_of_a_domain_to_anybody_and_nothing_else(ports: tuple[int, int]) -> None:
    route = Route.objects.create(name="inside")
    Domain.objects.create(name="example.org", route=route, mta_sts="testing", mta_sts_max_age=86_400)
    Domain.objects.create(name=LONG, route=route, mta_sts="enforce")
    _, tls = ports
    path = "/.well-known/mta-sts.txt"

    file = get(asked(tls, "mta-sts.example.org"), path)

    assert (file.status, file.headers["Content-Type"], file.cookies) == (HTTPStatus.OK, "text/plain", {})
    assert file.page.splitlines() == ["version: STSv1", "mode: testing", "mx: gateway.example.test", "max_age: 86400"]
    assert "mode: enforce\n" in get(asked(tls, f"mta-sts.{LONG}"), path).page
    Domain.objects.filter(name="example.org").update(mta_sts="enforce")
    assert "mode: enforce\n" in get(asked(tls, "mta-sts.example.org"), path).page

    for name, where in (
        ("mta-sts.example.org", "/"),
        ("mta-sts.example.org", "/login/"),
        ("mta-sts.example.org", "/.well-known/mta-sts.txt/"),
        ("mta-sts.xn--bcher-kva.example", path),  # a domain that is none any more
        ("mx1.example.org", path),
    ):
        assert get(asked(tls, name), where).status == HTTPStatus.NOT_FOUND, (name, where)
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        get(asked(tls, "mta-sts.far.example"), path)


def test_nginx_takes_its_settings_for_policy_files(rendered: Path, tmp_path: Path) -> None:
    certificate(tmp_path)
    text = (rendered / "console" / "nginx.conf").read_text()
    (tmp_path / "nginx.conf").write_text(text.replace("/etc/backstop/tls", str(tmp_path)))

    ask("nginx", "-t", "-q", "-c", tmp_path / "nginx.conf", "-g", f"error_log {tmp_path}/log;")


def test_the_certificate_is_asked_for_these_names_too(tmp_path: Path) -> None:
    names = told(tmp_path, "tell", told=["console_acme_names"])

    assert names == ["mx1.example.org", *(f"mta-sts.{domain}" for domain in DOMAINS)]
