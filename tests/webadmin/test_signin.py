"""Signing in, and the limit on guessing."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from gateway.models import AuditEntry
from webadmin.signin import FAILED, LOCKED, PER_CLIENT, PER_NAME

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def administrator() -> User:
    return User.objects.create_superuser("admin", password="admin-password-1")


def attempt(password: str, name: str = "admin", client_ip: str = "192.0.2.7") -> str:
    """Try to sign in; gives the page, empty where it worked."""
    response = Client(REMOTE_ADDR=client_ip).post("/login/", {"username": name, "password": password})
    return "" if response.status_code == 302 else response.content.decode()


def failures(count: int, name: str = "admin", client_ip: str = "192.0.2.7") -> None:
    AuditEntry.objects.bulk_create(AuditEntry(who=name, verb=FAILED, target=client_ip) for _ in range(count))


def test_who_knows_the_password_gets_in_and_it_is_on_record() -> None:
    assert attempt("admin-password-1") == ""
    assert AuditEntry.objects.get().verb == "sign in"


def test_the_page_bears_our_name() -> None:
    assert "Backstop" in Client().get("/login/").content.decode()


def test_a_wrong_password_is_counted_and_never_written_down() -> None:
    assert "correct username and password" in attempt("wrong-guess")
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.verb, entry.target) == ("admin", FAILED, "192.0.2.7")
    assert "wrong-guess" not in entry.detail


def test_after_too_many_failures_even_the_right_password_waits() -> None:
    failures(PER_NAME - 1)
    attempt("wrong")
    assert LOCKED in attempt("admin-password-1")


def test_the_lock_ends() -> None:
    failures(PER_NAME)
    AuditEntry.objects.update(at=timezone.now() - timedelta(minutes=11))
    assert attempt("admin-password-1") == ""


def test_nobody_is_locked_out_by_another_client() -> None:
    failures(PER_NAME, client_ip="203.0.113.9")
    assert attempt("admin-password-1") == ""


def test_a_client_that_tries_many_names_is_locked_too() -> None:
    for number in range(PER_CLIENT):
        failures(1, name=f"user{number}")
    assert LOCKED in attempt("admin-password-1")


def test_whoever_has_many_addresses_of_one_network_is_one_client() -> None:
    for number in range(PER_NAME):
        attempt("wrong", client_ip=f"2001:db8:1::{number}")
    assert LOCKED in attempt("admin-password-1", client_ip="2001:db8:1::ffff")
    assert attempt("admin-password-1", client_ip="2001:db8:2::1") == ""
    assert AuditEntry.objects.filter(target="2001:db8:1::3", detail="counts for 2001:db8:1::/64").exists()


def test_locked_attempts_are_not_recorded_without_end() -> None:
    failures(PER_NAME)
    attempt("wrong")
    assert AuditEntry.objects.filter(verb=FAILED).count() == PER_NAME
