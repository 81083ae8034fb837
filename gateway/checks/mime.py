"""Do mail programs agree on what the message is made of, or does one see an attachment that another does not.

The message is taken apart under every reading (``gateway.mime``). What readers do not agree on is a finding by its
rarity; where an attachment hides behind it, the finding is enough to quarantine. What could not be read to its end is
never passed in silence.
"""

import asyncio

from gateway.checks.base import MISS, Check, Seen, View, hit, skipped
from gateway.checks.dissecting import Dissecting
from gateway.mail.findings import Finding
from gateway.mail.stages import Stage
from gateway.mime.words import Anatomy, Oddity

LIMITS = 8.0  # points of a message of which not all was read
SMALL = 4.0  # points that oddities with nothing behind them add up to at most
WHOLE = 8.0  # points from which on an oddity counts by itself


class Mime(Check):
    """Says what is odd about a message's anatomy."""

    name = "mime"
    stages = (Stage.DATA,)
    symbols = {
        "MIME_HIDDEN_ATTACHMENT": "some mail programs see an attachment where others see none, or another one",
        "MIME_LIMITS": "too many parts, too deep, or too long a header section: not all of it was read",
        "MIME_PARTIAL": "one piece of a message, which no scanner can put together (message/partial)",
        "MIME_BOUNDARY": "mail programs do not agree on where the parts begin and end",
        "MIME_HEADER": "a header field of MIME that some mail programs do not see",
        "MIME_HEADER_TWICE": "a header field of MIME is there twice; mail programs take the first or the last",
        "MIME_TYPE": "a content type that can be read in more than one way, or in none",
        "MIME_ENCODING": "mail programs do not decode the content alike",
        "MIME_NAME": "a file name that is not the same in all mail programs, or is made to deceive",
        "MIME_TRUNCATED": "the final boundary is missing",
    }
    seconds = 20.0

    def __init__(self, dissecting: Dissecting) -> None:
        """Share the anatomy with the other checks."""
        self._dissecting = dissecting

    def look(self, view: View) -> Seen | asyncio.Future[Seen]:
        """Hit on oddities; a large message is read in a thread."""
        if view.content is None:
            return skipped("no content")
        if not view.content.kept:
            return skipped("larger than the node accepts; refused unread")
        anatomy = self._dissecting.of(view)
        if isinstance(anatomy, asyncio.Future):
            return asyncio.ensure_future(_look_later(anatomy))
        return _say(anatomy)


async def _look_later(anatomy: asyncio.Future[Anatomy]) -> Seen:
    """Wait for the anatomy, for which other checks wait too."""
    return _say(await asyncio.shield(anatomy))


def _say(anatomy: Anatomy) -> Seen:
    """Give the oddities as findings, one a symbol, what weighs most first."""
    if not anatomy.oddities and not anatomy.cut:
        return MISS
    worst: dict[str, Oddity] = {}
    count: dict[str, int] = {}
    for each in anatomy.oddities:
        count[each.symbol] = count.get(each.symbol, 0) + 1
        if each.symbol not in worst or each.points > worst[each.symbol].points:
            worst[each.symbol] = each
    found = [Finding("MIME_LIMITS", LIMITS, anatomy.cut)] if anatomy.cut else []
    left = SMALL
    for each in sorted(worst.values(), key=lambda oddity: -oddity.points):
        points = each.points if each.points >= WHOLE else min(each.points, left)
        left -= points if each.points < WHOLE else 0
        more = f" (and {count[each.symbol] - 1} more)" if count[each.symbol] > 1 else ""
        detail = f"part {each.part}: {each.detail}{more}"
        found.append(Finding(each.symbol, round(points, 2), detail, facts={"part": each.part}))
    return hit(*found)
