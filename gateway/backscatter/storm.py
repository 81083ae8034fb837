"""When false bounces to one address make a storm, how long that tightens the address, and when it is over. Pure.

False is a bounce that is proven forged. Where a domain does not mark all its mail yet, nothing can be proven forged:
there a bounce with no hint that it may be genuine speaks for a storm too, but it takes five times as many. A genuine
bounce never counts, nor does one with a hint, nor an auto-reply.
"""

from collections.abc import Iterable, Mapping

import msgspec

from gateway.backscatter.words import Kind, Verdict

WINDOW = 600.0  # seconds within which a burst reaches the bound
BOUND = 100  # points
FORGED = 5  # points of a forged bounce: twenty make a storm
UNVERIFIABLE = 1  # points of one that nothing speaks for: a hundred make a storm
TIGHTENED = 3600.0  # seconds after the last false bounce for which the address is tightened; then the storm is over
BOUNCES = frozenset(each for each in Kind if each.answers_delivery) | {Kind.NONE}  # what forged senders get
REPORTERS = 100  # servers that are counted by name; those that sent least are forgotten first


class Bounce(msgspec.Struct, frozen=True):
    """One bounce, as far as storms go: when it came (seconds since the epoch), and what it counts."""

    at: float
    points: int


class Reporter(msgspec.Struct, frozen=True):
    """A server that brings false bounces: what it called itself last, and how many it brought."""

    helo: str = ""
    count: int = 0


def points(verdict: str, kind: str, *, hinted: bool) -> int:
    """Give what a judged message counts towards a storm; 0 where it is not false.

    ``hinted`` is whether a hint or a proof spoke for it.
    """
    if verdict == Verdict.FORGED:
        return FORGED
    return UNVERIFIABLE if verdict == Verdict.UNVERIFIABLE and kind in BOUNCES and not hinted else 0


def began(bounces: Iterable[Bounce]) -> float | None:
    """Give when the burst began that makes a storm: its first bounce; None where there is none."""
    waiting: list[Bounce] = []
    first, total = 0, 0
    for each in sorted(bounces, key=lambda bounce: bounce.at):
        waiting.append(each)
        total += each.points
        while waiting[first].at < each.at - WINDOW:
            total -= waiting[first].points
            first += 1
        if total >= BOUND:
            return waiting[first].at
    return None


def until(last: float) -> float:
    """Give until when the address is tightened: each false bounce moves it on."""
    return last + TIGHTENED


def reported(known: Mapping[str, Reporter], brought: Iterable[tuple[str, str]]) -> dict[str, Reporter]:
    """Count who brought bounces, as (IP address, HELO name), on; gives the most active first, ``REPORTERS`` at most.

    What is forgotten begins at nothing when it comes back: counts are lower bounds.
    """
    counted = dict(known)
    for ip, helo in brought:
        counted[ip] = Reporter(helo, counted.get(ip, Reporter()).count + 1)
    most = sorted(counted.items(), key=lambda item: -item[1].count)[:REPORTERS]
    return dict(most)
