from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import argon2
import pytest

from gateway.models import Account, AuditEntry, Route
from gateway.operations import accounts

Callbacks = Callable[..., AbstractContextManager[object]]
pytestmark = pytest.mark.django_db


def test_a_password_is_kept_as_a_hash_in_a_file_of_its_own(home: Path) -> None:
    account = Account.objects.create(login="printer")
    accounts.set_password(account, "correct horse", "admin")
    file = home / "secrets" / account.secret
    assert argon2.PasswordHasher().verify(file.read_text(), "correct horse")
    assert "argon2id" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert Account.objects.get().secret == account.secret
    assert AuditEntry.objects.filter(who="admin", verb="set password", target="account printer").exists()


def test_a_new_password_replaces_the_old_one_under_the_same_id(home: Path) -> None:
    account = Account.objects.create(login="printer")
    accounts.set_password(account, "one", "admin")
    before = account.secret
    accounts.set_password(account, "two", "admin")
    assert account.secret == before
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify((home / "secrets" / before).read_text(), "one")


def test_whether_a_password_was_set_is_known(home: Path) -> None:  # noqa: ARG001 - the secrets lie there
    account = Account.objects.create(login="printer")
    assert not accounts.has_password(account)
    accounts.set_password(account, "one", "admin")
    assert accounts.has_password(account)


def test_a_deleted_accounts_secret_is_destroyed(home: Path, django_capture_on_commit_callbacks: Callbacks) -> None:
    account = Account.objects.create(login="printer")
    accounts.set_password(account, "one", "admin")
    with django_capture_on_commit_callbacks(execute=True):
        accounts.delete(account, "admin")
    assert not (home / "secrets" / account.secret).exists()
    assert AuditEntry.objects.filter(verb="delete account", target="printer").exists()


def test_a_secret_that_something_else_names_stays(home: Path, django_capture_on_commit_callbacks: Callbacks) -> None:
    one = Account.objects.create(login="one", secret="shared")
    Account.objects.create(login="two", secret="shared")
    accounts.set_password(one, "pw", "admin")
    with django_capture_on_commit_callbacks(execute=True):
        accounts.delete(one, "admin")
    assert (home / "secrets/shared").exists()


def test_a_routes_password_is_kept_as_it_is_for_the_next_hop_wants_it(home: Path) -> None:
    route = Route.objects.create(name="smarthost", username="gw")
    accounts.set_route_password(route, "for them", "admin")
    assert (home / "secrets" / route.secret).read_text() == "for them"


def test_the_id_of_a_secret_can_name_a_file_whatever_the_login_is() -> None:
    assert accounts.new_secret_id("account", "Jürgen@Example.Test/..").startswith("account-j-rgen-example-test-")
    assert accounts.new_secret_id("account", "..").startswith("account-")
