import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from gateway.models import Account, CheckSetting, Domain, Forwarder, NodePolicy, Recipient, Route, RouteHost
from gateway.operations.apply import apply_policy
from gateway.operations.export import export_policy
from gateway.operations.publish import publish_policy
from gateway.services import secrets

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rows")]


@pytest.fixture
def rows(home: Path) -> None:
    route = Route.objects.create(name="inside", tls="must", username="gw", secret="route-inside")
    RouteHost.objects.create(route=route, position=1, host="b.example.test", port=465, tls_from_start=True)
    RouteHost.objects.create(route=route, position=0, host="::1", port=2525)
    domain = Domain.objects.create(name="example.test", route=route, tag=4.5, accept_unknown=True)
    Domain.objects.create(name="xn--bcher-kva.test", route=route, observe=True)
    Recipient.objects.create(domain=domain, local_part="alice")
    Recipient.objects.create(domain=domain, local_part="müller")
    Recipient.objects.create(domain=domain, local_part="off", reject=9.0, drop=30.0)
    Recipient.objects.create(domain=domain, local_part="123")
    CheckSetting.objects.create(domain=domain, check_name="spam", mode="off", action="reject", weights={"GTUBE": 50.0})
    CheckSetting.objects.create(domain=None, check_name="clamav", mode="enforce", action="drop", on_failure="deliver")
    Forwarder.objects.create(name="backup", networks=["192.0.2.0/24", "2001:db8::/32"], virus="quarantine")
    Account.objects.create(login="printer", secret="account-printer", addresses=["*@example.test"])
    Account.objects.create(login="gone", secret="account-gone", enabled=False)
    NodePolicy.objects.create(
        pk=1, observe=True, max_size=5_000_000, outbound_networks=["10.0.0.0/8"], outbound_route=route, tag=6
    )
    secrets.write(home / "secrets", "account-printer", "$argon2id$hash-of-printer")
    secrets.write(home / "secrets", "route-inside", "the-password")
    publish_policy("admin")


def test_what_is_exported_is_applied_again_without_a_change() -> None:
    assert apply_policy(export_policy(), "export.yml", "admin") == []


def test_an_export_makes_the_same_policy_in_an_empty_database() -> None:
    text = export_policy()
    for model in (Domain, Forwarder, Account, NodePolicy, CheckSetting, Route):
        model.objects.all().delete()
    apply_policy(text, "export.yml", "admin")
    assert export_policy() == text


def test_no_secret_is_exported_only_its_id() -> None:
    text = export_policy()
    assert "account-printer" in text
    assert "argon2" not in text
    assert "the-password" not in text


def test_a_person_can_read_it() -> None:
    text = export_policy()
    assert "  example.test:\n    route: inside\n    accept_unknown: true\n    thresholds:\n      tag: 4.5\n" in text
    assert "      alice: {}\n" in text


def test_the_command_prints_yaml_or_json() -> None:
    out = StringIO()
    call_command("export", stdout=out)
    assert out.getvalue() == export_policy()
    out = StringIO()
    call_command("export", "--json", stdout=out)
    assert json.loads(out.getvalue())["routes"]["inside"]["tls"] == "must"
    assert apply_policy(out.getvalue(), "export.json", "admin") == []
