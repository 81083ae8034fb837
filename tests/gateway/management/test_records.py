import json
from io import StringIO

import msgspec
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from gateway.config import Dns
from gateway.models import Domain, Route
from tests.nameserving import serving

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.fixture(autouse=True)
def _domains() -> None:
    route = Route.objects.create(name="inside")
    Domain.objects.create(name="example.org", route=route, mta_sts="testing", tls_reports="tls@example.org")
    Domain.objects.create(name="xn--bcher-kva.example", route=route)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("records", *arguments, stdout=out)
    return out.getvalue()


def test_it_prints_the_records_of_the_node_and_of_every_domain() -> None:
    said = run()

    assert "; gateway.example.test: this node\n" in said
    assert "\nexample.org. IN MX 10 gateway.example.test.\n" in said
    assert "\nxn--bcher-kva.example. IN MX 10 gateway.example.test.\n" in said
    assert ";   mode: testing\n" in said


def test_one_domain_is_named_as_a_person_writes_it() -> None:
    said = run("Bücher.example")

    assert "xn--bcher-kva.example. IN MX" in said
    assert "example.org." not in said
    assert "mta-sts" not in said


def test_a_domain_that_is_none_of_ours_is_told_with_those_that_are() -> None:
    with pytest.raises(CommandError, match=r"far\.example is no domain of this gateway; it takes mail for example"):
        run("far.example")
    with pytest.raises(CommandError, match="is no domain: "):
        run("ü" * 300)


def test_for_programs_there_is_an_object_for_each_record() -> None:
    found = [json.loads(line) for line in run("example.org", "--json").splitlines()]

    (reports,) = [each for each in found if each["name"] == "_smtp._tls.example.org"]
    assert reports["type"] == "TXT"
    assert reports["value"] == "v=TLSRPTv1; rua=mailto:tls@example.org"
    assert reports["line"] == f'_smtp._tls.example.org. IN TXT "{reports["value"]}"'
    assert not any("dns" in each for each in found)


def test_check_says_what_dns_has_and_fails_where_something_is_to_be_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving({"example.org": {"MX": ["5 old.example.org."]}}) as server:
        dns = Dns(servers=(server.address,), seconds=60.0, attempt_seconds=60.0)
        monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(settings.CONFIG, dns=dns))
        with pytest.raises(SystemExit) as ended:
            call_command("records", "example.org", "--check")
    said = capsys.readouterr().out

    assert ended.value.code == 1
    assert "; DNS: differs; there is 5 old.example.org\nexample.org. IN MX 10 gateway.example.test.\n" in said
    assert "; DNS: missing\n_smtp._tls.example.org. IN TXT" in said
