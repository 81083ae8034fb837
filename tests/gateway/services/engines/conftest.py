"""The real engines, for the tests of their clients."""

from tests.fixtures_rspamd import rspamd
from tests.fixtures_spamd import spamd

__all__ = ["rspamd", "spamd"]
