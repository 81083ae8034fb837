"""The same parts as for the dialogues."""

from tests.smtpfront.conftest import clamd, hop, serve

__all__ = ["clamd", "hop", "serve"]
