"""What kind of automatic mail is this? Answers by structure where a standard defines one, else by words and marks.

The work is bounded: headers, and the beginning of the leading parts. It never raises and never looks at a store.
"""

from gateway.backscatter.kinds.marks import read_marks
from gateway.backscatter.kinds.scanning import scan_headers
from gateway.backscatter.kinds.scoring import weigh
from gateway.backscatter.words import Classified

__all__ = ["classify"]


def classify(raw: bytes, *, sender: str | None = None) -> Classified:
    """Say what kind of automatic mail ``raw`` is, with the facts in words.

    ``sender`` is the envelope sender, empty for the null sender; None where it is not known: then the header
    Return-Path stands for it. Mail that no header marks as automatic leaves before its body is looked at.
    """
    scanned = scan_headers(raw)
    return weigh(scanned, read_marks(scanned, sender))
