"""Has the message been going round? RFC 5321 6.3: many Received lines, or several of our own."""

import re

from gateway.checks.base import MISS, Check, Seen, View, hit
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage

MAX_RECEIVED = 50  # more than this is a loop
MAX_OUR_OWN = 3  # so many of our own are one


class Loops(Check):
    """Counts Received lines, and those that this node wrote."""

    name = "loops"
    stages = (Stage.DATA,)
    symbols = {"LOOP": "too many Received lines, or too many of our own"}

    def look(self, view: View) -> Seen:
        """Hit on more than 50 Received lines, or three of our own."""
        received = view.headers.all("received")
        if len(received) > MAX_RECEIVED:
            return hit(Finding("LOOP", 10.0, f"{len(received)} Received lines"))
        if len(received) >= MAX_OUR_OWN:
            ours = re.compile(rf"\bby\s+{re.escape(view.node)}[\s;(]", re.IGNORECASE)
            own = sum(1 for line in received if ours.search(line))
            if own >= MAX_OUR_OWN:
                return hit(Finding("LOOP", 10.0, f"{own} Received lines of our own"))
        return MISS
