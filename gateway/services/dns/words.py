"""What is asked of DNS and what is answered, whoever answers."""

import asyncio
import enum
from collections.abc import Awaitable
from typing import Protocol

import msgspec


class Status(enum.StrEnum):
    """How a look-up ended. The last two are no answer: who asks has a policy for that."""

    FOUND = "found"
    NO_DATA = "no-data"  # the name exists, without records of that type
    NO_NAME = "no-name"  # NXDOMAIN
    FAILED = "failed"  # SERVFAIL, REFUSED, malformed, a loop of CNAMEs, a name that can't be asked for
    TIMEOUT = "timeout"

    @property
    def failed(self) -> bool:
        """Whether nothing is known."""
        return self in {Status.FAILED, Status.TIMEOUT}


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The answer to one question, CNAMEs followed.

    ``records`` are text in presentation form, in the order of the answer: addresses for A and AAAA; names in lower case
    without the last dot for PTR, CNAME and NS; ``preference name`` for MX (``0 .`` is the null MX). Those of TXT are
    the strings of a record put together, octets beyond ASCII as surrogate escapes. ``detail`` says how it failed.
    """

    status: Status
    records: tuple[str, ...] = ()
    detail: str = ""


def known(question: Awaitable[Answer]) -> Answer | None:
    """Give the answer to a question where it is there already, as one from the cache is; None where one must wait."""
    return question.result() if isinstance(question, asyncio.Future) and question.done() else None


class Resolver(Protocol):
    """Asks DNS. Never raises; a name that can't be asked for (too long, empty label) is ``failed``."""

    def query(self, name: str, kind: str, *, seconds: float | None = None) -> Awaitable[Answer]:
        """Look up records of a type such as ``TXT``, within ``seconds`` (None: the configured bound).

        The gateway's resolver asks at once, before anybody waits: what is asked in a row is asked together, and needs
        no task for each question.
        """
