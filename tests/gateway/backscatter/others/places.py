"""Where ``scripts/samples`` puts things, and how a test says that something is not there."""

import gettext
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[4] / ".tools" / "samples"


def found(*patterns: str) -> list[Path]:
    """Give the files that match, in order."""
    paths = {path for pattern in patterns for path in SAMPLES.glob(pattern) if path.is_file()}
    return sorted(paths)


def needed(*patterns: str) -> list[Path]:
    """Like found; skips the test, with what is missing, where nothing matches one of the patterns."""
    for pattern in patterns:
        if not found(pattern):
            pytest.skip(f"scripts/samples could not fetch {pattern}")
    return found(*patterns)


def catalogue(path: Path) -> gettext.GNUTranslations:
    """Open a catalogue of translations."""
    with path.open("rb") as file:
        return gettext.GNUTranslations(file)
