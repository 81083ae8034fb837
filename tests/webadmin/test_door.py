"""The policy of the door: lists, imports, limits, and how a domain knows its recipients."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from gateway.models import Account, AuditEntry, DnsList, Domain, NodePolicy, Recipient, SenderEntry
from gateway.operations import publish
from tests.webadmin.people import person
from tests.webadmin.test_policy import NO_INLINES, errors_of

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.get(name="example.test")


def domain_form(domain: Domain, **changes: object) -> dict[str, object]:
    return {"name": domain.name, "route": domain.route_id, "reject": 12, "plus": "+", **NO_INLINES, **changes}


@pytest.mark.parametrize("model", ["senderentry", "dnslist"])
def test_a_list_and_its_form_open(admin: Client, model: str) -> None:
    for page in ("", "add/"):
        assert admin.get(f"/gateway/{model}/{page}").status_code == 200


def test_a_sender_is_kept_in_plain_form_and_stands_in_a_list_once(admin: Client, domain: Domain) -> None:
    form = {"who": "*@Spam.Example", "verdict": "block", "comment": "sends nothing else"}
    admin.post("/gateway/senderentry/add/", form)
    admin.post("/gateway/senderentry/add/", form | {"domain": domain.pk, "verdict": "allow"})
    rows = {row.scope: (row.who, row.verdict) for row in SenderEntry.objects.all()}
    assert rows == {"the node": ("spam.example", "block"), "example.test": ("spam.example", "allow")}
    again = admin.post("/gateway/senderentry/add/", form | {"who": "spam.example"})
    assert "stands in the list already" in errors_of(again)
    assert AuditEntry.objects.filter(verb="add", target="sender entry block spam.example for the node").exists()


def test_a_sender_that_is_none_or_of_two_lists_is_refused(admin: Client, domain: Domain) -> None:
    form = {"who": "spam", "verdict": "block"}
    assert "is no sender; write user@example.org" in errors_of(admin.post("/gateway/senderentry/add/", form))
    both = {"who": "a.test", "verdict": "block", "domain": domain.pk, "recipient": domain.recipients.first().pk}
    assert "empty one of the two" in errors_of(admin.post("/gateway/senderentry/add/", both))


def test_senders_are_found_by_search_and_by_list(admin: Client, domain: Domain) -> None:
    SenderEntry.objects.create(who="spam.example", verdict="block", comment="sends nothing else")
    SenderEntry.objects.create(who="bank.example", verdict="allow", domain=domain)
    for query, found in (("q=nothing+else", "spam.example"), ("list=domain", "bank.example")):
        page = admin.get(f"/gateway/senderentry/?{query}")
        assert [row.who for row in page.context["cl"].result_list] == [found]


def test_a_dns_list_is_kept_with_its_codes(admin: Client) -> None:
    form = {"zone": "ZEN.dnsbl.example.", "kind": "block", "enabled": "on", "listed": "127.0.0.2", "unlisted": ""}
    admin.post("/gateway/dnslist/add/", form | {"codes": "127.0.0.2 4\n127.0.0.4/30: 6.5"})
    row = DnsList.objects.get()
    assert (row.zone, row.codes) == ("zen.dnsbl.example", {"127.0.0.2": 4.0, "127.0.0.4/30": 6.5})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"codes": "127.255.255.254 4"}, "by which lists tell errors"),
        ({"codes": "127.0.0.2 many"}, "write it as 127.0.0.2 4"),
        ({"codes": ""}, "required"),
        ({"zone": "a b"}, "is no domain"),
        ({"listed": "two"}, "is no address"),
    ],
)
def test_a_dns_list_that_could_not_be_published_is_not_saved(admin: Client, changes: dict[str, str], says: str) -> None:
    form = {"zone": "zen.dnsbl.example", "kind": "block", "codes": "127.0.0.2 4", "listed": "", "unlisted": ""}
    assert says in errors_of(admin.post("/gateway/dnslist/add/", form | changes))


def test_limits_show_what_holds_and_keep_what_differs(admin: Client) -> None:
    Account.objects.create(login="big printer", secret="account-big-printer")
    page = admin.get("/gateway/nodepolicy/1/change/")
    form = {name: "" if value is None else value for name, value in page.context["adminform"].form.initial.items()}
    form = {name: "\n".join(value) if isinstance(value, list) else value for name, value in form.items()}
    assert (form["clients_messages_per_hour"], form["per_account_messages"]) == (3600, 500)
    form |= {"clients_greet_delay": "4", "clients_messages_per_hour": "", "clients_blocked": "198.51.100.0/24"}
    form |= {"per_account_senders": "5", "greylisting_delay": "60", "spf_void_limit": "3", "observe": ""}
    form |= {"arc_sealers": "lists.example.org", "limits_of": "big printer messages=9 senders=none\n10.0.0.7 hours=24"}
    assert admin.post("/gateway/nodepolicy/1/change/", form).status_code == 302
    node = NodePolicy.load()
    assert node.clients == {"greet_delay": 4.0, "blocked": ["198.51.100.0/24"], "messages_per_hour": None}
    assert (node.per_account, node.per_client, node.greylisting) == ({"senders": 5}, {}, {"delay": 60.0})
    assert node.limits_of == {"big printer": {"messages": 9, "senders": None}, "10.0.0.7": {"hours": 24.0}}
    assert (node.arc_sealers, node.spf_void_limit) == (["lists.example.org"], 3)
    assert publish.problem() is None
    again = admin.get("/gateway/nodepolicy/1/change/").context["adminform"].form
    assert again.initial["clients_messages_per_hour"] is None
    assert "big printer messages=9 senders=none" in str(again["limits_of"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"clients_greet_delay": "61"}, "greet_delay: 61 is out of bounds; give a number from 0 to 60"),
        ({"clients_blocked": "ten"}, "is no network"),
        ({"clients_allowed": "10.0.0.0/8", "clients_blocked": "10.0.0.0/8"}, "is both allowed and blocked"),
        ({"greylisting_delay": "7200", "greylisting_window_hours": "1"}, "nobody can come back"),
        ({"per_client_messages": "20000"}, "messages: 20000 is out of bounds"),
        ({"spf_void_limit": "11"}, "less than or equal to 10"),
        ({"arc_sealers": "a..b"}, "is no domain"),
        ({"limits_of": "printer messages=many"}, "is no limit; write one of hours=, messages="),
        ({"limits_of": "printer"}, "line 1: write a name and its limits"),
        ({"limits_of": "no such one messages=1"}, "is no account, client or domain"),
        ({"limits_of": "printer messages=-1"}, "printer: messages: -1 is out of bounds"),
    ],
)
def test_a_limit_that_could_not_be_published_is_not_saved(admin: Client, changes: dict[str, str], says: str) -> None:
    page = admin.post("/gateway/nodepolicy/1/change/", {"max_size": 1000} | changes)
    assert page.status_code == 200
    assert says in page.content.decode().replace("&#x27;", "'")
    assert NodePolicy.load().max_size != 1000


def test_a_domain_says_how_it_knows_its_recipients(admin: Client, domain: Domain, seeded: Path) -> None:
    url = f"/gateway/domain/{domain.pk}/change/"
    form = domain_form(
        domain,
        validation_1="ldap",
        validation_2="list",
        validation_down="deliver",
        plus="-",
        ldap_url="ldaps://directory",
        ldap_base="dc=example",
        ldap_bind="cn=gw",
        ldap_password="for the directory",
        accepts_everyone="an archive, Ann",
    )
    assert admin.post(url, form).status_code == 302
    domain.refresh_from_db()
    assert domain.validation == ["ldap", "list"]
    assert (domain.validation_down, domain.plus, domain.accepts_everyone) == ("deliver", "-", "an archive, Ann")
    secret = domain.ldap["secret"]
    assert domain.ldap == {"url": "ldaps://directory", "base": "dc=example", "bind": "cn=gw", "secret": secret}
    assert (seeded / "secrets" / secret).read_text() == "for the directory"
    assert "for the directory" not in admin.get(url).content.decode()
    assert publish.problem() is None
    admin.post(url, form | {"ldap_password": "", "ldap_seconds": "2"})
    domain.refresh_from_db()
    assert (domain.ldap["secret"], domain.ldap["seconds"]) == (secret, 2.0)


def test_a_domain_without_a_directory_is_saved_as_a_browser_sends_it(admin: Client, domain: Domain) -> None:
    sent = dict.fromkeys(("ldap_url", "ldap_base", "ldap_filter", "ldap_bind", "ldap_ca"), "")
    form = domain_form(domain, validation_1="", ldap_tls="verified", ldap_seconds="", plus="", **sent)
    assert admin.post(f"/gateway/domain/{domain.pk}/change/", form).status_code == 302
    domain.refresh_from_db()
    assert (domain.ldap, domain.validation, domain.plus) == (None, [], "")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"validation_1": "ldap"}, "ldap has no settings"),
        ({"validation_1": "list", "validation_2": "list"}, "list stands here twice"),
        ({"ldap_url": "http://directory"}, "is no URL of LDAP"),
        ({"ldap_url": "ldap://d", "ldap_base": "dc=x", "ldap_filter": "(mail={address}"}, "do not match"),
        ({"ldap_url": "ldap://d", "ldap_base": "dc=x", "ldap_bind": "cn=gw"}, "a bind name without a secret"),
        ({"plus": "a"}, "can't part a detail"),
    ],
)
def test_a_validation_that_could_not_be_published_is_not_saved(
    admin: Client, domain: Domain, changes: dict[str, str], says: str
) -> None:
    response = admin.post(f"/gateway/domain/{domain.pk}/change/", domain_form(domain, **changes))
    assert says in errors_of(response).replace("&#x27;", "'")


def test_an_alias_is_an_address_of_ours_and_another_one(admin: Client, domain: Domain) -> None:
    form = {"domain": domain.pk, "local_part": "info", "alias": "Office@Example.test"}
    admin.post("/gateway/recipient/add/", form)
    assert Recipient.objects.get(local_part="info").alias == "office@example.test"
    for alias, says in (("x@far.example", "no address of ours"), ("new@example.test", "leads back"), ("x", "user@dom")):
        bad = form | {"local_part": "new", "alias": alias}
        assert says in errors_of(admin.post("/gateway/recipient/add/", bad))


def test_recipients_are_imported_after_a_preview(admin: Client) -> None:
    file = SimpleUploadedFile("list.csv", b"address;alias\r\ndora;\r\ninfo;dora\r\nevil@far.example;\r\nalice;bob\r\n")
    page = admin.post("/import/recipients/", {"file": file, "domain": "example.test"})
    text = page.content.decode()
    assert "Take over 3 changes" in text
    assert "info@example.test -&gt; dora@example.test" in text
    assert "far.example is no domain of ours" in text
    assert not Recipient.objects.filter(local_part="dora").exists()
    form = {"text": page.context["text"], "domain": "example.test", "import": ""}
    text = admin.post("/import/recipients/", form).content.decode()
    assert Recipient.objects.get(local_part="info").alias == "dora@example.test"
    assert Recipient.objects.get(local_part="alice").alias == "bob@example.test"
    assert "evil@far.example;" in text
    assert "2 recipients added, 1 changed, 0 removed" in text
    assert AuditEntry.objects.filter(who="admin", verb="import").exists()


def test_a_whole_list_removes_only_who_may_delete(admin: Client, domain: Domain) -> None:
    form = {"text": "alice\nbob\n", "domain": "example.test", "whole": "on", "import": ""}
    lesser = person("add_recipient", "change_recipient", "view_recipient")
    assert lesser.post("/import/recipients/", form).status_code == 403
    assert admin.post("/import/recipients/", form).headers["Location"] == "/gateway/recipient/"
    assert list(domain.recipients.values_list("local_part", flat=True)) == ["alice", "bob"]


def test_senders_are_imported_into_the_list_that_was_chosen(admin: Client) -> None:
    form = {"text": "spam.example\nbank.example,allow,ours\nspam\n", "verdict": "block", "domain": "example.test"}
    text = admin.post("/import/senders/", form).content.decode()
    assert "Take over 2 changes" in text
    assert "is no sender" in text
    admin.post("/import/senders/", form | {"import": ""})
    rows = {row.who: (row.verdict, row.comment, row.scope) for row in SenderEntry.objects.all()}
    assert rows == {"spam.example": ("block", "", "example.test"), "bank.example": ("allow", "ours", "example.test")}


@pytest.mark.parametrize("url", ["/import/recipients/", "/import/senders/"])
def test_an_import_asks_for_a_list_in_words(admin: Client, url: str) -> None:
    assert admin.get(url).status_code == 200
    assert "Choose a file, or write lines into the box." in admin.post(url, {"verdict": "block"}).content.decode()
    file = SimpleUploadedFile("list.csv", b"m\xfcller\n")
    assert "line 1 is not UTF-8" in admin.post(url, {"file": file, "verdict": "block"}).content.decode()
    assert person("view_recipient", "view_senderentry").get(url).status_code == 403


def test_the_tables_lead_to_their_imports(admin: Client) -> None:
    for model, where in (("recipient", "recipients"), ("senderentry", "senders")):
        assert "Import CSV" in admin.get(f"/gateway/{model}/").content.decode()
        response = admin.get(reverse(f"admin:gateway_{model}_import_csv"), follow=True)
        assert response.redirect_chain[-1][0] == f"/import/{where}/"
