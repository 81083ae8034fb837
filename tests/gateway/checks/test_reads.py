"""What a check takes from the policy, its ``reads`` gives too: no stored trace is decided again by what nobody saw."""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from types import ModuleType

import pytest

from gateway.checks import catalog
from gateway.checks.base import Check

# What is no matter to what a check sees, and why.
APART = {
    "policy.is_spared": "that a client is trusted is compared apart",
    "policy.learned": "what was learned is taken as it is today",
    "policy.stage_words": "it is told, and decides nothing",
    "policy.plain": "whether tags are ours to take off tells the keys",
    "match.entry": "who has an entry is known",
    "match.domain_key": "the recipient is the same",
}
# What a module that works for several checks takes, and not for these.
NOT_FOR = {
    "snapshot.arc_sealers": {"dkim", "own_sender"},  # they ask for signatures only
    "snapshot.domains": {"dns_lists"},  # whether a reason is told
}
SHARED = {f"gateway.checks.{each}" for each in ("authenticating", "judging", "listing", "opinions", "streams")}


def taken_by(tree: ast.AST) -> Iterator[str]:
    """Each attribute that code takes of a policy, its snapshot, or a match of it, once for each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            *_, holder = ast.unparse(node.value).split(".")
            if holder in {"policy", "snapshot", "match"} and node.attr != "snapshot":
                yield f"{holder}.{node.attr}"


def modules_of(kind: type[Check]) -> list[ModuleType]:
    """The module of a check, and those that work for it and others."""
    own = sys.modules[kind.__module__]
    names = {getattr(each, "__module__", "") for each in vars(own).values()} | {
        base.__module__ for base in kind.__mro__
    }
    return [own, *(sys.modules[each] for each in sorted(names & SHARED))]


def given_by(kind: type[Check]) -> set[str]:
    """What the ``reads`` of a check takes, with those of its bases and the functions of the module that they call."""
    known = vars(sys.modules[kind.__module__])
    waiting = [vars(base)["reads"].__func__ for base in kind.__mro__ if "reads" in vars(base)]
    found: set[str] = set()
    while waiting:
        each = waiting.pop()
        found |= set(taken_by(ast.parse(textwrap.dedent(inspect.getsource(each)))))
        waiting += [known[name] for name in each.__code__.co_names if inspect.isfunction(known.get(name))]
    return found


@pytest.mark.parametrize("name", sorted(catalog.classes()))
def test_what_a_check_takes_from_the_policy_its_reads_gives(name: str) -> None:
    kind = catalog.classes()[name]
    taken = {each for module in modules_of(kind) for each in taken_by(ast.parse(inspect.getsource(module)))}
    matters = {each for each in taken - set(APART) if name not in NOT_FOR.get(each, ())}
    assert kind.asks_nobody or matters <= given_by(kind)


@pytest.mark.parametrize("name", [name for name, kind in catalog.classes().items() if kind.asks_nobody])
def test_a_check_that_asks_nobody_is_made_of_nothing_and_never_waits(name: str) -> None:
    kind = catalog.classes()[name]
    assert not inspect.iscoroutinefunction(kind.look)
    assert kind().name == name


def test_a_check_that_takes_more_than_it_says_would_be_found() -> None:
    tree = ast.parse(
        "limit = view.policy.snapshot.clients.greet_delay if view.policy.is_ours(view.match.mailbox) else 0"
    )
    assert set(taken_by(tree)) == {"snapshot.clients", "policy.is_ours", "match.mailbox"}
