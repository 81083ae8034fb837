"""The real scanner, for the tests of its client; and a mask that keeps nothing from anybody."""

import os
from collections.abc import Iterator

import pytest

from tests.fixtures_clamd import clamd_socket

__all__ = ["clamd_socket"]


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let new files be everybody's, unless who makes them says otherwise."""
    mask = os.umask(0)
    yield
    os.umask(mask)
