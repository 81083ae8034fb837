"""Which copies a gateway keeps for review, read from its spool: from the files that its promise speaks of.

``kept.py HOME`` prints them, a JSON object a line. It needs nothing but Python, and is run on the machine as it stands
here (``kept_on``), for the product has no command that lists them, and its tables may be behind its files.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

HOME = "/var/lib/backstop"
_SECONDS = 600.0


class Shell(Protocol):
    """What runs a command where the spool is: a Machine."""

    def ssh(self, command: str, *, given: str | bytes = b"", seconds: float = 120.0, check: bool = True) -> str:
        """Run a shell command and give what it wrote."""


@dataclass(frozen=True)
class Kept:
    """Copies by id (Message-ID) and recipient in lower case; ``damaged`` names folders whose bytes are not whole."""

    copies: Counter[tuple[str, str]]
    damaged: tuple[str, ...] = ()


def kept_on(machine: Shell, home: str = HOME) -> Kept:
    """Ask a machine. Raises MachineError."""
    said = machine.ssh(f"python3 - {home}", given=Path(__file__).read_bytes(), seconds=_SECONDS)
    return _counted(json.loads(line) for line in said.splitlines())


def kept_in(home: Path) -> Kept:
    """Look at a home on this computer."""
    return _counted(_items(home))


def _items(home: Path) -> Iterator[dict[str, Any]]:
    """Give each quarantined message: its folder, Message-ID, recipients, and whether its bytes are those that came."""
    for place in sorted((home / "spool" / "quarantine").glob("*/*")):
        if place.name.startswith("."):
            continue  # on its way out
        found: dict[str, Any] = {"place": str(place), "id": "", "recipients": [], "whole": False}
        try:
            item = json.loads((place / "item.json").read_bytes())
            found["id"] = item["message_id"].strip("<>")
            found["recipients"] = [
                each["recipient"].lower() for each in item["copies"] if each.get("purpose", "review") == "review"
            ]
            content = (place / "message.eml").read_bytes()
            found["whole"] = (len(content), hashlib.sha256(content).hexdigest()) == (item["size"], item["sha256"])
        except (OSError, ValueError, LookupError) as error:
            found["error"] = repr(error)
        yield found


def _counted(items: Iterable[dict[str, Any]]) -> Kept:
    """Count what is whole."""
    copies: Counter[tuple[str, str]] = Counter()
    damaged = []
    for item in items:
        if item["whole"]:
            copies.update((item["id"], recipient) for recipient in item["recipients"])
        else:
            damaged.append(item["place"])
    return Kept(copies, tuple(damaged))


if __name__ == "__main__":
    for each in _items(Path(sys.argv[1])):
        print(json.dumps(each))  # noqa: T201 - the result
