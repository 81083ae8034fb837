"""Which symbols each check may give, for whoever names one in a policy. Knows the classes only, and asks nobody."""

import functools
from collections.abc import Mapping

from gateway.checks import catalog
from gateway.checks.base import Check
from gateway.checks.opinions import AsksEngine

__all__ = ["symbol_fault"]


def symbol_fault(check: str, symbol: str) -> tuple[str, str] | None:
    """Say what is wrong with a symbol that a policy names for a check, and the remedy; None where nothing is.

    An engine's symbols are its own, so any may be named; what is said of an unknown check is others' to refuse.
    """
    kind = _classes().get(check)
    if kind is None or issubclass(kind, AsksEngine) or symbol in kind.symbols:
        return None
    return f"the check {check} gives no symbol {symbol!r}", f"it gives {', '.join(sorted(kind.symbols))}"


@functools.cache
def _classes() -> Mapping[str, type[Check]]:
    """Give the class of each check that the catalogue knows, by its name."""
    known = (each for each in vars(catalog).values() if isinstance(each, type) and issubclass(each, Check))
    return {each.name: each for each in known if hasattr(each, "name")}
