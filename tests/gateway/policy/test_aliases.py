"""Where aliases lead: to an end, or in a circle that is named before it is published."""

import pytest

from gateway.mail.address import parse_mailbox
from gateway.policy.aliases import Ways
from gateway.policy.matching import Policy
from gateway.policy.snapshot import DomainPolicy, RecipientPolicy, Snapshot

ONE, TWO = "one.test", "two.test"
LINKS = {f"a{number}": f"a{number + 1}@{ONE}" for number in range(1, 10)}


def domain(aliases: dict[str, str]) -> DomainPolicy:
    people = {local: RecipientPolicy(alias=to) for local, to in aliases.items()}
    return DomainPolicy("next", recipients=people, plus="+")


def told(aliases: dict[str, str], others: dict[str, str] | None = None) -> dict[str, str]:
    """What is wrong, by alias."""
    domains = {ONE: domain(aliases), TWO: domain(others or {})}
    ways = Ways(domains)
    faults = {(name, local): ways.fault(name, local) for name, each in domains.items() for local in each.recipients}
    return {f"{local}@{name}": "; ".join(fault) for (name, local), fault in faults.items() if fault is not None}


@pytest.mark.parametrize(
    "aliases",
    [
        {"a": f"b@{ONE}", "b": f"c@{ONE}"},
        {"a": f"b@{TWO}"},
        dict(list(LINKS.items())[:8]),
        {"*": f"catch@{ONE}"},
        {"*": f"catch@{ONE}", "catch": f"boss@{ONE}", "boss": f"ann@{TWO}"},
        {"sales*": f"sales-all@{ONE}", "info": f"sales@{ONE}"},
        {"*": f"postmaster@{ONE}"},
        {"a": f"a+x@{ONE}", "a+x": f"b@{ONE}"},
    ],
)
def test_a_way_that_ends_is_sound(aliases: dict[str, str]) -> None:
    assert told(aliases) == {}


def test_a_circle_is_named_at_each_alias_that_is_part_of_it() -> None:
    found = told({"a": f"b@{ONE}", "b": f"a@{ONE}", "into": f"a@{ONE}"})

    assert found == {
        "a@one.test": "the alias leads back to itself: a@one.test -> b@one.test -> a@one.test; break the circle",
        "b@one.test": "the alias leads back to itself: b@one.test -> a@one.test -> b@one.test; break the circle",
    }


def test_an_alias_of_itself_is_a_circle() -> None:
    assert told({"a": f"a@{ONE}"}) == {
        "a@one.test": "the alias leads back to itself: a@one.test -> a@one.test; break the circle"
    }


def test_a_circle_through_a_pattern_says_which() -> None:
    found = told({"*": f"a@{ONE}", "a": f"b@{ONE}"})

    assert found == {
        "*@one.test": "the alias leads back to itself: b@one.test (by *@one.test) -> a@one.test -> "
        "b@one.test (by *@one.test); break the circle",
        "a@one.test": "the alias leads back to itself: a@one.test -> b@one.test (by *@one.test) -> "
        "a@one.test; break the circle",
    }


def test_a_circle_of_patterns_alone_is_named() -> None:
    found = told({"x*": f"y1@{ONE}", "y*": f"x1@{ONE}", "into": f"x2@{ONE}"})

    assert list(found) == ["x*@one.test", "y*@one.test"]
    assert "x1@one.test (by x*@one.test) -> y1@one.test (by y*@one.test) -> x1@" in found["x*@one.test"]


def test_a_circle_of_catch_alls_of_two_domains_is_named() -> None:
    found = told({"*": f"x@{TWO}"}, {"*": f"y@{ONE}"})

    assert list(found) == ["*@one.test", "*@two.test"]
    assert "y@one.test (by *@one.test) -> x@two.test (by *@two.test) -> y@one.test" in found["*@one.test"]


def test_a_circle_through_a_detail_is_named() -> None:
    found = told({"a": f"b+x@{ONE}", "b": f"a+x@{ONE}"})

    assert list(found) == ["a@one.test", "b@one.test"]
    assert found["a@one.test"] == (
        "the alias leads back to itself: a@one.test -> b+x@one.test (by b@one.test) -> "
        "a+x+x@one.test (by a@one.test); break the circle"
    )


def test_a_chain_is_no_longer_than_what_is_followed() -> None:
    found = told(LINKS)

    assert list(found) == ["a1@one.test"]
    assert found["a1@one.test"].startswith("more than 8 aliases lead from one to the next: a1@one.test -> a2@one.test ")
    assert found["a1@one.test"].endswith(" -> ...; name the last address")


@pytest.mark.parametrize(("links", "known"), [(8, True), (9, False)])
def test_what_may_be_published_is_followed_to_its_end(links: int, known: bool) -> None:
    aliases = domain(dict(list(LINKS.items())[:links]))
    end = {f"a{links + 1}": RecipientPolicy()}
    policy = Policy(Snapshot(1, "", "", domains={ONE: DomainPolicy("next", recipients=dict(aliases.recipients) | end)}))

    match = policy.match(parse_mailbox(f"a1@{ONE}"))

    assert match is not None
    assert match.known is known
