"""What differs between two policies, in sentences that a person reads. Pure."""

from collections.abc import Iterator
from typing import Any

_ONE_OF = {
    "domains": "domain",
    "routes": "route",
    "forwarders": "forwarder",
    "accounts": "account",
    "recipients": "recipient",
    "checks": "check",
    "dns_lists": "DNS list",
    "codes": "code",
    "senders": "sender",
    "limits_of": "limits of",
}
_STAMPS = frozenset({"revision", "published", "by"})


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Give one line for each difference, as ``domain example.org, route: old -> new``.

    Takes policies as built-in values; who published them, and when, is no difference.
    """
    return list(_mapping((), _without_stamps(old), _without_stamps(new)))


def _without_stamps(policy: dict[str, Any]) -> dict[str, Any]:
    """Leave out what every revision has of its own."""
    return {key: value for key, value in policy.items() if key not in _STAMPS}


def _mapping(place: tuple[str, ...], old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """Compare two mappings, key by key."""
    for key in [*old, *(key for key in new if key not in old)]:
        here = (*place, str(key))
        if key in old and key in new:
            yield from _values(here, old[key], new[key])
        elif key in new:
            yield from _present(here, new[key], "added")
        else:
            yield from _present(here, old[key], "removed")


def _present(place: tuple[str, ...], value: Any, what: str) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Say that something is only in one of the two; a whole section is told item by item."""
    if place[-1] in _ONE_OF and isinstance(value, dict):
        for name in value:
            yield f"{_words((*place, str(name)))}: {what}"
    else:
        yield f"{_words(place)}: {what}"


def _values(place: tuple[str, ...], old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Compare two values."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _mapping(place, old, new)
    elif isinstance(old, dict) or isinstance(new, dict):
        yield f"{_words(place)}: {'added' if isinstance(new, dict) else 'removed'}"
    elif isinstance(old, list) and isinstance(new, list) and not any(isinstance(each, dict) for each in [*old, *new]):
        parts = [f"added {_text(each)}" for each in new if each not in old]
        parts += [f"removed {_text(each)}" for each in old if each not in new]
        yield f"{_words(place)}: {', '.join(parts) or 'order changed'}"
    else:
        yield f"{_words(place)}: {_text(old)} -> {_text(new)}"


def _words(place: tuple[str, ...]) -> str:
    """Say a place in words: ``domain example.org, check spam, mode``."""
    words: list[str] = []
    section = ""
    for step in place:
        if section:
            words.append(f"{_ONE_OF[section]} {step}")
            section = ""
        elif step in _ONE_OF:
            section = step
        elif step != "rules" or step == place[-1]:
            words.append("own rules" if step == "rules" else step.replace("_", " "))
    return ", ".join(words) or section


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Give a value as a person writes it."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, dict):
        return _hop(value) if "host" in value else ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _hop(hop: dict[str, Any]) -> str:
    """Give a next hop as host:port."""
    text = f"{hop['host']}:{hop.get('port', 25)}"
    return f"{text} (TLS from the start)" if hop.get("tls_from_start") else text
