"""What is said of one DNS record: what it should be, and what was found there."""

import enum

import msgspec


class Kind(enum.StrEnum):
    """The types of records that are wanted."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    MX = "MX"
    PTR = "PTR"
    TLSA = "TLSA"
    TXT = "TXT"


_OF_A_NAME = {Kind.CNAME, Kind.MX, Kind.PTR}  # their values end with a name, which a zone ends with a dot


class State(enum.StrEnum):
    """What DNS says of a record."""

    PUBLISHED = "published"
    DIFFERS = "differs"
    MISSING = "missing"
    UNKNOWN = "could not be asked"


class Record(msgspec.Struct, frozen=True):
    """One record that is wanted.

    ``name`` and ``value`` are as the resolver gives them: names without the last dot, a TXT as one text. Without a
    value it is for a person to know. ``about`` says what it is good for. Of a ``suggestion`` another value may be as
    right; an ``optional`` one need not be there. ``elsewhere`` says that the record stands in a zone that others keep;
    ``withdrawn`` ones are right while they are there, and needed by nobody who never had them.
    """

    name: str
    kind: Kind
    value: str
    about: str
    suggestion: bool = False
    optional: bool = False
    elsewhere: bool = False
    withdrawn: bool = False

    @property
    def line(self) -> str:
        """The record as a zone file has it; a comment where something is left for a person to fill in."""
        if not self.value:
            return f"; {self.name}. IN {self.kind} <address>"
        if self.kind is Kind.TXT:
            return _txt_line(self.name, self.value)
        return f"{self.name}. IN {self.kind} {self.value}{'.' if self.kind in _OF_A_NAME else ''}"


class Seen(msgspec.Struct, frozen=True):
    """What DNS says of a record: ``there`` are the values that it has, ``detail`` why it could not be asked."""

    record: Record
    state: State
    there: tuple[str, ...] = ()
    detail: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing has to be done about it."""
        match self.state:
            case State.PUBLISHED:
                return True
            case State.DIFFERS:
                return self.record.suggestion
            case State.MISSING:
                return self.record.optional
        return False


def _txt_line(name: str, value: str) -> str:
    """Give a TXT record as a zone file has it. A string holds 255 octets (RFC 1035 3.3.14): a long one is cut."""
    pieces = " ".join(f'"{value[at : at + 255]}"' for at in range(0, len(value), 255))
    return f"{name}. IN TXT {pieces}" if len(value) <= 255 else f"{name}. IN TXT ( {pieces} )"  # noqa: PLR2004 - as above
