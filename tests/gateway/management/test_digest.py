"""What ``manage.py digest`` prints and does."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from gateway.models import Digest, Domain, QuarantinedCopy, Recipient, Route, RouteHost
from gateway.operations import publish

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _domains(home: Path) -> None:  # noqa: ARG001 - the policy is published there
    route = Route.objects.create(name="inside", tls="never")
    RouteHost.objects.create(route=route, position=0, host="127.0.0.1", port=25)
    domain = Domain.objects.create(name="example.test", route=route, digest="recipients")
    Recipient.objects.create(domain=domain, local_part="bob")
    Domain.objects.create(name="quiet.test", route=route)
    publish.publish_policy("admin", probed=True)
    QuarantinedCopy.objects.create(
        message="01a", recipient="bob@example.test", route="inside", subject="hello", client_ip="192.0.2.1",
        received=timezone.now(), size=1, because="of a test",
    )  # fmt: skip


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("digest", *arguments, stdout=out)
    return out.getvalue()


def test_a_dry_run_prints_what_would_be_sent_and_sends_nothing() -> None:
    said = run("--domain", "Example.test", "--dry-run")
    assert said.startswith("To: bob@example.test\nSubject: 1 message in quarantine for bob@example.test\n\n1 message")
    assert "Subject:   hello" in said
    assert not Digest.objects.exists()
    assert QuarantinedCopy.objects.get().digest == ""


def test_a_dry_run_in_json_has_an_object_for_each() -> None:
    (line,) = run("--dry-run", "--json").splitlines()
    assert json.loads(line)["lines"][0]["subject"] == "hello"


def test_without_it_what_is_due_is_sent() -> None:
    assert run() == "1 sent\n"
    assert run() == "0 sent\n"
    assert run("--dry-run") == "nothing to tell\n"
    assert Digest.objects.get().recipient == "bob@example.test"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--domain", "quiet.test", "--dry-run"), "quiet.test sends no digests: set its digest to"),
        (
            ("--domain", "far.test", "--dry-run"),
            "far.test is no domain of this gateway; it takes mail for example.test",
        ),
        (("--domain", "a b", "--dry-run"), "is no domain"),
        (("--domain", "example.test"), "give --dry-run with --domain"),
    ],
)
def test_what_it_can_not_do_is_said_in_a_line(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run(*arguments)


def test_a_digest_that_has_nowhere_to_go_is_said() -> None:
    Domain.objects.filter(name="example.test").update(digest="administrator")
    with pytest.raises(CommandError, match="the digest goes to the administrator, and digest_to is empty"):
        run("--dry-run")
