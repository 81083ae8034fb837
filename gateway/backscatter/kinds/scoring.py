"""Weighs structure, marks and words into a kind. Structure decides by itself; words and marks need each other.

It looks at what the scanner found, and at nothing else.
"""

import re

from gateway.backscatter.kinds.marks import Marks
from gateway.backscatter.kinds.scanning import Leading, Scanned, scan_leading
from gateway.backscatter.kinds.structure import FINAL, by_structure
from gateway.backscatter.kinds.tally import ENOUGH, KINDS, any_subject, points
from gateway.backscatter.words import Classified, Kind

_NOTHING = Classified(Kind.NONE)
# Each begins with its digit, which makes the search fast; what must not stand before it is asked behind it.
_CODE = re.compile(r"5(?<!\w5)(?:\d\d[ -](?:#?5\.\d\.\d{1,3}|[a-z<\"'(])|\.[0-7]\.\d{1,3}\b|5[0-4]\b)")
_LIST_OWNER = re.compile(r"[-.](?:admin|bounces?|owner|errors?)(?:\+[^@]*)?@|^<?(?:owner|bounces?)[-+]")
_FORWARD = re.compile(r"(?:fwd?|wg|tr|rv|enc|doorst)(?:\[\d+\])? ?: ?")
# Where several kinds have about the same points, the one that fewer programs speak of goes first.
_FIRST = (
    Kind.CHALLENGE,
    Kind.CONFIRMATION,
    Kind.VIRUS_NOTICE,
    Kind.REPORT,
    Kind.DELAY_NOTICE,
    Kind.RECEIPT,
    Kind.AUTOREPLY,
    Kind.BOUNCE,
)
_OF_DELIVERY = frozenset((Kind.BOUNCE, Kind.DELAY_NOTICE, Kind.VIRUS_NOTICE))
_OF_FATE = frozenset((Kind.BOUNCE, Kind.DELAY_NOTICE))
_REPLIES = frozenset((Kind.AUTOREPLY, Kind.CHALLENGE))
_CLEAR = 7.0  # points of a clear bounce
_NEAR = 1.0  # points that make no difference between kinds

Score = tuple[float, tuple[str, ...]]


def weigh(scanned: Scanned, marks: Marks) -> Classified:
    """Give the kind of a message, and the facts that say so."""
    if not (marks.marked or marks.postmaster or any_subject(marks.subject)):
        return _NOTHING
    leading = scan_leading(scanned)
    return by_structure(scanned, marks, leading) or _by_words(scanned, marks, leading)


def _by_words(scanned: Scanned, marks: Marks, leading: Leading) -> Classified:
    """Decide by words and marks together."""
    general, facts = _automatic(marks)
    general -= _against(scanned, marks)
    scores: dict[Kind, Score] = {}
    spoken: dict[Kind, float] = {}
    for kind in KINDS:
        # A clear bounce isn't searched for the words of kinds that neither its subject nor its headers speak of.
        clear = scores.get(Kind.BOUNCE, (0.0,))[0] >= _CLEAR and kind not in _OF_DELIVERY
        text_alone = not clear or (bool(marks.auto_reply) and not marks.daemon and kind in _REPLIES)
        said, why = points(kind, marks, leading, text_alone=text_alone)
        more, marked = _special(kind, marks, leading, said=bool(why))
        if why or marked:
            spoken[kind] = said
            scores[kind] = (said + more + general, (*facts, *marked, *why))
    machine = marks.null_sender or marks.daemon
    if machine and not spoken.get(Kind.AUTOREPLY) and _enough(scores, Kind.BOUNCE):
        scores.pop(Kind.AUTOREPLY, None)  # only a header calls it a reply, and all words speak of a bounce
    _settle(scores, spoken, leading)
    return _best(scores)


