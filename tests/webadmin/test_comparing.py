"""The page that decides the mail of the last days again, before what changed is published."""

import pytest
from django.test import Client

from gateway.models import Domain, PolicyRevision
from tests.webadmin.people import person

pytestmark = pytest.mark.usefixtures("seeded")

PAGE = "/publish/what-if/"


@pytest.fixture
def stricter() -> Domain:
    domain = Domain.objects.order_by("id")[0]
    domain.tag = -100.0
    domain.save()
    return domain


def test_the_publish_page_leads_to_it_where_something_is_pending(admin: Client, stricter: Domain) -> None:
    assert stricter.pk
    assert PAGE in admin.get("/publish/").content.decode()


def test_it_shows_same_changed_and_not_decidable_in_numbers_and_as_a_list(admin: Client, stricter: Domain) -> None:
    assert stricter.pk
    page = admin.post(PAGE, {"span": "month"})
    found = page.context["found"]
    assert found.changed > 0
    assert found.moves["deliver to tag"] > 0
    text = page.content.decode()
    assert all(word in text for word in ("Same", "Changed", "deliver to tag", found.changes[0].message))


def test_looking_compares_nothing_yet(admin: Client) -> None:
    assert "found" not in admin.get(PAGE).context


def test_a_policy_that_can_not_be_published_is_told_and_not_compared(admin: Client, stricter: Domain) -> None:
    stricter.quarantine = -200.0
    stricter.save()
    page = admin.post(PAGE, {"span": "week"})
    assert "comes before" in page.content.decode()
    assert "found" not in page.context


def test_comparing_publishes_nothing(admin: Client, stricter: Domain) -> None:
    assert stricter.pk
    before = PolicyRevision.objects.count()
    admin.post(PAGE, {"span": "week"})
    assert PolicyRevision.objects.count() == before


def test_only_who_may_publish_and_see_messages_may_compare() -> None:
    assert person("view_transaction").get(PAGE).status_code == 403
