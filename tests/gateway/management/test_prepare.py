"""A new node gets what it needs, once; and secrets are replaced when somebody asks for it."""

from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from gateway.models import Domain, MarkingKey, NodePolicy, Route
from gateway.policy.feed import FILE
from gateway.services import secrets

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


def said(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    call_command(*command)
    return capsys.readouterr().out


def test_a_new_node_gets_secrets_keys_and_a_policy(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = said(capsys, "prepare")

    assert "seal" in output
    assert "administrator" not in output
    assert secrets.read(home / "secrets", "django")
    assert secrets.read(home / "secrets", NodePolicy.load().seal_secret)
    assert secrets.read(home / "secrets", MarkingKey.objects.get().secret)
    assert (home / "policy" / FILE).exists()


def test_a_second_time_nothing_is_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prepare", administrator="root")
    secret = secrets.read(home / "secrets", "django")
    capsys.readouterr()

    assert said(capsys, "prepare", "--administrator", "root") == "nothing to make\n"
    assert secrets.read(home / "secrets", "django") == secret


def test_the_password_of_the_first_administrator_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    output = said(capsys, "prepare", "--administrator", "chief")

    user = get_user_model().objects.get(username="chief")
    assert user.is_superuser
    assert user.check_password(output.rpartition("password ")[2].strip())


def test_what_somebody_is_in_the_middle_of_is_not_published(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prepare")
    NodePolicy.objects.update(seal_secret="")
    Domain.objects.create(name="half.example", route=Route.objects.create(name="half"))
    capsys.readouterr()

    output = said(capsys, "prepare")

    assert "seal" in output
    assert "published" not in output


def test_another_key_of_marking_follows_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prepare")
    capsys.readouterr()

    assert "made and published" in said(capsys, "rotate", "marking")
    assert MarkingKey.objects.filter(retired=False).count() == 2


def test_keys_do_not_rotate_in_the_middle_of_an_edit() -> None:
    call_command("prepare")
    Domain.objects.create(name="half.example", route=Route.objects.create(name="half"))

    with pytest.raises(CommandError, match="publish or revert"):
        call_command("rotate", "marking")


def test_the_secret_of_sessions_is_replaced(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prepare")
    before = secrets.read(home / "secrets", "django")

    assert "restarted" in said(capsys, "rotate", "console")
    assert secrets.read(home / "secrets", "django") not in {None, before}
