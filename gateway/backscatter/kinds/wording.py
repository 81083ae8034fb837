"""What a set of words for one kind looks like. The words themselves stand in one file a kind."""

import msgspec

from gateway.backscatter.words import Kind

Group = tuple[float, tuple[str, ...]]


class Wording(msgspec.Struct, frozen=True):
    """The words by which one kind is known, in groups of the same points.

    ``subjects`` are regular expressions, tried at the beginning of a subject; ``senders`` are regular expressions for
    the From header; ``phrases`` are plain text, looked for in the notice with blanks folded. All is in lower case. Four
    points make a kind: a phrase that only this kind ever uses is worth three, one that people write as well, one.
    """

    kind: Kind
    subjects: tuple[Group, ...] = ()
    senders: tuple[Group, ...] = ()
    phrases: tuple[Group, ...] = ()
