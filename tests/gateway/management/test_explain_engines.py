"""``manage.py explain`` asks the spam engines that a domain has on, and says what they think."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from msgspec import structs

from gateway.config import Rspamd
from gateway.policy import codec
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, NextHop, Route, Rules, Snapshot
from tests.fixtures_rspamd import RunningRspamd
from tests.gateway.services.engines.letters import GTUBE, letter

OFF = ("clamav", "mime", "attachments", "spam", "spf", "dkim", "dmarc", "arc", "sender_domain", "reverse_dns", "helo")


def explained(home: Path, monkeypatch: pytest.MonkeyPatch, rspamd: Rspamd) -> dict[str, Any]:
    """Give the decision on the test string, where nothing but rspamd is on that could know it."""
    checks = {name: CheckRule(mode=Mode.OFF) for name in OFF} | {"rspamd": CheckRule(mode=Mode.SCORE)}
    domains = {"example.test": DomainPolicy("inner", Rules(checks=checks), accept_unknown=True)}
    routes = {"inner": Route((NextHop("127.0.0.1", 9),))}
    (home / "policy").mkdir()
    (home / "policy" / "current.json").write_bytes(
        codec.encode(Snapshot(1, "2026-01-01T00:00:00Z", "test", domains, routes))
    )
    monkeypatch.setattr(settings, "CONFIG", structs.replace(settings.CONFIG, rspamd=rspamd))
    (home / "mail.eml").write_bytes(letter(GTUBE).read())
    said = StringIO()
    words = ["--sender", "ann@shop.example", "--recipient", "info@example.test", "--client", "192.0.2.1", "--json"]
    call_command("explain", str(home / "mail.eml"), *words, stdout=said)
    decision: dict[str, Any] = json.loads(said.getvalue())["recipients"][0]["decision"]
    return decision


def test_an_engines_points_are_explained(home: Path, monkeypatch: pytest.MonkeyPatch, rspamd: RunningRspamd) -> None:
    decision = explained(home, monkeypatch, rspamd.settings)
    assert decision["action"] == "reject"
    assert "GTUBE 1000.0" in decision["because"]


def test_an_engine_that_is_down_is_explained(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decision = explained(home, monkeypatch, Rspamd(url="http://127.0.0.1:9"))
    assert (decision["action"], decision["check"]) == ("defer", "rspamd")
    assert "refuses the connection" in decision["because"]
