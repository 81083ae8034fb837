"""What clamd can say, and every way in which it can fail to: each a word of its own, and only one of them is clean."""

import enum
import re

import msgspec


class Trouble(enum.StrEnum):
    """Why no scanner could tell."""

    DOWN = "down"  # nobody takes the connection
    BUSY = "busy"  # no scanner became free in time
    SLOW = "slow"  # no answer in time
    EMPTY = "empty answer"  # it hung up without a word
    CUT = "cut answer"  # it hung up in the middle of its answer
    GARBAGE = "garbage"  # its answer is none that we know
    HUNG_UP = "hung up"  # it cut the connection while we were sending
    FAILED = "failed"  # it said ERROR: no room on its disk, say


_REMEDIES = {
    Trouble.DOWN: "see that it runs, and that [clamd] socket names it",
    Trouble.BUSY: "raise MaxThreads in clamd.conf and [clamd] concurrent, or add one to [clamd] sockets",
    Trouble.SLOW: "see how busy the machine is; raise [clamd] seconds, or lower MaxScanTime in clamd.conf",
    Trouble.EMPTY: "see its log: it may have been stopped, or killed for want of memory",
    Trouble.CUT: "see its log: it may have been stopped, or killed for want of memory",
    Trouble.HUNG_UP: "see its log, and whether StreamMaxLength in clamd.conf is larger than max_size of the policy",
    Trouble.GARBAGE: "see what listens there: clamd does not speak so",
    Trouble.FAILED: "see its log, and how much room its TemporaryDirectory has",
}


def remedy(told: str) -> str:
    """Give what to do about a failure, by the word with which its text begins."""
    found = (what for trouble, what in _REMEDIES.items() if told.startswith(f"{trouble}: "))
    return next(found, "see clamd's log, and how busy the machine is")


class ScannerError(Exception):
    """The scanner could not tell. The text says why, and ``trouble`` in one word."""

    def __init__(self, text: str, trouble: Trouble = Trouble.FAILED) -> None:
        """Take the sentence and the word."""
        super().__init__(text)
        self.trouble = trouble

    def __str__(self) -> str:
        """Give the word, then the sentence."""
        return f"{self.trouble}: {self.args[0]}"


class ScannerTimeout(ScannerError):  # noqa: N818 - a ScannerError with a name of its own
    """The scanner did not answer in time (``slow``), or none became free in time (``busy``)."""


class Verdict(enum.StrEnum):
    """What clamd said. Only ``clean`` means that it looked at all of it and found nothing."""

    CLEAN = "clean"
    VIRUS = "virus"
    LIMITS = "limits"  # it stopped looking at one of its limits
    ENCRYPTED = "encrypted"  # it could not look inside
    ENCRYPTED_DOCUMENT = "encrypted document"  # nor into this, which holds a text and no files
    HEURISTIC = "heuristic"  # something is odd, and no signature fits
    TOO_LARGE = "too large"  # it takes no stream of that size


class ScanResult(msgspec.Struct, frozen=True):
    """The verdict, and the signature's name where there is one."""

    verdict: Verdict
    name: str = ""

    @property
    def clean(self) -> bool:
        """Whether clamd looked at all of it and found nothing."""
        return self.verdict is Verdict.CLEAN


CLEAN = ScanResult(Verdict.CLEAN)
_FOUND = re.compile(r"stream: (\S.*) FOUND")
_TOO_LARGE = "INSTREAM size limit exceeded. ERROR"
# Names that the engine makes itself, where no signature fits.
_KINDS = (
    ("Heuristics.Limits.Exceeded", Verdict.LIMITS),
    ("Heuristics.Encrypted.PDF", Verdict.ENCRYPTED_DOCUMENT),
    ("Heuristics.Encrypted.", Verdict.ENCRYPTED),
    ("Heuristics.", Verdict.HEURISTIC),
)


def read_answer(text: str) -> ScanResult:
    """Read clamd's answer to INSTREAM, without its number and its NUL. Only ``stream: OK`` is clean.

    Raises ScannerError.
    """
    if text == "stream: OK":
        return CLEAN
    if (found := _FOUND.fullmatch(text)) and found[1].isprintable():
        name = found[1]
        verdict = next((kind for begin, kind in _KINDS if name.startswith(begin)), Verdict.VIRUS)
        return ScanResult(verdict, name)
    if text == _TOO_LARGE:
        return ScanResult(Verdict.TOO_LARGE, "larger than clamd's StreamMaxLength")
    said = f"clamd answered {text[:200]!r}"
    raise ScannerError(said, Trouble.FAILED if text.endswith(" ERROR") else Trouble.GARBAGE)
