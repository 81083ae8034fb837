import json
import os
import time
from pathlib import Path

import pytest
from django.utils import timezone

from gateway.models import (
    Account,
    AuditEntry,
    CheckSetting,
    DnsList,
    Domain,
    NodePolicy,
    PolicyRevision,
    Recipient,
    RecipientProbe,
    Route,
    RouteHost,
    SenderEntry,
)
from gateway.operations import publish
from gateway.policy.codec import PolicyError, load
from gateway.policy.defaults import CHECKS
from gateway.policy.feed import PolicyFeed
from gateway.policy.snapshot import ClientRules, ListVerdict, Mode, RecipientPolicy, SendingLimits
from gateway.policy.snapshot import DnsList as WordsOfList

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("domain")]


@pytest.fixture
def domain(home: Path) -> Domain:  # noqa: ARG001 - publishing writes there
    route = Route.objects.create(name="inside")
    RouteHost.objects.create(route=route, host="127.0.0.1", port=2526)
    domain = Domain.objects.create(name="example.test", route=route)
    Recipient.objects.create(domain=domain, local_part="alice")
    Recipient.objects.create(domain=domain, local_part="strict", reject=9.0)
    return domain


def test_publishing_puts_the_rows_into_a_file_that_the_feed_takes(home: Path) -> None:
    publish.publish_policy("admin")
    snapshot = PolicyFeed(home / "policy").current
    assert snapshot is not None
    assert (snapshot.revision, snapshot.by) == (1, "admin")
    assert snapshot.routes["inside"].hosts[0].port == 2526
    assert snapshot.domains["example.test"].recipients["alice"].rules is None


def test_a_recipients_threshold_is_laid_over_its_domains_rules(domain: Domain, home: Path) -> None:
    domain.tag = 4.0
    domain.save()
    publish.publish_policy("admin")
    rules = load(home / "policy/current.json").domains["example.test"].recipients["strict"].rules
    assert rules is not None
    assert (rules.thresholds.tag, rules.thresholds.quarantine, rules.thresholds.reject) == (4.0, 8.0, 9.0)
    assert rules.checks == CHECKS


def test_every_check_is_listed_and_a_setting_replaces_its_default(domain: Domain, home: Path) -> None:
    CheckSetting.objects.create(domain=domain, check_name="clamav", mode="observe")
    CheckSetting.objects.create(domain=None, check_name="spam", mode="off")
    publish.publish_policy("admin")
    written = json.loads((home / "policy/current.json").read_text())
    checks = written["domains"]["example.test"]["rules"]["checks"]
    assert checks.keys() == CHECKS.keys()
    assert checks["clamav"]["mode"] == Mode.OBSERVE
    assert checks["spam"]["mode"] == Mode.SCORE
    assert written["outbound"]["rules"]["checks"]["spam"]["mode"] == Mode.OFF


def test_each_revision_keeps_its_own_file_and_row(domain: Domain, home: Path) -> None:
    publish.publish_policy("admin")
    first = (home / "policy/1.json").read_bytes()
    domain.observe = True
    domain.save()
    publish.publish_policy("admin")
    assert (home / "policy/1.json").read_bytes() == first
    assert (home / "policy/2.json").read_bytes() == (home / "policy/current.json").read_bytes()
    assert list(PolicyRevision.objects.values_list("number", flat=True)) == [2, 1]
    assert sorted(os.listdir(home / "policy")) == ["1.json", "2.json", "current.json"]  # noqa: PTH208 - names are what counts


def test_the_row_says_what_changed_and_the_audit_who_did_it(domain: Domain) -> None:
    publish.publish_policy("admin")
    domain.observe = True
    domain.save()
    revision = publish.publish_policy("berta")
    assert revision.summary.splitlines()[0] == "domain example.test, observe: off -> on"
    assert AuditEntry.objects.filter(who="berta", verb="publish", target="revision 2").exists()


def test_nothing_changed_is_no_new_revision() -> None:
    first = publish.publish_policy("admin")
    assert publish.publish_policy("berta") == first
    assert PolicyRevision.objects.count() == 1


def test_a_lost_file_is_put_back_by_publishing_again(home: Path) -> None:
    publish.publish_policy("admin")
    before = (home / "policy/current.json").read_bytes()
    (home / "policy/current.json").unlink()
    publish.publish_policy("admin")
    assert (home / "policy/current.json").read_bytes() == before


def test_rows_that_make_no_valid_policy_are_refused_and_nothing_changes(domain: Domain, home: Path) -> None:
    publish.publish_policy("admin")
    before = (home / "policy/current.json").read_bytes()
    Domain.objects.create(name="Other.test", route=domain.route)
    with pytest.raises(PolicyError, match="write other"):
        publish.publish_policy("admin")
    assert publish.problem() == "domain 'Other.test' is not in lower-case A-labels; write other.test"
    assert (home / "policy/current.json").read_bytes() == before
    assert PolicyRevision.objects.count() == 1


