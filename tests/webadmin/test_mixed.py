"""The page of mixed verdicts."""

import pytest
from django.test import Client

from tests.webadmin.people import person

pytestmark = pytest.mark.usefixtures("seeded")


def test_the_page_of_refusals_leads_to_it(admin: Client) -> None:
    assert "/refusals/mixed/" in admin.get("/refusals/").content.decode()


@pytest.mark.parametrize("span", ["day", "week", "month", "nonsense"])
def test_it_tells_what_they_cost_and_why(admin: Client, span: str) -> None:
    page = admin.get(f"/refusals/mixed/?span={span}")
    assert page.context["cost"].messages > 0
    assert "Why they differ" in page.content.decode()


def test_only_who_may_see_messages_may_see_it() -> None:
    assert person("view_domain").get("/refusals/mixed/").status_code == 403
