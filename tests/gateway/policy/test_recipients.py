"""Who an address of ours is: listed, by a pattern, with a detail, an alias; and what holds for it then."""

import time

import pytest

from gateway.mail.address import parse_mailbox
from gateway.mail.decisions import Action
from gateway.policy.defaults import CHECKS
from gateway.policy.matching import Match, Policy
from gateway.policy.snapshot import BatvKey, DomainPolicy, Marking, RecipientPolicy, Rules, Snapshot, Thresholds

STRICT = Rules(thresholds=Thresholds(1.0, 2.0, 3.0), checks=CHECKS)
LISTED = RecipientPolicy()


def policy(plus: str = "+", **recipients: RecipientPolicy) -> Policy:
    """A policy of two domains; the second knows dora only, and parts details by a dash."""
    named = {local.replace("_", "-").replace("ANY", "*"): each for local, each in recipients.items()}
    domains = {
        "one.test": DomainPolicy(route="one", rules=Rules(checks=CHECKS), recipients=named, plus=plus),
        "two.test": DomainPolicy(route="two", recipients={"dora": RecipientPolicy(rules=STRICT)}, plus="-"),
    }
    return Policy(Snapshot(1, "", "", domains=domains, marking=Marking(keys=(BatvKey(1, "batv"),))))


def of(found: Policy, address: str) -> Match:
    match = found.match(parse_mailbox(address))
    assert match is not None
    return match


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("alice+shop@one.test", True),
        ("alice+shop+more@one.test", True),
        ("ALICE+Shop@one.test", True),
        ("alice+@one.test", True),
        ("+alice@one.test", False),
        ("bob+shop@one.test", False),
        ("alice-shop@one.test", False),
        ('"alice+shop"@one.test', False),
    ],
)
def test_a_detail_is_left_out_of_the_look_up_and_kept_for_the_next_hop(address: str, known: bool) -> None:
    match = of(policy(alice=LISTED), address)

    assert match.known is known
    assert str(match.mailbox) == address


def test_who_is_listed_with_the_sign_in_the_name_is_looked_up_whole_first() -> None:
    found = policy("-", anne_marie=RecipientPolicy(rules=STRICT), anne=LISTED)

    assert of(found, "anne-marie@one.test").rules is STRICT
    assert of(found, "anne-marie-shop@one.test").rules is STRICT
    assert of(found, "anne-shop@one.test").rules is not STRICT


def test_where_no_sign_parts_details_there_are_none() -> None:
    assert not of(policy("", alice=LISTED), "alice+shop@one.test").known


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("sales-north@one.test", True),
        ("Sales-North@one.test", True),
        ("sales-@one.test", True),
        ("sales@one.test", False),
        ("presales-north@one.test", False),
        ("a.b.owner@one.test", True),
        ("a.owner@one.test", False),
    ],
)
def test_a_star_stands_for_anything(address: str, known: bool) -> None:
    found = policy(**{"sales_ANY": LISTED, "ANY.ANY.owner": LISTED})

    assert of(found, address).known is known


def test_the_pattern_that_says_most_decides_and_the_name_itself_before_all() -> None:
    found = policy(
        ANY=RecipientPolicy(alias="dora@two.test"), sales_ANY=LISTED, sales_north=RecipientPolicy(rules=STRICT)
    )

    assert of(found, "sales-north@one.test").rules is STRICT
    assert str(of(found, "sales-south@one.test").mailbox) == "sales-south@one.test"
    assert str(of(found, "anybody@one.test").mailbox) == "dora@two.test"


def test_a_pattern_of_many_stars_costs_no_time() -> None:
    found = policy(**{"ANYa" * 20 + "ANYb": LISTED})
    start = time.process_time()

    assert not of(found, "a" * 200 + "@one.test").known

    assert time.process_time() - start < 10  # all ways to divide it would take years


def test_an_alias_has_domain_route_and_rules_of_the_address_that_it_stands_for() -> None:
    match = of(policy(info=RecipientPolicy(alias="dora@two.test")), "info@one.test")

    assert (match.known, match.domain_key, match.domain.route) == (True, "two.test", "two")
    assert str(match.mailbox) == "dora@two.test"
    assert match.rules is STRICT


def test_an_alias_of_nobody_is_unknown() -> None:
    assert not of(policy(info=RecipientPolicy(alias="nobody@two.test")), "info@one.test").known


@pytest.mark.parametrize(("plus", "told"), [("-", "dora-shop@two.test"), ("+", "dora@two.test")])
def test_a_detail_goes_along_where_the_other_domain_parts_by_the_same_sign(plus: str, told: str) -> None:
    match = of(policy(plus, info=RecipientPolicy(alias="dora@two.test")), f"info{plus}shop@one.test")

    assert str(match.mailbox) == told
    assert match.known


def test_a_tag_of_ours_is_left_out_before_an_alias_is_followed() -> None:
    match = of(policy(info=RecipientPolicy(alias="dora@two.test")), "prvs=1785abcdef=info@one.test")

    assert str(match.mailbox) == "dora@two.test"


def test_a_catch_all_that_takes_in_its_own_target_ends_there() -> None:
    match = of(policy(ANY=RecipientPolicy(alias="catch@one.test")), "anybody@one.test")

    assert (match.known, str(match.mailbox)) == (True, "catch@one.test")


def test_a_circle_of_aliases_is_nobody() -> None:
    found = policy(here=RecipientPolicy(alias="there@one.test"), there=RecipientPolicy(alias="here@one.test"))

    assert not of(found, "here@one.test").known


def test_postmaster_stays_itself_beside_a_catch_all() -> None:
    match = of(policy(ANY=RecipientPolicy(alias="dora@two.test")), "postmaster@one.test")

    assert (match.known, str(match.mailbox)) == (True, "postmaster@one.test")


def test_what_a_domain_says_of_a_validation_that_is_down_holds_for_its_check() -> None:
    domains = {
        "one.test": DomainPolicy(
            route="one",
            rules=Rules(checks=CHECKS),
            recipients={"alice": RecipientPolicy(rules=STRICT)},
            validation_down=Action.DELIVER,
        ),
        "two.test": DomainPolicy(route="two", rules=Rules(checks=CHECKS)),
    }
    found = Policy(Snapshot(1, "", "", domains=domains))

    def on_failure(address: str) -> Action:
        return of(found, address).rules.checks["recipient_known"].on_failure

    assert on_failure("bob@one.test") is Action.DELIVER
    assert on_failure("alice@one.test") is Action.DELIVER
    assert on_failure("bob@two.test") is Action.DEFER
