"""The page of DNS records."""

import html

import msgspec
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from gateway.config import Dns
from gateway.models import Domain
from tests.nameserving import serving
from tests.webadmin.people import person

pytestmark = pytest.mark.usefixtures("seeded")


def opened(admin: Client, path: str = "/records/example.test/") -> str:
    answer = admin.get(path)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def test_the_records_of_a_domain_and_of_the_node_stand_there_each_with_a_button(admin: Client) -> None:
    Domain.objects.filter(name="example.test").update(mta_sts="testing", tls_reports="tls@example.test")

    page = opened(admin)

    for line in (
        "example.test. IN MX 10 gateway.example.test.",
        "mta-sts.example.test. IN CNAME gateway.example.test.",
        '_smtp._tls.example.test. IN TXT "v=TLSRPTv1; rua=mailto:tls@example.test"',
    ):
        assert line in page
    assert "version: STSv1\nmode: testing" in page
    assert "https://mta-sts.example.test/.well-known/mta-sts.txt" in page
    assert page.count('id="record-') == page.count('data-copies="record-') > 5
    assert "<script>" not in page


def test_without_mta_sts_the_page_says_what_it_would_be_good_for(admin: Client) -> None:
    page = opened(admin)

    assert "_mta-sts." not in page
    assert "they insist on it" in page


def test_the_first_domain_is_shown_where_none_is_named_and_the_others_are_a_click_away(admin: Client) -> None:
    page = opened(admin, "/records/")

    assert "example.test. IN MX" in page
    assert 'href="/records/xn--bcher-kva.test/"' in page


def test_without_any_domain_the_nodes_own_records_are_shown(admin: Client) -> None:
    Domain.objects.all().delete()

    page = opened(admin, "/records/")

    assert "gateway.example.test. IN A" in page
    assert "There is no domain yet" in page


def test_a_domain_that_is_none_of_ours_has_no_page(admin: Client) -> None:
    assert admin.get("/records/far.example/").status_code == 404


def test_on_demand_it_says_what_dns_has(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = {
        "example.test": {"MX": ["10 gateway.example.test."], "TXT": ['"v=spf1 -all"']},
        "_dmarc.example.test": "servfail",
    }
    with serving(zone) as server:
        dns = Dns(servers=(server.address,), seconds=60.0, attempt_seconds=60.0)
        monkeypatch.setattr(settings, "CONFIG", msgspec.structs.replace(settings.CONFIG, dns=dns))
        monkeypatch.setattr("gateway.operations.records.SECONDS", 30.0)
        opened(admin)
        assert not server.asked
        page = opened(admin, "/records/example.test/?dns=now")

    for badge in ("published", "another one is there", "missing", "could not be asked"):
        assert f">{badge}</span>" in page
    assert ">v=spf1 -all</span>" in page
    assert "SERVFAIL" in page


def test_dead_name_servers_do_not_hold_the_page_up(admin: Client) -> None:
    assert ">could not be asked</span>" in opened(admin, "/records/example.test/?dns=now")


def test_the_page_of_a_domain_leads_to_its_records(admin: Client) -> None:
    row = Domain.objects.get(name="example.test")
    action = reverse("admin:gateway_domain_dns_records", args=[row.pk])
    assert action in opened(admin, f"/gateway/domain/{row.pk}/change/")

    answer = admin.get(action)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/records/example.test/")


def test_the_page_is_for_those_who_may_see_domains() -> None:
    keeper = person("view_domain")
    page = opened(keeper)
    assert "example.test. IN MX" in page
    assert "Change MTA-STS" not in page
    User.objects.get(username="berta").user_permissions.clear()
    assert keeper.get("/records/").status_code == 403
