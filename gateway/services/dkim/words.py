"""What verifying signatures gives: one result a DKIM signature, one for a whole ARC chain."""

import msgspec


class Signature(msgspec.Struct, frozen=True, omit_defaults=True):
    """One DKIM-Signature field.

    ``result`` is one of RFC 8601 2.7.1, but never ``none``: ``pass``, ``fail`` (it does not fit the message, or has
    expired), ``policy`` (it fits, but is too weak to count), ``neutral`` (it was not looked at), ``temperror`` (DNS),
    ``permerror`` (it, or its key record, is unusable). ``domain`` (d=, in lower case, as an A-label) and ``selector``
    are empty where they can't be read. ``hint`` is the start of b=, which tells signatures of one domain apart
    (RFC 6008). ``testing`` is the domain's own word that it only tries DKIM. ``detail`` is for people.
    """

    result: str
    domain: str = ""
    selector: str = ""
    hint: str = ""
    algorithm: str = ""
    bits: int = 0
    testing: bool = False
    detail: str = ""


class ArcSet(msgspec.Struct, frozen=True, omit_defaults=True):
    """One set of a chain: who sealed it, and the results (RFC 8617 4.1.1) that the sealer saw, unfolded."""

    instance: int
    sealer: str
    results: str = ""


class ArcChain(msgspec.Struct, frozen=True, omit_defaults=True):
    """An ARC chain (RFC 8617 4.4).

    ``result`` is ``none``, ``pass``, ``fail`` or ``temperror``; ``sets`` are in the order in which they were added,
    and empty unless the chain passed. ``detail`` is for people.
    """

    result: str
    sets: tuple[ArcSet, ...] = ()
    detail: str = ""
