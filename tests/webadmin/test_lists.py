"""The console tells how DNS lists are and why mail was refused, and has DNS answers forgotten."""

from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from gateway.models import AuditEntry, DnsList, RefusalCount
from gateway.operations.learning import lists
from gateway.services.dns.cache import CLEAR
from gateway.services.dns.probes import Probed
from tests.webadmin.people import person


@pytest.fixture
def known(admin: Client) -> None:  # noqa: ARG001 - the database is there with the administrator
    """A list that is well, one that is off, and one that nobody has probed."""
    for zone in ("well.test", "off.test", "new.test"):
        DnsList.objects.create(zone=zone)
    lists.record([Probed("well.test", milliseconds=12.0), Probed("off.test", "it lists everything")], timezone.now())


@pytest.mark.usefixtures("known", "home")
def test_the_health_page_tells_how_each_list_is(admin: Client) -> None:
    page = admin.get("/health/").content.decode()

    assert "well.test" in page
    assert "it lists everything" in page
    assert "Probe now" in page


@pytest.mark.usefixtures("known")
def test_the_lists_page_has_a_column_for_it(admin: Client) -> None:
    page = admin.get("/gateway/dnslist/").content.decode()

    assert all(word in page for word in ("well", "off", "not probed"))


def test_the_button_has_the_smtp_processes_forget(admin: Client, home: Path) -> None:
    response = admin.post("/health/clear-cache/", follow=True)

    assert "within a second" in response.content.decode()
    assert (home / "status" / CLEAR).exists()
    assert AuditEntry.objects.get(verb="clear cache").who == "admin"


def test_lists_are_probed_by_a_button(admin: Client, home: Path) -> None:  # noqa: ARG001 - there is no policy, so nobody is asked
    assert "0 probed" in admin.post("/health/probe/", follow=True).content.decode()


@pytest.mark.parametrize("url", ["/health/probe/", "/health/clear-cache/"])
def test_a_button_is_for_a_post_by_who_may(admin: Client, url: str) -> None:
    assert admin.get(url).status_code == 405
    assert person("view_alarm").post(url).status_code == 403


def test_the_refusals_page_counts_by_reason(admin: Client) -> None:
    RefusalCount.objects.create(
        hour=timezone.now(), check_name="dns_lists", symbol="DNS_LISTED", disposition="rejected", count=41
    )

    assert "DNS_LISTED" in admin.get("/").content.decode(), "the dashboard names the most frequent"
    for span in ("day", "week", "month", "nonsense"):
        page = admin.get("/refusals/", {"span": span}).content.decode()
        assert "DNS_LISTED" in page
        assert ">41<" in page


def test_the_refusals_page_is_for_who_may_see_messages(admin: Client) -> None:  # noqa: ARG001 - as above
    assert person("view_alarm").get("/refusals/").status_code == 403
