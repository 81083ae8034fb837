"""What the doctor says of spam engines."""

from pathlib import Path

import pytest
from django.conf import settings
from msgspec import structs

from gateway.config import Rspamd, Spamassassin
from gateway.operations.doctor import LOOKS, Level, Result
from gateway.policy import codec
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, NextHop, Route, Rules, Snapshot
from gateway.services import secrets
from tests.fixtures_rspamd import PASSWORD, RunningRspamd
from tests.fixtures_spamd import RunningSpamd

NOBODY = (Rspamd(url="http://127.0.0.1:9"), Spamassassin(address="127.0.0.1:9"))


def publish(home: Path, *names: str) -> None:
    rules = Rules(checks={name: CheckRule(mode=Mode.SCORE) for name in names})
    routes = {"main": Route((NextHop("127.0.0.1", 9),))}
    policy = Snapshot(1, "2026-11-21T00:00:00Z", "test", {"example.test": DomainPolicy("main", rules)}, routes)
    (home / "policy").mkdir()
    (home / "policy" / "current.json").write_bytes(codec.encode(policy))


def look(rspamd: Rspamd, spamassassin: Spamassassin) -> dict[str, Result]:
    known = structs.replace(settings.CONFIG, rspamd=rspamd, spamassassin=spamassassin)
    return {each.name: each for each in LOOKS["spam engines"](known)}


def test_an_engine_that_is_off_is_not_asked(home: Path) -> None:
    publish(home)
    assert [each.text for each in look(*NOBODY).values()] == ["none is on; the built-in scorer needs none"]


def test_an_engine_that_is_away_is_a_fault_with_its_consequence_and_remedy(home: Path) -> None:
    publish(home, "rspamd", "spamassassin")
    found = look(*NOBODY)
    assert {each.level for each in found.values()} == {Level.FAIL}
    for name, start in (("rspamd", "start rspamd"), ("spamassassin", "start spamd")):
        assert "Mail is deferred (451)" in found[name].text
        assert found[name].remedy.startswith(start)


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_engines_that_are_there_are_told_and_whether_rspamd_can_be_taught(
    home: Path, rspamd: RunningRspamd, spamd: RunningSpamd, password: str
) -> None:
    publish(home, "rspamd", "spamassassin")
    secrets.write(home / "secrets", "rspamd", password)
    found = look(rspamd.settings, spamd.settings)
    assert found["rspamd"].level is found["spamassassin"].level is Level.OK
    assert found["rspamd learning"].level is (Level.OK if password == PASSWORD else Level.WARN)
    assert ("lets us in, version" in found["rspamd learning"].text) == (password == PASSWORD)
