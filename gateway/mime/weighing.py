"""What oddities weigh: by what lies behind them. Pure."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from gateway.mime.danger import SNIFFED, Danger, of_content, of_name, of_type
from gateway.mime.decoding import Raw, readings, whole
from gateway.mime.endings import HARMLESS, RUNS_OR_HOLDS, SEEN, ending_of
from gateway.mime.saying import Odd
from gateway.mime.words import Grade, Oddity, Part

HIDDEN = 8.0  # points of an attachment that some readers see and others do not
_POINTS = {Grade.PLAIN: 0.2, Grade.SOFT: 1.0, Grade.HARD: 2.0}
_POINTS_OF = {"MIME_PARTIAL": 8.0}
_LIES = "\u202e\u202d\u2066\u2067\u2068"  # what turns the direction of a text around
# What Persian, Indian scripts and emoji are joined with, and Hebrew, Arabic and telephone numbers between them marked.
_WRITING = dict.fromkeys(map(ord, "\u200c\u200d\u200e\u200f\u061c\u202a\u202c"))


def weighed(raw: Raw, parts: Sequence[Part], found: Iterable[tuple[str, Odd]]) -> Iterator[Oddity]:
    """Give the oddities with their points; ``found`` has the path of a part with each."""
    odd = list(dict.fromkeys(found))
    odd.extend((part.path, each) for part in parts if part.names for each in _of_names(part))
    if not odd:
        return
    behind = _dangers(raw, parts) if any(each.grade for _, each in odd) else {}
    hidden = False
    for path, each in odd:
        needed = Danger.ATTACHMENT if each.grade is Grade.HARD else Danger.EXECUTABLE
        hides = each.grade > Grade.PLAIN and behind.get(path, Danger.NONE) >= needed
        points = _POINTS_OF.get(each.symbol, _POINTS[each.grade])
        if hides and not hidden:
            hidden = True
            yield Oddity("MIME_HIDDEN_ATTACHMENT", each.detail, HIDDEN, path, hides=True)
        yield Oddity(each.symbol, each.detail, points, path, hides=hides)


def _dangers(raw: Raw, parts: Sequence[Part]) -> dict[str, Danger]:
    """Give how dangerous each part is, with all below it, by its path."""
    behind: dict[str, Danger] = {}
    for part in parts:
        danger = danger_of(raw, part)
        if danger:
            path = part.path
            while path and behind.get(path, Danger.NONE) < danger:
                behind[path] = danger
                path = path.rpartition(".")[0]
    return behind


def danger_of(raw: Raw, part: Part) -> Danger:
    """Say how dangerous one part is under all its readings."""
    found = max((of_name(name) for name in part.names), default=Danger.NONE)
    found = max(found, *(of_type(each) for each in part.types))
    if part.disposition == "attachment" and part.names and not found and not part.types[0].startswith("image/"):
        found = Danger.ATTACHMENT
    if found < Danger.EXECUTABLE and not part.multipart:
        found = max(found, *(of_content(whole(each.blocks, SNIFFED)) for each in readings(raw, part)))
    return found


def _of_names(part: Part) -> Iterator[Odd]:
    """Say what is odd about the names of a part."""
    if len(part.names) == 1 and part.names[0].isascii() and part.names[0].isprintable():
        return
    plainly = [name for name in part.names if "=?" not in name and "%" not in name and "''" not in name]
    endings = {ending_of(name) for name in plainly}
    runs = endings & RUNS_OR_HOLDS
    if runs and (endings & (HARMLESS | SEEN)) - RUNS_OR_HOLDS:  # others are pieces of what was half decoded
        yield Odd("MIME_NAME", "it is called differently by readers: " + _shown(plainly), Grade.SOFT)
    if any(each in name for name in part.names for each in _LIES):
        yield Odd("MIME_NAME", "its name turns around the direction of reading", Grade.HARD)
    elif any(not name.isprintable() and _has_unseen(name) for name in part.names):
        yield Odd("MIME_NAME", "its name has control characters", Grade.SOFT)


def _has_unseen(name: str) -> bool:
    """Whether a name has what nobody sees, but for what some languages need in front of the ending."""
    stem, _, ending = name.rpartition(".")
    return any(map(_is_unseen, stem.translate(_WRITING) + ending))


def _is_unseen(character: str) -> bool:
    """Whether nobody sees a character of a name; of what Latin-1 has above ASCII, half of any UTF-8 is made."""
    if character < "\x80":
        return not character.isprintable() and character not in "\r\n\t"
    return character > "\xff" and unicodedata.category(character) == "Cf"


def _shown(names: list[str]) -> str:
    """Give names as one short text."""
    return ", ".join(ascii(name[:40]) for name in names[:4])
