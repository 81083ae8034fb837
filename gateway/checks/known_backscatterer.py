"""Is the host that brings this bounce a proven backscatterer? Only mail from the null sender is weighed by it.

The list is the gateway's own, learned from bounces that were proven false. A host's IP address counts before what it
calls itself. A genuine bounce is never weighed: backscatterers bounce real mail too.
"""

import datetime
import math
import time
from collections.abc import Awaitable, Callable

from gateway.backscatter.words import Verdict
from gateway.checks.base import MISS, Seen, View, hit, skipped
from gateway.checks.judging import JudgedCheck, Judgements, Judging, is_always_deliverable
from gateway.mail.findings import Finding
from gateway.policy.learned import LISTED, Backscatterer

_LEAST, _MOST = 1.0, 4.0  # weights: of a host just listed, and of the worst
_MOST_OF_NAME = 2.0  # anybody can say any name in HELO


class KnownBackscatterer(JudgedCheck):
    """Weighs bounces by what their host has brought before."""

    name = "known_backscatterer"
    symbols = {"KNOWN_BACKSCATTERER": "the host has brought bounces that were proven false"}

    def __init__(self, judging: Judging, *, now: Callable[[], float] = time.time) -> None:
        """Share the judge; ``now`` is the clock."""
        super().__init__(judging)
        self._now = now

    def look(self, view: View) -> Seen | Awaitable[Seen]:
        """Look at mail from the null sender alone, and not at what a trusted forwarder hands on."""
        if view.sender is not None:
            return skipped("it has a sender")
        if view.client.forwarder:
            return skipped("a trusted forwarder brings the mail of others")
        return super().look(view)

    def say(self, view: View, judged: Judgements) -> Seen:
        """Hit for each recipient to whom it is not proven genuine."""
        doubted = [
            recipient
            for recipient, each in judged.items()
            if each.verdict is not Verdict.GENUINE and not is_always_deliverable(view, recipient)
        ]
        name, entry = self._entry(view) if doubted else ("", None)
        if entry is None:
            return MISS
        points = entry.points_now(self._now())
        since = datetime.datetime.fromtimestamp(entry.since, datetime.UTC).date()
        detail = f"backscatterer {entry.number}: {name}, known since {since}, has {points:.1f} points"
        facts = {"backscatterer": str(entry.number), "name": name}
        worth = weight(points) if name == view.client.ip else min(_MOST_OF_NAME, weight(points))
        return hit(*(Finding("KNOWN_BACKSCATTERER", worth, detail, each, facts) for each in doubted))

    def _entry(self, view: View) -> tuple[str, Backscatterer | None]:
        """Give the entry of the client's address, else of its HELO name, and the name; None where none is listed."""
        known = view.policy.learned.backscatterers
        for name in (view.client.ip, view.client.helo.lower().removesuffix(".")) if known else ():
            entry = known.get(name)
            if entry is not None and entry.points_now(self._now()) >= LISTED:
                return name, entry
        return "", None


def weight(points: float) -> float:
    """Give the weight of a host's points: one more each time they are four times as many."""
    return round(min(_MOST, _LEAST + math.log(max(1.0, points / LISTED), 4)), 1)
