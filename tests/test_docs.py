"""What the documentation lists is what there is."""

import re
from pathlib import Path

import msgspec

from gateway.config import Config

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_every_configuration_key_is_documented_and_no_other() -> None:
    keys = {
        f"{section.name}.{field.name}"
        for section in msgspec.structs.fields(Config)
        for field in msgspec.structs.fields(section.type)
    }
    rows = [
        line.split("|")[1] for line in (DOCS / "configuration.md").read_text().splitlines() if line.startswith("| `")
    ]

    assert {key for row in rows for key in re.findall(r"`([a-z_.]+)`", row)} == keys
