import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from gateway.models import (
    Account,
    CheckSetting,
    DnsList,
    Domain,
    Forwarder,
    NodePolicy,
    PolicyRevision,
    Recipient,
    Route,
    RouteHost,
    SenderEntry,
)
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
    domain = Domain.objects.create(
        name="example.test",
        route=route,
        tag=4.5,
        redirect=6.5,
        accept_unknown=True,
        attachments=[
            {"name": "images", "names": ["*.iso", "*.img"], "action": "strip"},
            {"name": "programs", "types": ["application/x-dosexec"], "inside": False},
        ],
        redirect_to="alice@example.test",
        copy_to=["müller@example.test"],
    )
    Domain.objects.create(
        name="xn--bcher-kva.test",
        route=route,
        observe=True,
        validation=["ldap", "list"],
        validation_down="deliver",
        plus="",
        ldap={"url": "ldaps://directory", "base": "dc=example", "bind": "cn=gw", "secret": "ldap-1", "seconds": 2.5},
        accepts_everyone="an archive, Ann, 2026-11-21",
    )
    alice = Recipient.objects.create(domain=domain, local_part="alice", alias="müller@example.test")
    Recipient.objects.create(domain=domain, local_part="müller")
    Recipient.objects.create(
        domain=domain, local_part="off", reject=9.0, drop=30.0, redirect_to="123@example.test", attachments=[]
    )
    Recipient.objects.create(domain=domain, local_part="123")
    CheckSetting.objects.create(domain=domain, check_name="spam", mode="off", action="reject", weights={"GTUBE": 50.0})
    CheckSetting.objects.create(domain=domain, check_name="line_ends", mode="enforce", actions={"BARE_LF": "redirect"})
    CheckSetting.objects.create(domain=None, check_name="clamav", mode="enforce", action="drop", on_failure="deliver")
    Forwarder.objects.create(name="backup", networks=["192.0.2.0/24", "2001:db8::/32"], virus="quarantine")
    Account.objects.create(login="printer", secret="account-printer", addresses=["*@example.test"])
    Account.objects.create(login="gone", secret="account-gone", enabled=False)
    NodePolicy.objects.create(
        pk=1,
        observe=True,
        max_size=5_000_000,
        outbound_networks=["10.0.0.0/8"],
        outbound_route=route,
        tag=6,
        clients={"greet_delay": 4.0, "blocked": ["198.51.100.0/24"], "messages_per_hour": None},
        greylisting={"delay": 60.0},
        arc_sealers=["lists.example.org"],
        spf_void_limit=3,
        per_account={"messages": 50, "senders": None},
        limits_of={"printer": {"hours": 24.0}, "10.0.0.7": {"messages": None}},
    )
    SenderEntry.objects.create(who="spam.example", verdict="block", comment="sends nothing else")
    SenderEntry.objects.create(who="192.0.2.0/24", verdict="allow")
    SenderEntry.objects.create(who="bank.example", verdict="allow", domain=domain)
    SenderEntry.objects.create(who="ann@far.example", verdict="block", recipient=alice)
    DnsList.objects.create(zone="zen.dnsbl.example", codes={"127.0.0.2": 4.0, "127.0.0.4/30": 6.5})
    DnsList.objects.create(zone="null.dnsbl.example", kind="null_sender", enabled=False, listed="")
    secrets.write(home / "secrets", "account-printer", "$argon2id$hash-of-printer")
    secrets.write(home / "secrets", "route-inside", "the-password")
    publish_policy("admin")


def test_what_is_exported_is_applied_again_without_a_change() -> None:
    assert apply_policy(export_policy(), "export.yml", "admin") == []


def test_an_export_makes_the_same_policy_in_an_empty_database() -> None:
    text = export_policy()
    for model in (Domain, Forwarder, Account, NodePolicy, CheckSetting, Route, DnsList, SenderEntry):
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
    assert "      alice:\n        alias: müller@example.test\n" in text
    assert "      müller: {}\n" in text
    assert "senders:\n  192.0.2.0/24: allow\n  spam.example:\n    verdict: block\n    comment: sends " in text
    assert "dns_lists:\n  null.dnsbl.example:\n    kind: null_sender\n    listed: ''\n    enabled: false\n" in text
    assert (
        "  clients:\n    greet_delay: 4.0\n    blocked:\n    - 198.51.100.0/24\n    messages_per_hour: null\n" in text
    )


def test_what_is_published_again_after_an_export_is_the_same_policy() -> None:
    apply_policy(export_policy(), "export.yml", "admin")
    assert PolicyRevision.objects.count() == 1


def test_the_command_prints_yaml_or_json() -> None:
    out = StringIO()
    call_command("export", stdout=out)
    assert out.getvalue() == export_policy()
    out = StringIO()
    call_command("export", "--json", stdout=out)
    assert json.loads(out.getvalue())["routes"]["inside"]["tls"] == "must"
    assert apply_policy(out.getvalue(), "export.json", "admin") == []
