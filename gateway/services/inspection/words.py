"""The words of an inspection: what was found in an attachment, and the bounds of looking."""

import msgspec

from gateway.mime.kinds import Kind


class Limits(msgspec.Struct, frozen=True):
    """How much is looked at in one attachment, with all that lies in it.

    ``seconds`` of processor time, ``depth`` levels of archives, ``entries`` in all; ``unpacked`` octets are unpacked to
    be looked at, ``nested`` at most for one archive within another; ``declared`` octets may all entries together say
    that they unpack to.
    """

    seconds: float = 5.0
    depth: int = 8
    entries: int = 20_000
    unpacked: int = 256 * 1024 * 1024
    nested: int = 48 * 1024 * 1024
    declared: int = 1024 * 1024 * 1024


class Thing(msgspec.Struct, omit_defaults=True):
    """The attachment itself, or one thing that lies in it.

    ``names`` are those that it goes by, most often one; ``inside`` the names of what it lies in, the outermost first;
    ``type`` its media type by content, empty where the content was not looked at; ``kinds`` what makes it dangerous,
    each with the detail in words.
    """

    names: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    type: str = ""
    kinds: dict[Kind, str] = {}


class Inspection(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was found. The first of ``things`` is the attachment itself; ``more`` counts what is not named.

    ``seconds`` of processor time were spent.
    """

    things: tuple[Thing, ...] = ()
    more: int = 0
    seconds: float = 0.0


class Request(msgspec.Struct, frozen=True):
    """What the helper process is asked: the size of the file that comes along, its names, the types that it says."""

    size: int
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    limits: Limits = Limits()
