"""Asks whether an unknown client waits for its turn: for our banner, and for our answer to its EHLO.

SMTP's first word is the server's (RFC 5321 3.1), and a client learns only from the answer to EHLO that it may send
ahead (RFC 2920 3.1). Programs that send nothing but spam rarely wait. ``clients.greet_delay`` seconds of silence come
before the banner of a client that nobody knows; known is who had a message delivered within 36 days (its address, or
the name that its address has forward and backward), and whoever the policy trusts. It asks nobody. Off by default.
"""

from gateway.checks.base import MISS, Check, Seen, View, hit, skipped
from gateway.mail.decisions import Action
from gateway.mail.findings import Finding
from gateway.mail.prefix import prefix
from gateway.mail.stages import Stage

KNOWN_SECONDS = 36 * 86_400.0  # as long as a pass of greylisting
RENEWED_SECONDS = 86_400.0  # how much of that may pass until it is written anew


def known_key(who: str) -> str:
    """Give the key under which a client is known; ``who`` is its address, or its confirmed name."""
    return f"known:{prefix(who) if ':' in who else who}"


class EarlyTalker(Check):
    """Looks at whether the client sent ahead of our banner, or of our answer to EHLO."""

    name = "early_talker"
    stages = (Stage.CONNECT, Stage.HELO)
    symbols = {
        "EARLY_TALKER": "the client spoke before the banner",
        "EARLY_PIPELINING": "the client sent ahead before it could know that it may",
    }

    @classmethod
    def reads(cls, view: View) -> object:
        """Give for how long clients are kept waiting."""
        return view.policy.snapshot.clients.greet_delay

    def look(self, view: View) -> Seen:
        """Hit where it did."""
        if not view.policy.snapshot.clients.greet_delay:
            return skipped("no greet delay is set")
        if view.spares_client:
            return skipped("the client is trusted")
        if not view.ahead:
            return MISS
        if view.client.helo:
            found = "commands came with EHLO, before its answer"
            return hit(Finding("EARLY_PIPELINING", 2.0, found, at_most=Action.TAG))
        return hit(Finding("EARLY_TALKER", 5.0, "the client spoke before the banner"))
