"""The words of a message's anatomy: its parts as every reader may see them, and what readers would not agree on."""

import enum

import msgspec


class Grade(enum.IntEnum):
    """How bad it is that readers do not agree on something.

    ``PLAIN``: ordinary mail does it as well. ``SOFT``: rare in ordinary mail; it counts where something executable is
    behind it. ``HARD``: no mail program writes such a thing; it counts where any attachment is behind it.
    """

    PLAIN = 0
    SOFT = 1
    HARD = 2


class Part(msgspec.Struct, frozen=True):
    """One part. ``path`` is its place in the tree, as ``1.2.1``; ``1`` is the whole message.

    ``types`` are the media types that readers may take it for, lower-case, what most take first; ``names`` every file
    name that a reader may show, as text; ``encodings`` every transfer encoding that a reader may undo, lower-case, the
    likeliest first (``7bit`` is no encoding, ``guess-base64`` and the like were found without a header that says so).
    ``disposition`` is ``attachment``, ``inline`` or empty. ``head`` and ``body`` are where its header section and its
    body lie in the octets of the message: begin and end. ``multipart`` says that its parts follow it. Where a message
    was itself encoded, its parts lie ``within`` another part, in what comes out of undoing that one's encoding
    ``under``; ``readings`` knows.
    """

    path: str
    types: tuple[str, ...]
    names: tuple[str, ...]
    encodings: tuple[str, ...]
    disposition: str
    head: tuple[int, int]
    body: tuple[int, int]
    multipart: bool = False
    within: "Part | None" = None
    under: str = ""


class Oddity(msgspec.Struct, frozen=True):
    """One thing on which readers do not agree.

    ``symbol`` is its name as a finding's, ``points`` what it weighs; ``hides`` says that with one reading an attachment
    is there and with another it is not, or is another one. ``part`` is the path of the part.
    """

    symbol: str
    detail: str
    points: float
    part: str = "1"
    hides: bool = False


class Anatomy(msgspec.Struct, frozen=True):
    """The parts in their order, and the oddities. ``cut`` says why not all was read, and is empty where all was.

    ``overlong`` says that a line is longer than SMTP allows, which is nothing odd, but cut in two by some programs.
    """

    parts: tuple[Part, ...]
    oddities: tuple[Oddity, ...] = ()
    cut: str = ""
    overlong: bool = False

    @property
    def broken(self) -> bool:
        """Whether readers do not agree on what the parts hold, so that scanners must see every reading."""
        return bool(self.cut) or any(each.hides or each.points > 0 for each in self.oddities)