def _settle(scores: dict[Kind, Score], spoken: dict[Kind, float], leading: Leading) -> None:
    """Take a general kind away where a special one that looks alike is said: the marks of both are the same."""
    for kind in (Kind.CHALLENGE, Kind.CONFIRMATION, Kind.VIRUS_NOTICE):
        if _enough(scores, kind) and spoken[kind] > spoken.get(Kind.AUTOREPLY, 0.0):
            scores.pop(Kind.AUTOREPLY, None)
    if (_enough(scores, Kind.DELAY_NOTICE) and not FINAL.search(leading.text)) or _enough(scores, Kind.RECEIPT):
        scores.pop(Kind.BOUNCE, None)


def _enough(scores: dict[Kind, Score], kind: Kind) -> bool:
    """Whether a kind has enough points."""
    return scores.get(kind, (0.0, ()))[0] >= ENOUGH


def _automatic(marks: Marks) -> Score:
    """Points for a program behind the message, whatever its kind."""
    total = 0.0
    facts: list[str] = []
    if marks.null_sender:
        total += 1.5
        facts.append("the sender is null")
    if marks.daemon:
        total += 1.0
    if marks.auto_submitted.startswith("auto-"):
        total += 1.0
        facts.append(f"Auto-Submitted is {marks.auto_submitted[:30]}")
    if marks.report:
        total += 1.0
    return total, tuple(facts)


def _special(kind: Kind, marks: Marks, leading: Leading, *, said: bool) -> Score:
    """Points for marks that speak for one kind; ``said`` is whether words do so too."""
    if kind is Kind.AUTOREPLY and marks.auto_reply:
        return ENOUGH, (f"the header {marks.auto_reply} says so",)
    if kind is Kind.CHALLENGE and marks.challenge:
        return ENOUGH, (f"the header {marks.challenge} says so",)
    if kind is Kind.CONFIRMATION and marks.token:
        return ENOUGH, ("an answer goes to an address with a token",)
    if not said or kind not in _OF_FATE:
        return 0.0, ()
    total = 0.0
    facts: list[str] = []
    machine = marks.null_sender or marks.daemon
    if machine:
        total += 0.5
    if leading.quotes:
        total += 1.5 if machine else 0.5
        facts.append("it quotes an original message")
    if kind is Kind.BOUNCE and (code := _CODE.search(leading.text)):
        total += 1.0
        facts.append(f'it quotes the code "{code[0][:20]}"')
    if not (facts or machine or marks.postmaster):
        total -= 1.0  # parcels could not be delivered either
    if (marks.ticket or _FORWARD.match(marks.subject)) and not (machine or marks.postmaster):
        total -= 4.5  # somebody forwards a bounce, or opened a ticket with one
    return total, tuple(facts)


def _against(scanned: Scanned, marks: Marks) -> float:
    """Points for a person, a list, a shop or a ticket system behind the message."""
    threaded = b"in-reply-to" in scanned.headers or b"references" in scanned.headers
    total = 0.0
    if marks.answers and threaded and not (marks.null_sender or marks.auto_reply):
        total += 4.5
    if marks.ticket:
        total += 2.5
    if b"user-agent" in scanned.headers and not marks.null_sender:
        total += 1.5
    if marks.daemon:
        # Bounces to a list's own address pass through its list server, which adds its headers.
        return total + (0.5 if marks.on_list else 0.0)
    machine = marks.postmaster or _LIST_OWNER.search(scanned.text(b"to")) is not None
    if marks.on_list:
        total += 0.5 if machine else 4.5
    if marks.bulk and not machine:
        total += 2.0
    return total


def _best(scores: dict[Kind, Score]) -> Classified:
    """Take the kind with the most points; near the top the rarer one wins."""
    top = max((score[0] for score in scores.values()), default=0.0)
    if top < ENOUGH:
        return _NOTHING
    least = max(ENOUGH, top - _NEAR)
    kind = next(kind for kind in _FIRST if kind in scores and scores[kind][0] >= least)
    return Classified(kind, scores[kind][1])
