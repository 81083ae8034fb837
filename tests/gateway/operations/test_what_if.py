"""The mail of the last days, decided again with what stands in the rows."""

import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from django.core.management import CommandError, call_command

from gateway.mail.findings import Finding, Observation, Outcome
from gateway.mail.stages import Stage
from gateway.mail.trace import RecipientTrace, Trace
from gateway.models import Domain, Recipient, Route, RouteHost, Transaction
from gateway.operations import what_if
from gateway.operations.publish import publish_policy
from gateway.policy import defaults
from tests import samples

pytestmark = pytest.mark.django_db

Ingest = Callable[..., None]


def message(name: str, points: float, *, days_ago: float = 0.1) -> Trace:
    """A message for kim that the built-in scorer gave so many points."""
    seen = [Observation(each, Stage.DATA, Outcome.MISS) for each in defaults.CHECKS if each != "spam"]
    spam = Observation("spam", Stage.DATA, Outcome.HIT, (Finding("MISSING_FROM", points),))
    each = RecipientTrace("kim@example.test", route="inside", accepted=True)
    return msgspec.structs.replace(
        samples.trace(name), started=time.time() - days_ago * 86_400, recipients=[each], observations=[*seen, spam]
    )


@pytest.fixture
def domain(home: Path) -> Domain:  # noqa: ARG001 - it is published there
    route = Route.objects.create(name="inside")
    RouteHost.objects.create(route=route, host="127.0.0.1", port=9, position=0)
    made = Domain.objects.create(name="example.test", route=route)
    Recipient.objects.create(domain=made, local_part="kim")
    publish_policy("test", probed=True)
    return made


def test_without_a_change_all_is_the_same(domain: Domain, ingest: Ingest) -> None:
    assert domain.pk
    ingest(message("01a", 4.0), message("01b", 9.0))
    found = what_if.compare(7)
    assert (found.transactions, found.same, found.changed, found.undecidable) == (2, 2, 0, 0)
    assert found.complete


def test_a_threshold_in_the_rows_is_compared_before_it_is_published(domain: Domain, ingest: Ingest) -> None:
    ingest(message("01a", 4.0), message("01b", 9.0), message("01c", 4.5))
    domain.tag = 4.0
    domain.save()

    found = what_if.compare(7)

    assert (found.same, found.changed) == (1, 2)
    assert found.moves == {"deliver to tag": 2}
    assert {each.message for each in found.changes} == {"01a", "01c"}


def test_only_the_days_asked_for_count(domain: Domain, ingest: Ingest) -> None:
    assert domain.pk
    ingest(message("01a", 4.0), message("01b", 4.0, days_ago=3))
    assert what_if.compare(1).transactions == 1


def test_a_bound_on_the_time_leaves_the_oldest_out_and_says_so(
    domain: Domain, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert domain.pk
    monkeypatch.setattr(what_if, "_BLOCK", 1)
    ingest(message("01a", 4.0, days_ago=0.2), message("01b", 4.0, days_ago=0.1))

    found = what_if.compare(7, seconds=0)

    assert (found.transactions, found.stored, found.complete) == (1, 2, False)


def test_nothing_is_changed_by_comparing(domain: Domain, ingest: Ingest, home: Path) -> None:
    ingest(message("01a", 4.0))
    domain.tag = 4.0
    domain.save()
    before = (home / "policy" / "current.json").read_bytes(), Transaction.objects.get().trace

    what_if.compare(7)

    assert before == ((home / "policy" / "current.json").read_bytes(), Transaction.objects.get().trace)


def test_without_a_policy_in_force_it_says_what_to_do(home: Path) -> None:  # noqa: ARG001 - an empty one
    with pytest.raises(what_if.NothingInForceError, match="publish one first"):
        what_if.compare(7)


def test_the_command_compares_with_a_file_and_keeps_nothing_of_it(
    domain: Domain, ingest: Ingest, tmp_path: Path
) -> None:
    ingest(message("01a", 4.0))
    file = tmp_path / "policy.yml"
    file.write_text("domains:\n  example.test:\n    route: inside\n    thresholds: {tag: 3, quarantine: 3.5}\n")
    said = StringIO()

    call_command("whatif", str(file), "--json", stdout=said)

    found = msgspec.json.decode(said.getvalue(), type=what_if.Comparison)
    assert found.moves == {"deliver to quarantine": 1}
    domain.refresh_from_db()
    assert domain.tag is None


def test_the_command_tells_in_words(domain: Domain, ingest: Ingest) -> None:
    ingest(message("01a", 4.0))
    domain.tag = 4.0
    domain.save()
    said = StringIO()

    call_command("whatif", stdout=said)

    assert "0 the same, 1 changed, 0 not decidable" in said.getvalue()
    assert "deliver to tag" in said.getvalue()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--days", "0"], "above 0"), (["missing.yml"], "name a readable file")],
)
@pytest.mark.usefixtures("domain")
def test_the_command_names_what_is_wrong_and_the_remedy(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("whatif", *arguments)
