"""Copy this file to make a check; HACKING.md has the five steps. It is not in the catalogue.

The first sentence of the docstring is the question that the check answers. Then: why it matters, what it does when
what it asks is down, and the RFC that it follows.
"""

from gateway.checks.base import MISS, Check, Seen, View, hit, skipped
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage


class Skeleton(Check):
    """Looks for a header field that nobody sends."""

    name = "skeleton"
    stages = (Stage.DATA,)
    symbols = {"SKELETON": "the field X-Skeleton is there"}

    def look(self, view: View) -> Seen:
        """Hit where the field is there. Make it a coroutine function where it asks somebody else."""
        if view.content is None:
            return skipped("no content")
        value = view.headers.get("x-skeleton")
        return hit(Finding("SKELETON", 0.1, value[:80])) if value else MISS
