"""What other servers are told about TLS, as fields of a domain."""

import pytest
from django.http import HttpResponse
from django.test import Client

from gateway.models import Domain
from gateway.operations import publish
from tests.webadmin.test_policy import NO_INLINES, errors_of

pytestmark = pytest.mark.usefixtures("seeded")


def save(admin: Client, **fields: str) -> HttpResponse:
    row = Domain.objects.get(name="example.test")
    form = {"name": row.name, "route": row.route_id, "reject": "12", **NO_INLINES}
    return admin.post(f"/gateway/domain/{row.pk}/change/", form | fields)


def test_it_is_saved_and_there_is_nothing_to_publish(admin: Client) -> None:
    save(admin, mta_sts="testing", mta_sts_max_age="86400", tls_reports="TLS@Example.test")
    row = Domain.objects.get(name="example.test")
    assert (row.mta_sts, row.mta_sts_max_age, row.tls_reports) == ("testing", 86400, "tls@example.test")
    assert [line for line in publish.pending() if "sts" in line or "tls" in line] == []


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"mta_sts": "strict"}, "Select a valid choice"),
        ({"mta_sts_max_age": "31557601"}, "less than or equal to 31557600"),
        ({"tls_reports": "tls"}, "is no address"),
    ],
)
def test_what_is_wrong_is_not_saved(admin: Client, fields: dict[str, str], says: str) -> None:
    assert says in str(errors_of(save(admin, **fields)))
    assert Domain.objects.get(name="example.test").mta_sts == "none"


def test_what_is_not_sent_stays_as_it_is(admin: Client) -> None:
    Domain.objects.filter(name="example.test").update(mta_sts="enforce", mta_sts_max_age=86400)
    save(admin)
    row = Domain.objects.get(name="example.test")
    assert (row.mta_sts, row.mta_sts_max_age) == ("enforce", 86400)
