"""Which symbols each check may give, for whoever names one in a policy. Knows the classes only, and asks nobody."""

from gateway.checks import catalog
from gateway.checks.opinions import AsksEngine

__all__ = ["symbol_fault"]


def symbol_fault(check: str, symbol: str) -> tuple[str, str] | None:
    """Say what is wrong with a symbol that a policy names for a check, and the remedy; None where nothing is.

    An engine's symbols are its own, so any may be named; what is said of an unknown check is others' to refuse.
    """
    kind = catalog.classes().get(check)
    if kind is None or issubclass(kind, AsksEngine) or symbol in kind.symbols:
        return None
    return f"the check {check} gives no symbol {symbol!r}", f"it gives {', '.join(sorted(kind.symbols))}"