def test_the_door_is_published_with_what_differs_laid_over_the_defaults(domain: Domain, home: Path) -> None:
    Account.objects.create(login="printer", secret="account-1")
    Account.objects.create(login="old printer", secret="account-2", enabled=False)
    NodePolicy.objects.update_or_create(
        pk=1,
        defaults={
            "clients": {"greet_delay": 4.0, "messages_per_hour": None},
            "per_account": {"messages": 50},
            "limits_of": {"printer": {"senders": 2}, "10.0.0.7": {"hours": 24}, "example.org": {"messages": 9}}
            | {"old printer": {"messages": 1}},
        },
    )
    DnsList.objects.create(zone="zen.dnsbl.example")
    DnsList.objects.create(zone="off.dnsbl.example", enabled=False)
    SenderEntry.objects.create(who="spam.example", verdict="block")
    SenderEntry.objects.create(who="bank.example", verdict="allow", domain=domain)
    alice = domain.recipients.get(local_part="alice")
    Recipient.objects.filter(pk=alice.pk).update(alias="strict@example.test")
    SenderEntry.objects.create(who="ann@far.example", verdict="block", recipient=alice)
    publish.publish_policy("admin")
    snapshot = load(home / "policy/current.json")
    assert snapshot.clients == ClientRules(greet_delay=4.0, messages_per_hour=None)
    assert snapshot.outbound.per_account == SendingLimits(messages=50, recipients=1000, refused=100, senders=20)
    assert snapshot.outbound.limits_of == {
        "printer": SendingLimits(messages=50, recipients=1000, refused=100, senders=2),
        "10.0.0.7": SendingLimits(hours=24.0, messages=2000, recipients=5000, refused=500),
        "example.org": SendingLimits(messages=9),
    }
    assert snapshot.dns_lists == {"zen.dnsbl.example": WordsOfList()}
    assert snapshot.senders == {"spam.example": ListVerdict.BLOCK}
    ours = snapshot.domains["example.test"]
    assert ours.senders == {"bank.example": ListVerdict.ALLOW}
    assert ours.recipients["alice"] == RecipientPolicy(
        None, {"ann@far.example": ListVerdict.BLOCK}, "strict@example.test"
    )


def test_a_domain_goes_not_live_while_its_next_hop_takes_anybody_unless_it_says_so(domain: Domain) -> None:
    domain.accept_unknown = True
    domain.save()
    RecipientProbe.objects.create(domain="example.test", at=timezone.now(), accepts=True)
    assert "its next hop accepts everyone, and bounces later" in str(publish.problem())
    with pytest.raises(PolicyError, match="say in accepts_everyone why this may be"):
        publish.publish_policy("admin")
    assert not PolicyRevision.objects.exists()
    domain.accepts_everyone = "an archive, Ann, 2026-11-21"
    domain.save()
    assert publish.problem() is None
    assert publish.publish_policy("admin").number == 1


def test_pending_says_what_publishing_would_change(domain: Domain) -> None:
    assert "domain example.test: added" in publish.pending()
    publish.publish_policy("admin")
    assert publish.pending() == []
    Recipient.objects.create(domain=domain, local_part="bob")
    node = NodePolicy.load()
    node.outbound_networks = ["10.0.0.0/8"]
    node.save()
    assert publish.pending() == ["domain example.test, recipient bob: added", "outbound, networks: added 10.0.0.0/8"]


def test_secrets_are_named_never_contained_and_disabled_accounts_left_out(home: Path) -> None:
    Account.objects.create(login="printer", secret="account-1", addresses=["*@example.test"])
    Account.objects.create(login="gone", secret="account-2", enabled=False)
    publish.publish_policy("admin")
    assert json.loads((home / "policy/current.json").read_text())["accounts"] == {
        "printer": {"secret": "account-1", "addresses": ["*@example.test"]}
    }


def test_a_revision_number_is_never_used_twice_even_after_the_rows_were_lost() -> None:
    publish.publish_policy("admin")
    PolicyRevision.objects.all().delete()
    assert publish.publish_policy("admin").number == 2


def test_what_each_smtp_process_applies_is_read_from_its_status(home: Path) -> None:
    folder = home / "status"
    folder.mkdir()
    now = time.time()
    (folder / "smtp-a-1.json").write_text(json.dumps({"slot": "a-1", "pid": 11, "revision": 3, "heartbeat": now}))
    (folder / "smtp-1.json").write_text(json.dumps({"slot": "1", "pid": 10, "revision": 2, "heartbeat": now - 60}))
    (folder / "smtp-2.json").write_text("{")
    assert [(each.slot, each.revision, each.alive) for each in publish.applied()] == [("1", 2, False), ("a-1", 3, True)]
