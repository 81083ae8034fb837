"""What the doctor says of domains whose policy lets viruses, or unscanned mail, through."""

from pathlib import Path

import pytest
from django.conf import settings
from msgspec import structs

from gateway.mail.decisions import Action
from gateway.operations.doctor import LOOKS
from gateway.policy import codec, defaults
from gateway.policy.snapshot import CheckRule, DomainPolicy, Mode, NextHop, Route, Rules, Snapshot

CLAMAV = defaults.CHECKS["clamav"]


def told(home: Path, rules: Rules) -> list[tuple[str, str]]:
    routes = {"main": Route((NextHop("127.0.0.1", 9),))}
    policy = Snapshot(1, "2026-11-21T00:00:00Z", "test", {"example.test": DomainPolicy("main", rules)}, routes)
    (home / "policy").mkdir(exist_ok=True)
    (home / "policy" / "current.json").write_bytes(codec.encode(policy))
    return [(each.name, each.text) for each in LOOKS["viruses"](settings.CONFIG) if "outbound" not in each.name]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (structs.replace(CLAMAV, mode=Mode.OFF), "they may be delivered: clamav is set to off"),
        (structs.replace(CLAMAV, actions={"VIRUS": Action.DELIVER}), "they are delivered: clamav says VIRUS deliver"),
        (
            structs.replace(CLAMAV, on_failure=Action.DELIVER),
            "while clamd can't tell, mail is delivered unscanned: clamav says deliver on failure",
        ),
    ],
)
def test_a_domain_that_lets_viruses_through_is_named_with_the_setting(home: Path, rule: CheckRule, words: str) -> None:
    assert told(home, Rules(checks={"clamav": rule})) == [("viruses example.test", words)]


def test_a_domain_that_only_observes_delivers_viruses(home: Path) -> None:
    rules = Rules(checks={"clamav": CLAMAV}, observe=True)
    assert told(home, rules) == [("viruses example.test", "they are delivered: the domain only observes")]


def test_the_defaults_are_no_matter(home: Path) -> None:
    assert told(home, Rules(checks=defaults.CHECKS)) == []
