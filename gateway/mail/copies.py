"""The words for what is kept of a message: for whom, and why."""

import enum

import msgspec

from gateway.mail.decisions import Decision


class Purpose(enum.StrEnum):
    """Why a copy is kept: to be reviewed; as the original of what was stripped; or on its way to another mailbox.

    A digest is a message of our own, which tells a mailbox of ours what is kept.
    """

    REVIEW = "review"
    ORIGINAL = "original"
    REDIRECT = "redirect"
    COPY = "copy"
    DIGEST = "digest"

    @property
    def leaves_by_itself(self) -> bool:
        """Whether it is delivered without anybody's word, from the null sender."""
        return self in {Purpose.REDIRECT, Purpose.COPY, Purpose.DIGEST}

    @property
    def words(self) -> str:
        """Say what such a copy is."""
        return _WORDS[self]


_WORDS = {
    Purpose.REVIEW: "quarantined copy",
    Purpose.ORIGINAL: "original of a stripped message",
    Purpose.REDIRECT: "redirected message",
    Purpose.COPY: "blind copy",
    Purpose.DIGEST: "digest of the quarantine",
}


class Copy(msgspec.Struct, frozen=True, omit_defaults=True):
    """One recipient's copy of the message. ``route`` is where a release delivers it.

    Of what is redirected or copied ``recipient`` is the mailbox that gets it, ``instead_of`` whose it was.
    """

    recipient: str
    route: str
    decision: Decision
    purpose: Purpose = Purpose.REVIEW
    instead_of: str = ""
