"""Who gets a digest, as fields of a domain and of a recipient."""

import pytest
from django.http import HttpResponse
from django.test import Client

from gateway.models import Domain, Recipient
from gateway.operations import publish
from tests.webadmin.test_policy import NO_INLINES, errors_of

pytestmark = pytest.mark.usefixtures("seeded")


def save(admin: Client, **fields: str) -> HttpResponse:
    row = Domain.objects.get(name="example.test")
    form = {"name": row.name, "route": row.route_id, "reject": "12", **NO_INLINES}
    return admin.post(f"/gateway/domain/{row.pk}/change/", form | fields)


def test_it_is_saved_and_there_is_nothing_to_publish(admin: Client) -> None:
    save(admin, digest="administrator", digest_to="Office@Example.test")
    row = Domain.objects.get(name="example.test")
    assert (row.digest, row.digest_to) == ("administrator", "office@example.test")
    assert [line for line in publish.pending() if "digest" in line] == []


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"digest": "everybody"}, "Select a valid choice"),
        ({"digest": "administrator"}, "digest_to is empty; give the address of ours that gets it"),
        ({"digest": "administrator", "digest_to": "me@elsewhere.test"}, "me@elsewhere.test is no address of ours"),
        ({"digest": "recipients", "digest_to": "nobody@example.test"}, "is not in the list of recipients"),
        ({"digest": "recipients", "digest_to": "office"}, "is no address"),
    ],
)
def test_what_is_wrong_is_not_saved(admin: Client, fields: dict[str, str], says: str) -> None:
    assert says in errors_of(save(admin, **fields))
    assert Domain.objects.get(name="example.test").digest == "none"


def test_a_kind_that_is_not_sent_stays_as_it_is(admin: Client) -> None:
    Domain.objects.filter(name="example.test").update(digest="recipients")
    save(admin)
    assert Domain.objects.get(name="example.test").digest == "recipients"


def test_a_recipients_own_can_be_switched_off(admin: Client) -> None:
    row = Recipient.objects.get(local_part="office")
    form = {"domain": row.domain_id, "local_part": "office", "digest": "none"}
    admin.post(f"/gateway/recipient/{row.pk}/change/", form)
    assert Recipient.objects.get(local_part="office").digest == "none"
