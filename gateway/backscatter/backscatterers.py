"""Which hosts are proven backscatterers: what a bounce is worth for and against its sender's host. Pure.

A forged bounce counts for the list, a genuine one against it, both decaying: a large provider's host, which brings more
genuine bounces than false ones, has fewer than no points and never gets on. HELO is free text, so that a name counts a
quarter of an address, and only where it is a full domain name and none of ours; it is not looked up in DNS.
"""

import re
from collections.abc import Collection

from gateway.backscatter.words import Verdict

ADDRESS = 1.0  # points of one bounce for its client's IP address
HELO = 0.25  # points for the name that the client called itself
MOST = 500.0  # points, above or below nothing: a host that has stopped is off the list after eight weeks at most

_NAME = re.compile(r"(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9-]{2,63}")


def sign(verdict: str) -> int:
    """Give whether a verdict speaks for the list (1), against it (-1), or not at all (0)."""
    if verdict == Verdict.FORGED:
        return 1
    return -1 if verdict == Verdict.GENUINE else 0


def helo_name(helo: str, ours: Collection[str]) -> str | None:
    """Give the name by which a HELO is listed, in lower case; None for an IP literal, a bare word or a name of ours.

    ``ours`` are our domains and hosts, in lower case; what lies below them is ours as well.
    """
    name = helo.lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        return None
    labels = name.split(".")
    return None if any(".".join(labels[at:]) in ours for at in range(len(labels))) else name


def bounded(points: float) -> float:
    """Give points within what is kept."""
    return max(-MOST, min(MOST, points))
