"""What it costs that recipients of one message are not of one mind, and which setting would spare it."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from gateway.mail.decisions import Action, Decision, Disposition
from gateway.mail.envelope import MailParameters
from gateway.mail.reply import Reply
from gateway.mail.trace import RecipientTrace, Trace
from gateway.models import CheckSetting, Domain, Recipient, Route, RouteHost
from gateway.operations import mixed
from gateway.operations.publish import publish_policy
from tests import samples

pytestmark = pytest.mark.django_db

STRICT, MILD = "kim@strict.test", "lee@mild.test"
Ingest = Callable[..., None]


@pytest.fixture
def domains(home: Path) -> tuple[Domain, Domain]:  # noqa: ARG001 - they are published there
    route = Route.objects.create(name="inside")
    RouteHost.objects.create(route=route, host="127.0.0.1", port=9, position=0)
    made = [Domain.objects.create(name=f"{name}.test", route=route, accept_unknown=True) for name in ("strict", "mild")]
    return made[0], made[1]


def both(message: str, check: str, symbol: str | None = None) -> Trace:
    """A message that strict.test refuses and mild.test takes."""
    held = Decision(Action.QUARANTINE, "so it is", check, symbol, instead_of=Action.REJECT)
    taken = Decision(Action.DELIVER, "nothing speaks against it")
    people = [
        RecipientTrace(STRICT, decision=held, disposition=Disposition.QUARANTINED),
        RecipientTrace(MILD, decision=taken, disposition=Disposition.DELIVERED),
    ]
    return msgspec.structs.replace(
        samples.trace(message), started=time.time(), listener="inbound", recipients=people, size=1000
    )


def only(found: mixed.Cost) -> mixed.Difference:
    ((difference, count),) = found.differences
    assert count == found.mixed
    return difference


def test_messages_copies_and_octets_are_counted(domains: tuple[Domain, Domain], ingest: Ingest) -> None:
    assert domains
    publish_policy("test", probed=True)
    one = samples.trace("01z")
    ingest(
        both("01a", "clamav", "VIRUS"), both("01b", "clamav", "VIRUS"), msgspec.structs.replace(one, listener="inbound")
    )
    found = mixed.cost(7)
    assert (found.messages, found.mixed, found.copies, found.octets) == (2, 2, 2, 2000)


def test_another_setting_of_the_check_that_decided_is_named_with_the_remedy(
    domains: tuple[Domain, Domain], ingest: Ingest
) -> None:
    CheckSetting.objects.create(domain=domains[0], check_name="spf", mode="enforce", action="reject")
    publish_policy("test", probed=True)
    ingest(both("01a", "spf", "SPF_FAIL"))
    difference = only(mixed.cost(7))
    assert difference.why == "strict.test has enforce, reject, mild.test score"
    assert "set spf of mild.test to enforce, reject" in difference.remedy


def test_another_threshold_is_named(domains: tuple[Domain, Domain], ingest: Ingest) -> None:
    domains[0].reject = 10.0
    domains[0].save()
    publish_policy("test", probed=True)
    ingest(both("01a", "spam"))
    difference = only(mixed.cost(7))
    assert difference.why == "strict.test refuses from 10 points on, mild.test from 15"
    assert "same reject threshold" in difference.remedy


def test_other_points_are_named(domains: tuple[Domain, Domain], ingest: Ingest) -> None:
    CheckSetting.objects.create(domain=domains[1], check_name="helo", mode="observe")
    publish_policy("test", probed=True)
    ingest(both("01a", "spam"))
    assert only(mixed.cost(7)).remedy == "score helo alike"


def test_a_domain_that_only_observes_is_named(domains: tuple[Domain, Domain], ingest: Ingest) -> None:
    domains[1].observe = True
    domains[1].save()
    publish_policy("test", probed=True)
    ingest(both("01a", "clamav", "VIRUS"), both("01b", "spam"))
    assert {each.remedy for each, _ in mixed.cost(7).differences} == {"end the observe mode of mild.test"}


def test_who_quarantines_what_another_refuses_takes_it(domains: tuple[Domain, Domain], ingest: Ingest) -> None:
    CheckSetting.objects.create(domain=domains[0], check_name="attachments", mode="enforce", action="reject")
    publish_policy("test", probed=True)
    trace = both("01a", "attachments", "ATTACHMENT_SCRIPT")
    trace.recipients[1].decision = Decision(Action.QUARANTINE, "so it is", "attachments", "ATTACHMENT_SCRIPT")
    ingest(trace)
    assert only(mixed.cost(7)).why == "strict.test has enforce, reject, mild.test enforce, quarantine"


def test_other_actions_by_symbol_are_named(domains: tuple[Domain, Domain], ingest: Ingest) -> None:
    actions = {"ATTACHMENT_SCRIPT": "reject"}
    CheckSetting.objects.create(
        domain=domains[0], check_name="attachments", mode="enforce", action="quarantine", actions=actions
    )
    publish_policy("test", probed=True)
    ingest(both("01a", "attachments", "ATTACHMENT_SCRIPT"))
    assert only(mixed.cost(7)).remedy == "set the actions of attachments by symbol alike"


def test_other_attachment_rules_of_two_recipients_are_named(domains: tuple[Domain, Domain], ingest: Ingest) -> None:
    rules = [{"name": "scripts", "names": ["*.js"], "types": [], "inside": True, "action": "reject"}]
    for local, own in (("kim", rules), ("lee", [])):
        Recipient.objects.create(domain=domains[0], local_part=local, attachments=own)
    publish_policy("test", probed=True)
    trace = both("01a", "attachments", "ATTACHMENT_SCRIPT")
    trace.recipients[1].address = "lee@strict.test"
    ingest(trace)
    difference = only(mixed.cost(7))
    assert (difference.refuses, difference.takes) == ("kim@strict.test", "lee@strict.test")
    assert difference.remedy == "give both the same attachment rules"


def test_where_no_setting_is_behind_it_none_is_blamed(domains: tuple[Domain, Domain], ingest: Ingest) -> None:
    assert domains
    publish_policy("test", probed=True)
    ingest(both("01a", "sender_lists", "BLOCKED_SENDER"))
    assert only(mixed.cost(7)).remedy == ""


def test_what_was_answered_apart_is_counted_as_spared(domains: tuple[Domain, Domain], ingest: Ingest) -> None:
    assert domains
    publish_policy("test", probed=True)
    trace = both("01a", "clamav", "VIRUS")
    trace.parameters = MailParameters(prdr=True)
    refused, taken = trace.recipients
    refused.decision = Decision(Action.REJECT, "so it is", "clamav", "VIRUS")
    refused.reply, refused.accepted = Reply(550, "5.7.1", "message contains a virus"), True
    taken.reply, taken.accepted = Reply(250, "2.0.0", "accepted"), True
    ingest(trace)
    found = mixed.cost(7)
    assert (found.messages, found.mixed, found.apart) == (1, 0, 1)
