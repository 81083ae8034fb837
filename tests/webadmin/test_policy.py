"""The policy is edited with checks as strict as publishing's, and published by POST."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import argon2
import pytest
from django.forms import ChoiceField
from django.http import HttpResponse
from django.test import Client

from gateway.models import (
    Account,
    AuditEntry,
    CheckSetting,
    Domain,
    Forwarder,
    NodePolicy,
    PolicyRevision,
    Recipient,
    Route,
)
from gateway.operations import publish
from gateway.policy.codec import load
from tests.webadmin.people import person

Callbacks = Callable[..., AbstractContextManager[object]]
pytestmark = pytest.mark.usefixtures("seeded")

NO_INLINES = {
    "recipients-TOTAL_FORMS": 0, "recipients-INITIAL_FORMS": 0, "checks-TOTAL_FORMS": 0, "checks-INITIAL_FORMS": 0,
}  # fmt: skip


def errors_of(response: HttpResponse) -> str:
    assert response.status_code == 200, "it was saved"
    form = response.context["adminform"].form
    formsets = response.context["inline_admin_formsets"]
    return str(form.errors) + "".join(str(each.formset.errors) for each in formsets)


def test_publishing_by_post_puts_the_pending_changes_in_force(admin: Client, seeded: Path) -> None:
    page = admin.get("/publish/").content.decode()
    assert "domain example.test, recipient newcomer: added" in page
    assert PolicyRevision.objects.count() == 2
    admin.post("/publish/")
    assert PolicyRevision.objects.count() == 3
    assert "newcomer" in load(seeded / "policy/current.json").domains["example.test"].recipients
    assert "Nothing: what is in force" in admin.get("/publish/").content.decode()


def test_a_policy_that_can_not_be_published_says_why_and_stays_unpublished(admin: Client) -> None:
    Domain.objects.filter(name="example.test").update(tag=99.0)
    assert "comes before tag at 99" in admin.get("/publish/").content.decode()
    page = admin.post("/publish/", follow=True).content.decode()
    assert "Nothing was published: quarantine at 8 points" in page
    assert PolicyRevision.objects.count() == 2


def test_only_who_may_publish_publishes() -> None:
    assert person("view_domain", "change_domain").post("/publish/").status_code == 403
    assert PolicyRevision.objects.count() == 2


def test_the_sidebar_counts_what_is_pending(admin: Client) -> None:
    assert len(publish.pending()) == 1
    navigation = admin.get("/").context["sidebar_navigation"]
    item = next(item for group in navigation for item in group["items"] if item["title"] == "Publish")
    assert item["badge"] == 1


def test_a_revision_shows_what_it_changed(admin: Client) -> None:
    page = admin.get("/gateway/policyrevision/2/change/").content.decode()
    assert "domain example.test, thresholds, reject: 15 -&gt; 12" in page


def test_a_domains_name_is_kept_as_look_ups_use_it(admin: Client) -> None:
    route = Route.objects.get(name="inside")
    admin.post("/gateway/domain/add/", {"name": "Grüße.Example", "route": route.pk, **NO_INLINES})
    assert Domain.objects.filter(name="xn--gre-6ka8l.example").exists()
    assert AuditEntry.objects.filter(who="admin", verb="add", target="domain xn--gre-6ka8l.example").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "no domain"}, "is no domain"),
        ({"name": "[192.0.2.1]"}, "is an address, no domain"),
        ({"tag": "9"}, "quarantine at 8 points comes before tag at 9"),
        ({"reject": "20", "drop": "10"}, "drop at 10 points comes before reject at 20"),
    ],
)
def test_a_domain_that_could_not_be_published_is_not_saved(admin: Client, changes: dict[str, str], says: str) -> None:
    form = {"name": "new.test", "route": Route.objects.get(name="inside").pk, **NO_INLINES}
    assert says in errors_of(admin.post("/gateway/domain/add/", form | changes))


def test_a_recipients_threshold_is_checked_over_its_domains(admin: Client) -> None:
    domain = Domain.objects.get(name="example.test")
    form = {"domain": domain.pk, "local_part": "Dora", "quarantine": "13"}
    assert "reject at 12 points comes before quarantine at 13" in errors_of(admin.post("/gateway/recipient/add/", form))
    admin.post("/gateway/recipient/add/", form | {"quarantine": "11"})
    assert Recipient.objects.get(local_part="dora").quarantine == 11


def test_a_check_is_set_with_the_domain(admin: Client) -> None:
    domain = Domain.objects.get(name="xn--bcher-kva.test")
    form = NO_INLINES | {
        "name": domain.name, "route": domain.route_id, "checks-TOTAL_FORMS": 1, "checks-0-domain": domain.pk,
        "checks-0-check_name": "clamav", "checks-0-mode": "observe", "checks-0-action": "reject",
        "checks-0-on_failure": "deliver", "checks-0-weights": "VIRUS 12.5\nSCAN_LIMITS=2",
    }  # fmt: skip
    admin.post(f"/gateway/domain/{domain.pk}/change/", form)
    setting = CheckSetting.objects.get(domain=domain)
    assert (setting.check_name, setting.on_failure, setting.weights) == (
        "clamav",
        "deliver",
        {"VIRUS": 12.5, "SCAN_LIMITS": 2.0},
    )


def test_weights_that_are_none_are_refused(admin: Client) -> None:
    form = {"check_name": "clamav", "mode": "score", "action": "reject", "on_failure": "defer", "weights": "VIRUS many"}
    assert "is no weight" in errors_of(admin.post("/gateway/checksetting/add/", form))


def test_outbound_checks_are_one_a_check(admin: Client) -> None:
    form = {"check_name": "spam", "mode": "off", "action": "reject", "on_failure": "defer"}
    assert "has a setting already" in errors_of(admin.post("/gateway/checksetting/add/", form))
    admin.post("/gateway/checksetting/add/", form | {"check_name": "loops"})
    assert CheckSetting.objects.get(check_name="loops").domain is None


@pytest.mark.parametrize(
    ("networks", "says"), [("192.0.2.1/24", "write 192.0.2.0/24"), ("ten", "is no network"), ("", "required")]
)
def test_a_forwarders_networks_are_checked(admin: Client, networks: str, says: str) -> None:
    form = {"name": "new", "networks": networks, "unknown_recipient": "drop", "virus": "drop", "other": "quarantine"}
    assert says in errors_of(admin.post("/gateway/forwarder/add/", form))


def test_networks_are_typed_one_a_line(admin: Client) -> None:
    form = {
        "name": "new",
        "networks": "192.0.2.0/24\r\n2001:db8::/32",
        "unknown_recipient": "defer",
        "virus": "drop",
        "other": "drop",
    }
    admin.post("/gateway/forwarder/add/", form)
    assert Forwarder.objects.get(name="new").networks == ["192.0.2.0/24", "2001:db8::/32"]


def test_a_new_account_needs_a_password_which_is_kept_as_a_hash(admin: Client, seeded: Path) -> None:
    form = {"login": "scanner", "addresses": "scanner@example.test", "enabled": "on"}
    assert "needs a password" in errors_of(admin.post("/gateway/account/add/", form))
    assert "at least 12" in errors_of(admin.post("/gateway/account/add/", form | {"new_password": "short"}))
    admin.post("/gateway/account/add/", form | {"new_password": "a long password"})
    account = Account.objects.get(login="scanner")
    assert argon2.PasswordHasher().verify((seeded / "secrets" / account.secret).read_text(), "a long password")
    assert "a long password" not in admin.get(f"/gateway/account/{account.pk}/change/").content.decode()


def test_an_account_is_changed_without_its_password(admin: Client, seeded: Path) -> None:
    form = {"login": "scanner", "addresses": "scanner@example.test", "enabled": "on"}
    admin.post("/gateway/account/add/", form | {"new_password": "a long password"})
    account = Account.objects.get(login="scanner")
    before = (seeded / "secrets" / account.secret).read_text()
    admin.post(f"/gateway/account/{account.pk}/change/", form | {"addresses": "*@example.test"})
    account.refresh_from_db()
    assert account.addresses == ["*@example.test"]
    assert (seeded / "secrets" / account.secret).read_text() == before


def test_a_deleted_accounts_hash_is_destroyed(
    admin: Client, seeded: Path, django_capture_on_commit_callbacks: Callbacks
) -> None:
    admin.post("/gateway/account/add/", {"login": "scanner", "enabled": "on", "new_password": "a long password"})
    account = Account.objects.get(login="scanner")
    with django_capture_on_commit_callbacks(execute=True):
        admin.post(f"/gateway/account/{account.pk}/delete/", {"post": "yes"})
    assert not Account.objects.filter(pk=account.pk).exists()
    assert not (seeded / "secrets" / account.secret).exists()


def test_a_route_keeps_its_password_in_a_file_and_shows_it_to_nobody(admin: Client, seeded: Path) -> None:
    form = {
        "name": "new", "tls": "must", "username": "gw", "hosts-TOTAL_FORMS": 1, "hosts-INITIAL_FORMS": 0,
        "hosts-0-host": "mail.example.test", "hosts-0-port": 25, "hosts-0-position": 0,
    }  # fmt: skip
    assert "AUTH needs a password" in errors_of(admin.post("/gateway/route/add/", form))
    admin.post("/gateway/route/add/", form | {"new_password": "for the next hop"})
    route = Route.objects.get(name="new")
    assert (seeded / "secrets" / route.secret).read_text() == "for the next hop"
    assert "for the next hop" not in admin.get(f"/gateway/route/{route.pk}/change/").content.decode()


@pytest.mark.parametrize("host", ["http://mail.example.test", "mail.example.test:25", "two words", "1.2.3", "[::1]"])
def test_a_next_hop_that_is_no_host_is_refused_with_what_to_write(admin: Client, host: str) -> None:
    form = {
        "name": "new", "tls": "may", "hosts-TOTAL_FORMS": 1, "hosts-INITIAL_FORMS": 0,
        "hosts-0-host": host, "hosts-0-port": 25, "hosts-0-position": 0,
    }  # fmt: skip
    assert "is no host; give a name or an address alone" in errors_of(admin.post("/gateway/route/add/", form))
    assert not Route.objects.filter(name="new").exists()


@pytest.mark.parametrize("kind", ["route", "forwarder"])
def test_a_name_that_is_none_is_told_with_the_letters_that_it_may_have(admin: Client, kind: str) -> None:
    form = {"name": "two words", "hosts-TOTAL_FORMS": 0, "hosts-INITIAL_FORMS": 0}
    assert "Use letters, digits, dash and underscore alone." in errors_of(admin.post(f"/gateway/{kind}/add/", form))


def test_each_level_of_tls_says_what_it_means(admin: Client) -> None:
    page = admin.get("/gateway/route/add/").content.decode()
    assert "must: never in clear" in page
    assert "may: where the next hop offers it" in page


def test_a_new_dns_list_begins_with_the_code_that_most_lists_answer(admin: Client) -> None:
    assert "127.0.0.2 4" in admin.get("/gateway/dnslist/add/").content.decode()


def test_a_route_that_a_domain_takes_can_not_be_deleted(admin: Client) -> None:
    route = Route.objects.get(name="inside")
    admin.post(f"/gateway/route/{route.pk}/delete/", {"post": "yes"})
    assert Route.objects.filter(pk=route.pk).exists()


def test_the_node_policy_is_one_page(admin: Client) -> None:
    assert admin.get("/gateway/nodepolicy/").headers["Location"] == "/gateway/nodepolicy/1/change/"
    assert admin.get("/gateway/nodepolicy/add/").status_code == 403
    admin.post("/gateway/nodepolicy/1/change/", {"max_size": 1000, "outbound_networks": "10.1.0.0/16", "tag": "4"})
    node = NodePolicy.load()
    assert (node.max_size, node.outbound_networks, node.tag) == (1000, ["10.1.0.0/16"], 4.0)


def test_every_change_is_on_record_with_who_and_what(admin: Client) -> None:
    domain = Domain.objects.get(name="xn--bcher-kva.test")
    admin.post(
        f"/gateway/domain/{domain.pk}/change/", {"name": domain.name, "route": domain.route_id, "tag": 3, **NO_INLINES}
    )
    entry = AuditEntry.objects.filter(verb="change").latest("id")
    assert (entry.who, entry.target) == ("admin", "domain xn--bcher-kva.test")
    assert "Observe" in entry.detail
    assert "Tag" in entry.detail


def test_a_field_that_nobody_touched_is_not_on_record(admin: Client) -> None:
    domain = Domain.objects.get(name="example.test")
    url = f"/gateway/domain/{domain.pk}/change/"
    shown = admin.get(url).context["adminform"].form
    sent = {}
    for name, field in shown.fields.items():
        value = field.prepare_value(shown[name].value())
        if value is None and isinstance(field, ChoiceField):
            value = field.choices[0][0]  # as a browser does
        if value not in {None, False}:
            sent[name] = value
    admin.post(url, {**sent, **NO_INLINES, "tag": "4.5"})
    assert AuditEntry.objects.filter(verb="change").latest("id").detail == "changed Tag"


def test_the_list_of_the_audit_parts_what_a_publication_changed(admin: Client) -> None:
    AuditEntry.objects.create(who="admin", verb="publish", target="revision 9", detail="first\nsecond\n" + "x" * 200)
    page = admin.get("/gateway/auditentry/").content.decode()
    assert "first; second; xxx" in page
    assert "xxx…" in page
