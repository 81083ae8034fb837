"""Secrets: each in a 0600 file of its own, named by an id. Never logged, never part of policy or export."""

from pathlib import Path


def read(folder: Path, id: str) -> str | None:
    """Give the text, without line ends behind it, or None where there is none. Cached by the file's time of change."""
    raise NotImplementedError


def write(folder: Path, id: str, text: str) -> None:
    """Store atomically, readable by the owner only."""
    raise NotImplementedError


def destroy(folder: Path, id: str) -> bool:
    """Remove for good; tells whether there was one."""
    raise NotImplementedError
