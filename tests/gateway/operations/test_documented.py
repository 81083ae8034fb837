"""What docs/ says of checks and policy is what the code does."""

import re
from pathlib import Path

import pytest

from gateway.backscatter.ledger import NoLedger
from gateway.checks import catalog
from gateway.checks.base import Check
from gateway.config import Dns
from gateway.models import Domain, Route, RouteHost
from gateway.operations import publish
from gateway.operations.apply import apply_policy
from gateway.policy.defaults import CHECKS
from gateway.policy.snapshot import DnsList, DomainPolicy, Greylisting, Outbound, Snapshot
from gateway.services.clamd import Clamd
from gateway.services.counters import LocalCounters
from gateway.services.dns import DnsResolver

DOCS = Path(__file__).parents[3] / "docs"
ROW = re.compile(
    r"^\| `(?P<name>\w+)` \| (?P<stages>[a-z, ]+) \| .+ \| (?P<default>[a-z, ]+) \| (?P<failure>\w+) \| ", re.MULTILINE
)
EXAMPLE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
KEY = re.compile(r"`([a-z0-9_.]+)`")


# Nothing is asked here.
SERVICES = catalog.Services(Clamd("unused", 1.0, 1), lambda _: None, NoLedger(), DnsResolver(Dns()), LocalCounters())


def checks() -> dict[str, Check]:
    """The checks of the catalogue, by name."""
    return {each.name: each for stage in catalog.build(SERVICES).values() for each in stage}


def test_the_table_of_checks_has_each_check_with_its_stages_and_its_default() -> None:
    told = {
        row["name"]: row.group("stages", "default", "failure") for row in ROW.finditer((DOCS / "checks.md").read_text())
    }
    meant = {}
    for name, check in checks().items():
        rule = CHECKS[name]
        default = f"{rule.mode}, {rule.action}" if rule.mode == "enforce" else f"{rule.mode}"
        meant[name] = (", ".join(check.stages), default, f"{rule.on_failure}")
    assert told == meant


def test_the_table_of_checks_has_each_symbol() -> None:
    text = (DOCS / "checks.md").read_text()
    rows = {row["name"]: text[row.end() : text.index("\n", row.end())] for row in ROW.finditer(text)}
    for name, check in checks().items():
        assert re.findall(r"`(\w+)`", rows[name]) == list(check.symbols), name


@pytest.mark.django_db
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("text", EXAMPLE.findall((DOCS / "policy.md").read_text()))
def test_an_example_of_the_policy_can_be_applied(text: str) -> None:
    route = Route.objects.create(name="inside")
    RouteHost.objects.create(route=route, host="127.0.0.1")
    Domain.objects.create(name="example.org", route=route)
    assert apply_policy(text, "policy.md", "admin")
    assert publish.problem() is None


def test_each_key_of_the_door_is_told() -> None:
    told = set(KEY.findall((DOCS / "policy.md").read_text()))
    told |= {key.removeprefix(".") for key in told} | {key.rpartition(".")[2] for key in told}
    for part in (Snapshot(1, "", "").clients, Greylisting(), DnsList(), Outbound().per_account):
        assert set(part.__struct_fields__) <= told
    assert {"validation", "validation_down", "accept_unknown", "accepts_everyone", "plus"} <= told
    assert {"validation", "plus"} <= set(DomainPolicy.__struct_fields__)
