"""The page that tries a recipient, or a route: who may, what it says, what it asks for."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from gateway.models import Domain, RecipientProbe, Route
from tests.smtpfront.nexthop import NextHop
from tests.webadmin.people import person


@pytest.fixture
def hop() -> Iterator[NextHop]:
    own = NextHop()
    own.script.rcpt = {"gone": "550 5.1.1 no such user <here>"}
    yield own
    own.close()


@pytest.fixture
def domain(db: None, hop: NextHop) -> Domain:  # noqa: ARG001 - it makes rows
    route = Route.objects.create(name="inner")
    route.hosts.create(position=1, host="127.0.0.1", port=hop.port)
    made = Domain.objects.create(name="example.test", route=route)
    made.recipients.create(local_part="alice")
    made.recipients.create(local_part="sales", alias="alice@example.test")
    return made


def test_the_pages_of_domain_and_route_lead_to_it(admin: Client, domain: Domain) -> None:
    for row, model, name in ((domain, "domain", "try_recipient"), (domain.route, "route", "try_route")):
        page = admin.get(reverse(f"admin:gateway_{model}_change", args=[row.pk])).content.decode()
        link = reverse(f"admin:gateway_{model}_{name}", args=[row.pk])
        assert link in page
        assert admin.get(link).headers["Location"] in {"/try/?domain=example.test", "/try/?route=inner"}
    assert '<option value="inner" selected' in admin.get("/try/?route=inner").content.decode()


@pytest.mark.parametrize(
    ("recipient", "words"),
    [
        ("alice@example.test", ["has it", "accepts", "MAIL FROM:&lt;&gt;"]),
        ("sales+x@example.test", ["its mail is for", "alice+x@example.test"]),
        ("gone@example.test", ["does not have it", "refuses", "550 5.1.1 no such user &lt;here&gt;"]),
    ],
)
def test_it_shows_what_is_known_here_and_what_the_next_hop_says(
    admin: Client, domain: Domain, recipient: str, words: list[str]
) -> None:
    assert domain.pk

    text = admin.post("/try/", {"recipient": recipient}).content.decode()

    assert [each for each in words if each not in text] == []


def test_with_nobody_it_finds_out_who_accepts_everyone_and_keeps_that(admin: Client, domain: Domain) -> None:
    text = admin.post("/try/", {"domain": domain.name}).content.decode()

    assert "This next hop accepts everyone." in text
    assert RecipientProbe.objects.get().accepts
    assert "accepts everyone, as of" in admin.get(f"/gateway/domain/{domain.pk}/change/").content.decode()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "Name an address of a domain of ours"),
        ({"recipient": "alice"}, "address has no domain; write user@domain"),
        ({"recipient": "a\r\nDATA@example.test"}, "local part is malformed"),
        ({"recipient": "alice@elsewhere.test"}, "Name an address of a domain of ours"),
        ({"domain": "elsewhere.test"}, "Select a valid choice"),
    ],
)
def test_it_says_what_it_needs(admin: Client, domain: Domain, asked: dict[str, str], words: str) -> None:
    assert domain.pk

    assert words in admin.post("/try/", asked).content.decode()


def test_an_address_elsewhere_can_be_tried_at_a_route(admin: Client, domain: Domain, hop: NextHop) -> None:
    assert domain.pk

    text = admin.post("/try/", {"recipient": "alice@elsewhere.test", "route": "inner"}).content.decode()

    assert "elsewhere.test is none of ours" in text
    assert "RCPT TO:<alice@elsewhere.test>" in hop.log


def test_a_next_hop_that_is_down_is_told(admin: Client, domain: Domain, hop: NextHop) -> None:
    hop.stop()

    assert "unreachable" in admin.post("/try/", {"domain": domain.name}).content.decode()


def test_who_may_not_change_domains_may_not_try(domain: Domain) -> None:
    assert domain.pk

    assert person("view_domain", "view_route").get("/try/").status_code == 403
