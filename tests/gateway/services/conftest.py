"""The real scanner, for the tests of its client."""

from tests.fixtures_clamd import clamd_socket

__all__ = ["clamd_socket"]
