"""The word for an attachment that was taken out of a message."""

import msgspec


class Taken(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part that a note stands for. ``start`` and ``stop`` are where it lies in the octets of the original.

    ``part`` is its path in the message's tree, ``name`` and ``type`` are what it claimed to be, ``octets`` its size as
    it was encoded, ``why`` what was found.
    """

    part: str
    start: int
    stop: int
    name: str = ""
    type: str = ""
    octets: int = 0
    why: str = ""

    @property
    def words(self) -> str:
        """Name it: its file name, or its type, and the part that it was."""
        return f"{self.name or self.type or 'an attachment'} (part {self.part})"
