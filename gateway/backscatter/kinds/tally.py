"""Adds up what subject, sender and text say for one kind, by the words of that kind."""

import functools
import re
from collections import Counter
from collections.abc import Iterable

from gateway.backscatter.kinds.autoreplies import WORDING as AUTOREPLIES
from gateway.backscatter.kinds.bounces import WORDING as BOUNCES
from gateway.backscatter.kinds.challenges import WORDING as CHALLENGES
from gateway.backscatter.kinds.confirmations import WORDING as CONFIRMATIONS
from gateway.backscatter.kinds.delays import WORDING as DELAYS
from gateway.backscatter.kinds.marks import Marks
from gateway.backscatter.kinds.receipts import WORDING as RECEIPTS
from gateway.backscatter.kinds.reports import WORDING as REPORTS
from gateway.backscatter.kinds.scanning import Leading
from gateway.backscatter.kinds.virus_notices import WORDING as VIRUS_NOTICES
from gateway.backscatter.kinds.wording import Wording
from gateway.backscatter.words import Kind

ENOUGH = 4.0  # points that make a kind

_PLENTY = 6.0  # points of phrases after which more say no more
_TEXT_AT_MOST = 4.5  # points that text alone can give
_STEM = 5  # characters of a stem
_WORDINGS = (BOUNCES, DELAYS, VIRUS_NOTICES, AUTOREPLIES, CHALLENGES, CONFIRMATIONS, RECEIPTS, REPORTS)

KINDS = tuple(wording.kind for wording in _WORDINGS)
_SUBJECTS = {w.kind: tuple((re.compile("|".join(said)), worth) for worth, said in w.subjects) for w in _WORDINGS}
_SENDERS = {w.kind: tuple((re.compile("|".join(said)), worth) for worth, said in w.senders) for w in _WORDINGS}
_ALL_SUBJECTS = [pattern for w in _WORDINGS for _, said in w.subjects for pattern in said]
# What may stand at any word is tried by one pass over the words, which lets more through, and then exactly.
_FAR = [(pattern, match[1]) for pattern in _ALL_SUBJECTS if (match := re.match(r"\.\{0,\d+\}\\b(.+)", pattern))]
_NEAR_SUBJECT = re.compile("|".join(pattern for pattern in _ALL_SUBJECTS if pattern not in dict(_FAR)))
_FAR_SUBJECT = re.compile("|".join(pattern for pattern, _ in _FAR))
_LIKE_FAR_SUBJECT = re.compile(r"\b(?:" + "|".join(f"(?:{word})" for _, word in _FAR) + ")")


Stems = tuple[tuple[str, tuple[str, ...]], ...]


def _by_stem(phrases: Iterable[str]) -> Stems:
    """Put phrases together that share a stem: where a text lacks it, it holds none of them."""
    stems = {phrase: {phrase[at : at + _STEM] for at in range(max(1, len(phrase) - _STEM + 1))} for phrase in phrases}
    shared = Counter(stem for each in stems.values() for stem in each)
    groups: dict[str, list[str]] = {}
    for phrase, of_phrase in stems.items():
        groups.setdefault(max(sorted(of_phrase), key=lambda stem: shared[stem]), []).append(phrase)
    return tuple((stem if len(each) > 1 else each[0], tuple(each)) for stem, each in groups.items())


def _phrases(wording: Wording, *, ascii_only: bool) -> tuple[tuple[float, Stems], ...]:
    """Give the phrases of a kind by what they are worth, most first."""
    return tuple(
        (worth, _by_stem(phrase for phrase in said if phrase.isascii() or not ascii_only))
        for worth, said in wording.phrases
    )


_PHRASES = {ascii_only: {w.kind: _phrases(w, ascii_only=ascii_only) for w in _WORDINGS} for ascii_only in (True, False)}


def any_subject(subject: str) -> bool:
    """Whether a subject is one of automatic mail, of whatever kind."""
    if _NEAR_SUBJECT.match(subject):
        return True
    return _LIKE_FAR_SUBJECT.search(subject) is not None and _FAR_SUBJECT.match(subject) is not None


def subject_says(kind: Kind, marks: Marks) -> bool:
    """Whether the subject is one of this kind."""
    return bool(_by_subject(kind, marks.subject)[1])


@functools.lru_cache(maxsize=1024)
def _by_subject(kind: Kind, subject: str) -> tuple[float, str]:
    """Give the points of a subject for a kind, and the fact, empty where there is none.

    Remembered, since programs write the same subject again and again.
    """
    for pattern, worth in _SUBJECTS[kind]:
        if found := pattern.match(subject):
            return worth, f'the subject says "{found[0][:60]}"'
    return 0.0, ""


def points(kind: Kind, marks: Marks, leading: Leading, *, text_alone: bool = True) -> tuple[float, tuple[str, ...]]:
    """Give the points for a kind, and the facts in words; no facts where nothing speaks for it.

    Unless ``text_alone``, the text is looked at only where the subject is one of this kind.
    """
    total, fact = _by_subject(kind, marks.subject)
    facts = [fact] if fact else []
    if not (text_alone or facts):
        return 0.0, ()
    for pattern, worth in _SENDERS[kind]:
        if found := pattern.search(marks.sender):
            total += worth
            facts.append(f'the sender is "{found[0][:40]}"')
            break
    spoken, said = _spoken(kind, leading.text)
    if said:
        facts.append("the text says " + ", ".join(f'"{phrase}"' for phrase in said[:3]))
    return total + min(spoken, _TEXT_AT_MOST), tuple(facts)


def _spoken(kind: Kind, text: str) -> tuple[float, list[str]]:
    """Look for the phrases of a kind, those worth most first; gives points and phrases."""
    spoken = 0.0
    said: list[str] = []
    for worth, groups in _PHRASES[text.isascii()][kind]:
        for stem, phrases in groups:
            if stem not in text:
                continue
            for phrase in phrases:
                if phrase in text:
                    spoken += worth
                    said.append(phrase)
            if spoken >= _PLENTY:
                return spoken, said
    return spoken, said
