"""The words of backscatter: kinds of automatic mail, evidence, verdicts."""

import enum

import msgspec


class SecretGoneError(OSError):
    """A secret that the policy names is not there, and without it nothing can be said. The text names its file."""

    def __init__(self, name: str) -> None:
        """``name`` is the secret's id."""
        super().__init__(
            f"the file secrets/{name} is not there, so that nobody can say what is ours: bring it back from a backup, "
            "or retire that key"
        )


class Kind(enum.StrEnum):
    """What kind of automatic mail a message is."""

    BOUNCE = "bounce"
    DELAY_NOTICE = "delay-notice"
    VIRUS_NOTICE = "virus-notice"
    AUTOREPLY = "autoreply"
    CHALLENGE = "challenge"
    CONFIRMATION = "confirmation"
    RECEIPT = "receipt"
    REPORT = "report"
    NONE = "none"

    @property
    def answers_delivery(self) -> bool:
        """Whether it tells of the fate of a message: what a forged sender gets by the thousand."""
        return self in {Kind.BOUNCE, Kind.DELAY_NOTICE, Kind.VIRUS_NOTICE}


class Verdict(enum.StrEnum):
    """Whether an automatic message answers mail that we sent."""

    GENUINE = "genuine"
    FORGED = "forged"
    UNVERIFIABLE = "unverifiable"
    NOT_AUTOMATIC = "not-automatic"


class Force(enum.StrEnum):
    """What a piece of evidence is good for.

    A proof can't be written by others; a hint can, and only keeps ``forged`` from being said; ``against`` speaks
    for a forgery; ``neutral`` says that something was looked for, and is not there.
    """

    PROOF = "proof"
    HINT = "hint"
    AGAINST = "against"
    NEUTRAL = "neutral"


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fact. ``name`` is a short word such as ``batv``, ``seal``, ``ledger``; ``detail`` is a sentence."""

    name: str
    force: Force
    detail: str = ""


class Classified(msgspec.Struct, frozen=True):
    """The kind of a message, and the facts that say so, in words."""

    kind: Kind
    evidence: tuple[str, ...] = ()


class Judged(msgspec.Struct, frozen=True):
    """The verdict on a message, its kind, and the chain of reasoning.

    ``refused`` are the destinations of a genuine bounce which says, in the words of ``blames``, that the tag on our
    sender was why.
    """

    verdict: Verdict
    kind: Kind
    evidence: tuple[Evidence, ...] = ()
    because: str = ""
    refused: tuple[str, ...] = ()
    blames: str = ""
