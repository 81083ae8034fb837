"""The policy files, for anybody who asks by the right name."""

import pytest
from django.test import Client

from gateway.models import Domain, Route

pytestmark = pytest.mark.django_db

PATH = "/.well-known/mta-sts.txt"


@pytest.fixture(autouse=True)
def domain() -> Domain:
    return Domain.objects.create(name="example.org", route=Route.objects.create(name="inside"), mta_sts="testing")


@pytest.mark.parametrize("host", ["mta-sts.example.org", "MTA-STS.Example.org", "mta-sts.example.org:443"])
def test_who_asks_for_a_domains_policy_host_gets_its_file(client: Client, host: str) -> None:
    answer = client.get(PATH, headers={"host": host})

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.content.decode().splitlines() == [
        "version: STSv1",
        "mode: testing",
        "mx: gateway.example.test",
        "max_age: 604800",
    ]
    assert not answer.cookies


def test_the_file_is_what_the_domain_says_now(client: Client, domain: Domain) -> None:
    client.get(PATH, headers={"host": "mta-sts.example.org"})
    Domain.objects.filter(pk=domain.pk).update(mta_sts="enforce")

    assert b"mode: enforce\n" in client.get(PATH, headers={"host": "mta-sts.example.org"}).content


def test_a_domain_without_mta_sts_says_so_to_those_who_remember_another_policy(client: Client, domain: Domain) -> None:
    Domain.objects.filter(pk=domain.pk).update(mta_sts="none")

    assert b"mode: none\n" in client.get(PATH, headers={"host": "mta-sts.example.org"}).content


@pytest.mark.parametrize(
    "host",
    ["example.org", "mta-sts.far.example", "localhost", "mta-sts.", "mta-sts.mta-sts.example.org", ""],
)
def test_nobody_else_gets_any(client: Client, host: str) -> None:
    answer = client.get(PATH, headers={"host": host})

    assert answer.status_code == 404
    assert b"STSv1" not in answer.content


def test_it_is_only_read(client: Client) -> None:
    assert client.post(PATH, headers={"host": "mta-sts.example.org"}).status_code == 405
    assert client.head(PATH, headers={"host": "mta-sts.example.org"}).status_code == 200


def test_under_that_name_there_is_nothing_else(client: Client) -> None:
    assert client.get("/login/", headers={"host": "mta-sts.example.org"}).status_code == 400
    assert client.get("/", headers={"host": "mta-sts.example.org"}).status_code == 400
